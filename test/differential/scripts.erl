%% Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
%% Runs the scripts of a file and prints one line each, `Seed<TAB>Trace`: see script.hpp for what
%% they are made of, and troupe_run.cpp for the same in C++.
-module(scripts).
-export([main/1]).

-define(UNIT, 20).
-define(AT_ONCE, 100).

main(File) ->
    {ok, Scripts} = file:consult(File),
    run_all(Scripts, 0),
    halt(0).

run_all([], 0) -> ok;
run_all([Script | Rest], Running) when Running < ?AT_ONCE ->
    Printer = self(),
    spawn(fun() -> Printer ! {done, run(Script)} end),
    run_all(Rest, Running + 1);
run_all(Scripts, Running) ->
    receive {done, {Seed, Trace}} -> io:format("~b\t~s~n", [Seed, Trace]) end,
    run_all(Scripts, Running - 1).

%% The world of a script: a table of its processes in both directions, and of their logs.
run({Seed, Bodies}) ->
    World = ets:new(world, [public, ordered_set]),
    Numbered = lists:zip(lists:seq(0, length(Bodies) - 1), Bodies),
    ets:insert(World, [{{body, I}, Operations} || {I, {_, Operations}} <- Numbered]),
    ets:insert(World, [{seed, Seed}, {harness, self()}]),
    Roots = [{I, start(World, I, 0)} || {I, {true, _}} <- Numbered],
    Watched = maps:from_list([watch(I, Pid) || {I, Pid} <- Roots]),
    [Pid ! go || {_, Pid} <- Roots],
    wait(World, Watched),
    Trace = [[integer_to_list(I), ": ", lists:join(", ", log_of(World, I)), "; "]
             || {I, _} <- Numbered],
    ets:delete(World),
    {Seed, Trace}.

watch(I, Pid) -> {monitor(process, Pid), I}.

wait(_, Watched) when map_size(Watched) =:= 0 -> ok;
wait(World, Watched) ->
    receive
        {watch, I, Pid} ->
            {Ref, I} = watch(I, Pid),
            Pid ! go,
            wait(World, Watched#{Ref => I});
        {'DOWN', Ref, process, _, Reason} ->
            ets:insert(World, {{log, maps:get(Ref, Watched), infinity}, ["ended ", text(Reason)]}),
            wait(World, maps:remove(Ref, Watched))
    end.

log_of(World, I) -> [Event || [Event] <- ets:match(World, {{log, I, '_'}, '$1'})].

start(World, I, Ties) ->
    Options = [link || Ties band 1 =:= 1] ++ [monitor || Ties band 2 =:= 2],
    Body = fun() ->
        enter(World, I, self()),
        put(world, World), put(me, I), put(events, 0), put(monitors, []), put(timers, []),
        receive go -> ok after 60 * ?UNIT -> exit(never_told) end,
        [{_, Operations}] = ets:lookup(World, {body, I}),
        lists:foreach(fun(Operation) ->
            _ = [erlang:yield() || rand:uniform(4) =:= 1],
            do(Operation)
        end, Operations)
    end,
    case spawn_opt(Body, Options) of
        {Pid, Ref} -> put(monitors, get(monitors) ++ [Ref]);
        Pid -> ok
    end,
    enter(World, I, Pid),
    Pid.

enter(World, I, Pid) -> ets:insert(World, [{{pid, I}, Pid}, {{number, Pid}, I}]).

log(Event) ->
    Count = get(events),
    put(events, Count + 1),
    ets:insert(get(world), {{log, get(me), Count}, Event}).

name(K) ->
    [{_, Seed}] = ets:lookup(get(world), seed),
    list_to_atom("name_" ++ integer_to_list(Seed) ++ "_" ++ integer_to_list(K)).

number(Pid) ->
    case ets:lookup(get(world), {number, Pid}) of
        [{_, I}] -> integer_to_list(I);
        [] -> "nobody"
    end.

%% Runs F on a process, if it is there by now.
with(I, F) ->
    case ets:lookup(get(world), {pid, I}) of
        [{_, Pid}] -> F(Pid);
        [] -> log("unknown")
    end.

%% Runs F on the K-th of a list that this process keeps.
with_kept(List, K, F) ->
    case get(List) of
        Kept when length(Kept) > K -> F(lists:nth(K + 1, Kept));
        _ -> log("none")
    end.

%% Logs how an operation went that may raise.
try_log(What, F) ->
    try F() of _ -> log([What, " ok"]) catch error:E -> log([What, " ", text(E)]) end.

do({send, I, N, _}) -> with(I, fun(Pid) -> Pid ! {number, get(me), N} end);
do({send_name, K, N, _}) -> try_log("send", fun() -> name(K) ! {number, get(me), N} end);
do({link, I, _, _}) ->
    with(I, fun(Pid) -> try_log("link", fun() -> link(Pid) end), erlang:yield() end);
do({unlink, I, _, _}) -> with(I, fun unlink/1);
do({monitor, I, _, _}) ->
    with(I, fun(Pid) -> keep_monitor(monitor(process, Pid)) end);
do({monitor_name, K, _, _}) -> keep_monitor(monitor(process, name(K)));
do({demonitor, K, Flush, _}) ->
    with_kept(monitors, K, fun(Ref) ->
        case Flush of
            1 -> demonitor(Ref, [flush]);
            0 -> log(["demonitor ", atom_to_list(demonitor(Ref, [info]))])
        end
    end);
do({exit, I, Reason, _}) -> with(I, fun(Pid) -> exit(Pid, reason(Reason)) end);
do({leave, Reason, _, _}) -> exit(reason(Reason));
do({trap, Flag, _, _}) ->
    log(["trap ", atom_to_list(process_flag(trap_exit, Flag =:= 1))]);
do({'receive', Wanted, Units, _}) -> got(take(Wanted, Units));
do({linger, _, Units, _} = Again) ->
    case take(0, Units) of
        timeout -> ok;
        Message -> got(Message), do(Again)
    end;
do({enter, K, I, _}) ->
    with(I, fun(Pid) -> try_log("enter", fun() -> register(name(K), Pid) end) end);
do({unregister, K, _, _}) -> try_log("unregister", fun() -> unregister(name(K)) end);
do({whereis, K, _, _}) ->
    log(["whereis ", case whereis(name(K)) of undefined -> "nobody"; Pid -> number(Pid) end]);
do({alive, I, _, _}) ->
    with(I, fun(Pid) -> log(["alive ", atom_to_list(is_process_alive(Pid))]) end);
do({start_timer, I, Units, N}) ->
    with(I, fun(Pid) ->
        put(timers, get(timers) ++ [erlang:send_after(Units * ?UNIT, Pid, {number, timer, N})])
    end);
do({cancel_timer, K, _, _}) ->
    with_kept(timers, K, fun(Timer) ->
        log(["cancel ", atom_to_list(is_integer(erlang:cancel_timer(Timer)))])
    end);
do({spawn, I, Ties, _}) ->
    Pid = start(get(world), I, Ties),
    [{_, Harness}] = ets:lookup(get(world), harness),
    Harness ! {watch, I, Pid}.

%% The DOWN of a process that is gone already is a signal to oneself, which the BEAM takes in when
%% the process next gives up the processor: after what it sends itself meanwhile, and not in a
%% receive with a time limit of zero. In Troupe it is there at once. The same goes for the EXIT
%% noproc that a process which traps exits gets from link. Yielding makes the BEAM take it in.
keep_monitor(Ref) ->
    put(monitors, get(monitors) ++ [Ref]),
    erlang:yield().

take(Wanted, Units) ->
    After = Units * ?UNIT,
    case Wanted of
        0 -> receive M -> M after After -> timeout end;
        1 -> receive {number, _, _} = M -> M after After -> timeout end;
        2 -> receive {'EXIT', _, _} = M -> M after After -> timeout end;
        3 -> receive {'DOWN', _, _, _, _} = M -> M after After -> timeout end
    end.

got(timeout) -> log("timeout");
got({number, timer, N}) -> log(["timer ", integer_to_list(N)]);
got({number, From, N}) -> log(["number ", integer_to_list(N), " of ", integer_to_list(From)]);
got({'EXIT', Pid, Reason}) -> log(["exit of ", number(Pid), " ", text(Reason)]);
got({'DOWN', Ref, process, Who, Reason}) ->
    Before = lists:takewhile(fun(R) -> R =/= Ref end, get(monitors)),
    Whose = case Who of {_, _} -> "name"; Pid -> number(Pid) end,
    log(["down ", integer_to_list(length(Before)), " of ", Whose, " ", text(Reason)]);
got(_) -> log("something else").

reason(R) -> element(R + 1, {normal, shutdown, boom, kill}).

text(Term) -> io_lib:format("~w", [Term]).
