%% Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
%% The workloads of troupe-bench on the BEAM, with gen_server and supervisor where ours use
%% GenServer and Supervisor.
%%
%%   erl -noshell +P 20000000 +S N:N -pa DIR -s bench main -extra WORKLOAD SIZE...
-module(bench).
-behaviour(gen_server).
-export([main/0, node_loop/1, init/1, handle_call/3, handle_cast/2, handle_continue/2]).

main() ->
    logger:set_primary_config(level, none),
    [Name | Sizes] = init:get_plain_arguments(),
    Numbers = [list_to_integer(Size) || Size <- Sizes],
    %% In a process of its own, as everything else runs.
    {_, Ref} = spawn_monitor(fun() -> run(Name, Numbers) end),
    receive
        {'DOWN', Ref, process, _, normal} -> ok;
        {'DOWN', Ref, process, _, Reason} -> report(Name, "error", Reason)
    end,
    halt(0).

report(Name, Metric, Value, Unit) ->
    io:format("~s erlang ~s ~.3f ~s~n", [Name, Metric, float(Value), Unit]).
report(Name, Metric, Why) -> io:format("~s erlang ~s 0 ~0p~n", [Name, Metric, Why]).

now_ns() -> erlang:monotonic_time(nanosecond).
rate(Count, Begin) -> Count * 1.0e9 / max(1, now_ns() - Begin).
draw(Seed) -> Seed * 48271 rem 2147483647.

status(Key) ->
    {ok, Text} = file:read_file("/proc/self/status"),
    {match, [Number]} = re:run(Text, Key ++ ":\\s+(\\d+)", [{capture, [1], list}]),
    list_to_integer(Number).
resident() -> status("VmRSS") * 1024.
peak() -> status("VmHWM") * 1024.
sized(Name, Size) -> Name ++ "_" ++ integer_to_list(Size).
repeat(0, _) -> ok;
repeat(Count, Do) -> Do(), repeat(Count - 1, Do).

%% --- Latencies in buckets: 100 ns below 10 ms, 10 us up to 10 s.

histogram() -> counters:new(1100001, [write_concurrency]).
note(Histogram, Ns) when Ns < 0 -> note(Histogram, 0);
note(Histogram, Ns) when Ns < 10000000 -> counters:add(Histogram, Ns div 100 + 1, 1);
note(Histogram, Ns) -> counters:add(Histogram, min(100000 + Ns div 10000, 1100000) + 1, 1).
report_histogram(Name, Prefix, Histogram) ->
    Full = [{Index - 1, Count} || Index <- lists:seq(1, 1100001),
                                  (Count = counters:get(Histogram, Index)) > 0],
    Total = lists:sum([Count || {_, Count} <- Full]),
    report(Name, Prefix ++ "count", Total, "n"),
    [report(Name, Prefix ++ Quantile, middle(bucket_at(Full, Part * Total, 0)) / 1000, "us")
     || {Quantile, Part} <- [{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}]].
bucket_at([], _, _) -> 0;
bucket_at([{Bucket, _}], _, _) -> Bucket;
bucket_at([{Bucket, Count} | _], Wanted, Sum) when Sum + Count >= Wanted -> Bucket;
bucket_at([{_, Count} | Rest], Wanted, Sum) -> bucket_at(Rest, Wanted, Sum + Count).
middle(Bucket) when Bucket < 100000 -> Bucket * 100 + 50;
middle(Bucket) -> (Bucket - 100000) * 10000 + 5000.

%% --- The servers.

init({crasher, Count, Most, Owner}) -> {ok, {Count, Most, Owner}, {continue, go}};
init(State) -> {ok, State}.
handle_call({echo, Value}, _, State) -> {reply, Value, State};
handle_call({deposit, Amount}, _, Balance) -> {reply, Balance + Amount, Balance + Amount};
handle_call({transfer, To, Amount}, _, Balance) ->
    gen_server:call(To, {deposit, Amount}),
    {reply, Balance - Amount, Balance - Amount};
handle_call({collect, Wanted}, From, {Waiting, Count}) when Count + 1 =:= Wanted ->
    [gen_server:reply(Asker, 1) || Asker <- [From | Waiting]],
    {noreply, {[], 0}};
handle_call({collect, _}, From, {Waiting, Count}) -> {noreply, {[From | Waiting], Count + 1}}.
handle_cast(_, State) -> {noreply, State}.
handle_continue(go, {Count, Most, Owner} = State) ->
    counters:add(Count, 1, 1),
    case counters:get(Count, 1) > Most of
        true -> Owner ! crashed_enough, {noreply, State};
        false -> error(boom)
    end.

%% --- The workloads.

run("spawn_exit", [Count]) ->
    Before = erlang:system_info(process_count),
    Begin = now_ns(),
    repeat(Count, fun() -> spawn(fun() -> ok end) end),
    wait_until_gone(Before),
    report("spawn_exit", "rate", rate(Count, Begin), "procs/s");
run("spawn_idle", [Count]) ->
    idle("spawn_idle", Count, fun() -> spawn(fun() -> receive stop -> ok end end) end);
run("spawn_idle_gs", [Count]) ->
    idle("spawn_idle_gs", Count, fun() -> {ok, Pid} = gen_server:start(?MODULE, 0, []), Pid end);
run("pingpong", [Rounds]) ->
    Other = spawn_link(fun ponger/0),
    Begin = now_ns(),
    ping(Rounds, Other),
    report("pingpong", "rate", rate(Rounds, Begin), "roundtrips/s");
run("ring", [Size, Hops]) ->
    Owner = self(),
    First = spawn(fun() -> receive {next, Next} -> first_node(Next, Owner) end end),
    Last = lists:foldl(fun(_, Next) -> spawn(?MODULE, node_loop, [Next]) end, First,
                       lists:seq(2, Size)),
    First ! {next, Last},
    Begin = now_ns(),
    First ! {token, Hops},
    receive arrived -> ok end,
    report(sized("ring", Size), "rate", rate(Hops, Begin), "hops/s");
run("fanin", [Senders, Total]) ->
    Name = sized("fanin", Senders),
    Each = Total div Senders,
    Owner = self(),
    Before = resident(),
    To = spawn(fun() -> count(Each * Senders), Owner ! counted end),
    All = [spawn(fun() -> receive go -> send_items(Each, To) end end)
           || _ <- lists:seq(1, Senders)],
    Begin = now_ns(),
    [Pid ! go || Pid <- All],
    receive counted -> ok end,
    report(Name, "rate", rate(Each * Senders, Begin), "msgs/s"),
    report(Name, "peak_rss", (peak() - Before) / 1048576, "MiB");
run("fanout", [Workers, Total]) ->
    Name = sized("fanout", Workers),
    All = list_to_tuple([spawn_link(fun worker/0) || _ <- lists:seq(1, Workers)]),
    Begin = now_ns(),
    hand_out(Total, Workers, All),
    repeat(Total, fun() -> receive {result, _} -> ok end end),
    report(Name, "rate", rate(Total, Begin), "roundtrips/s"),
    report(Name, "peak_rss", peak() / 1048576, "MiB");
run("big", [Players, Pings]) ->
    Owner = self(),
    All = [spawn_link(fun() ->
                              receive {everybody, Pids} ->
                                      player(Pids, ping_somebody(Pids, Seed), Pings, Owner)
                              end
                      end) || Seed <- [886452 + I * 104729 || I <- lists:seq(0, Players - 1)]],
    Everybody = list_to_tuple(All),
    Begin = now_ns(),
    [Pid ! {everybody, Everybody} || Pid <- All],
    repeat(Players, fun() -> receive finished -> ok end end),
    report("big", "rate", rate(Players * Pings, Begin), "pings/s");
run("call", [Clients, Total]) ->
    Name = sized("call", Clients),
    Each = Total div Clients,
    {ok, Server} = gen_server:start(?MODULE, 0, []),
    Latency = histogram(),
    Begin = now_ns(),
    [spawn_monitor(fun() -> calls(Each, Server, Latency) end) || _ <- lists:seq(1, Clients)],
    await_downs(Clients),
    report(Name, "rate", rate(Each * Clients, Begin), "calls/s"),
    report_histogram(Name, "", Latency);
run("bank", [Count, Transfers]) ->
    Accounts = list_to_tuple([element(2, gen_server:start(?MODULE, 0, []))
                              || _ <- lists:seq(1, Count)]),
    Begin = now_ns(),
    [spawn_monitor(fun() -> transfers(Transfers div 10, Accounts, Count, 886452 + I * 7919) end)
     || I <- lists:seq(0, 9)],
    await_downs(10),
    report("bank", "rate", rate(Transfers, Begin), "transfers/s");
run("selective", [Unwanted, Calls]) ->
    {ok, Server} = gen_server:start(?MODULE, 0, []),
    Nobody = histogram(),
    Begin0 = now_ns(),
    calls(Calls, Server, Nobody),
    report("selective", "rate_empty_mailbox", rate(Calls, Begin0), "calls/s"),
    [self() ! {unwanted, I} || I <- lists:seq(1, Unwanted)],
    Begin1 = now_ns(),
    calls(Calls, Server, Nobody),
    report("selective", "rate_marker", rate(Calls, Begin1), "calls/s"),
    Other = spawn_link(fun ponger/0),
    Begin2 = now_ns(),
    ping(Calls div 50 + 1, Other),
    report("selective", "rate_naive_receive", rate(Calls div 50 + 1, Begin2), "calls/s");
run("timers", [Count, Spread]) ->
    Owner = self(),
    Lateness = histogram(),
    {Processor0, _} = erlang:statistics(runtime),
    To = spawn(fun() ->
                       repeat(Count, fun() ->
                                             receive {due, At} -> note(Lateness, now_ns() - At) end
                                     end),
                       Owner ! all_came
               end),
    Begin = now_ns(),
    set_timers(Count, Spread, To, 886452),
    report("timers", "set_rate", rate(Count, Begin), "timers/s"),
    receive all_came -> ok end,
    {Processor1, _} = erlang:statistics(runtime),
    report("timers", "wall", (now_ns() - Begin) / 1.0e6, "ms"),
    report("timers", "cpu", Processor1 - Processor0, "ms"),
    report_histogram("timers", "", Lateness);
run("fairness", [Hogs, Pairs, Seconds]) ->
    Latency = histogram(),
    Lateness = histogram(),
    [spawn(fun() -> hog(0) end) || _ <- lists:seq(1, Hogs)],
    Start = now_ns() + 20000000,
    End = Start + Seconds * 1000000000,
    [begin
         Other = spawn(fun ponger/0),
         First = Start + I * 10000000 div Pairs,
         spawn_monitor(fun() -> pinger(Other, First, End, Latency, Lateness) end)
     end || I <- lists:seq(0, Pairs - 1)],
    await_downs(Pairs),
    report(fairness_name(Hogs), "expected", Pairs * Seconds * 100, "n"),
    report_histogram(fairness_name(Hogs), "", Latency),
    report_histogram(fairness_name(Hogs), "late_", Lateness);
run("restarts", [Count]) ->
    Crashes = counters:new(1, []),
    process_flag(trap_exit, true),
    Owner = self(),
    Begin = now_ns(),
    {ok, _} = bench_supervisor:start_link({crasher, Crashes, Count, Owner}),
    receive crashed_enough -> ok end,
    report("restarts", "rate", rate(Count, Begin), "restarts/s");
run("mbox", [Count]) ->
    To = spawn(fun() -> receive never -> ok end end),
    timer:sleep(20),
    erlang:suspend_process(To),
    Before = resident(),
    Begin = now_ns(),
    fill(Count, To),
    Rate = rate(Count, Begin),
    report("mbox", "bytes_per_msg", (resident() - Before) / Count, "bytes"),
    report("mbox", "rate", Rate, "msgs/s");
run("registry", [Count, Lookups, Readers]) ->
    Names = list_to_tuple([list_to_atom("bench_name_" ++ integer_to_list(I))
                           || I <- lists:seq(1, Count)]),
    Pids = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, Count)],
    Begin = now_ns(),
    [register(Name, Pid) || {Name, Pid} <- lists:zip(tuple_to_list(Names), Pids)],
    report("registry", "register_name_rate", rate(Count, Begin), "ops/s"),
    find_all("whereis_rate", Lookups, Readers, Count,
             fun(I) -> true = is_pid(whereis(element(I, Names))) end),
    Table = ets:new(keys, [set, public, {read_concurrency, true}]),
    Keys = list_to_tuple([<<"bench_name_", (integer_to_binary(I))/binary>>
                          || I <- lists:seq(1, Count)]),
    [ets:insert(Table, {Key, Pid}) || {Key, Pid} <- lists:zip(tuple_to_list(Keys), Pids)],
    find_all("ets_rate", Lookups, Readers, Count,
             fun(I) -> [_] = ets:lookup(Table, element(I, Keys)) end);
run("bigmsg", [Size, Count]) ->
    Reader = spawn_link(fun reader/0),
    Source = binary:copy(<<"x">>, Size),
    report("bigmsg", "shared_rate", big_messages(Count, Reader, fun() -> Source end), "msgs/s"),
    Fresh = big_messages(Count, Reader, fun() -> binary:copy(Source) end),
    report("bigmsg", "fresh_rate", Fresh, "msgs/s");
run("crash", [Count]) ->
    report("crash", "exit_rate", crashes(Count, fun() -> exit(boom) end), "crashes/s"),
    report("crash", "error_rate", crashes(Count, fun() -> error(boom) end), "crashes/s");
run("pmap", [Tasks, N]) ->
    Owner = self(),
    Begin = now_ns(),
    Refs = [begin
                Ref = make_ref(),
                spawn_link(fun() -> Owner ! {Ref, fibonacci(N)} end),
                Ref
            end || _ <- lists:seq(1, Tasks)],
    [receive {Ref, _} -> ok end || Ref <- Refs],
    report("pmap", "time", (now_ns() - Begin) / 1.0e6, "ms");
run("idle", [Count, Seconds]) ->
    [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, Count)],
    timer:sleep(500),
    Before = switches(),
    timer:sleep(Seconds * 1000),
    report("idle", "context_switches", switches() - Before, "n");
run("outstanding", [Count]) ->
    {ok, Server} = gen_server:start(?MODULE, {[], 0}, []),
    report(sized("outstanding", Count), "cost",
           lists:min([begin
                          Begin = now_ns(),
                          Ids = [gen_server:send_request(Server, {collect, Count})
                                 || _ <- lists:seq(1, Count)],
                          [{reply, 1} = gen_server:receive_response(Id, infinity) || Id <- Ids],
                          (now_ns() - Begin) / Count / 1000
                      end || _ <- lists:seq(1, 5)]), "us");
run("monitors", [Count]) ->
    report(sized("monitors", Count), "cost",
           lists:min([begin
                          All = [spawn(fun() -> receive stop -> ok end end)
                                 || _ <- lists:seq(1, Count)],
                          Begin = now_ns(),
                          [monitor(process, Pid) || Pid <- All],
                          [Pid ! stop || Pid <- All],
                          await_downs(Count),
                          (now_ns() - Begin) / Count / 1000
                      end || _ <- lists:seq(1, 5)]), "us");
run(Name, _) -> report(Name, "n/a", 0, "-").

%% --- Their parts.

wait_until_gone(Before) ->
    case erlang:system_info(process_count) =< Before of
        true -> ok;
        false -> erlang:yield(), wait_until_gone(Before)
    end.
idle(Name, Count, Start) ->
    erlang:garbage_collect(),
    Before = resident(),
    Begin = now_ns(),
    repeat(Count, Start),
    Rate = rate(Count, Begin),
    timer:sleep(200),
    report(Name, "rss_per_proc", (resident() - Before) / Count, "bytes"),
    report(Name, "rate", Rate, "procs/s").
ponger() -> receive {ping, From} -> From ! pong, ponger() end.
ping(0, _) -> ok;
ping(Left, Other) -> Other ! {ping, self()}, receive pong -> ping(Left - 1, Other) end.
first_node(Next, Owner) ->
    receive
        {token, Left} when Left =< 0 -> Owner ! arrived;
        {token, Left} -> Next ! {token, Left - 1}, first_node(Next, Owner)
    end.
node_loop(Next) -> receive {token, Left} -> Next ! {token, Left - 1}, node_loop(Next) end.
count(0) -> ok;
count(Left) -> receive {item, _} -> count(Left - 1) end.
send_items(0, _) -> ok;
send_items(Left, To) -> To ! {item, Left}, send_items(Left - 1, To).
worker() -> receive {work, From, Number} -> From ! {result, Number}, worker() end.
hand_out(0, _, _) -> ok;
hand_out(Left, Workers, All) ->
    element(Left rem Workers + 1, All) ! {work, self(), Left},
    hand_out(Left - 1, Workers, All).
ping_somebody(All, Seed) ->
    Random = draw(Seed),
    element(Random rem tuple_size(All) + 1, All) ! {ping, self()},
    Random.
player(All, Random, Left, Owner) ->
    receive
        {ping, From} -> From ! pong, player(All, Random, Left, Owner);
        pong when Left > 1 -> player(All, ping_somebody(All, Random), Left - 1, Owner);
        pong when Left =:= 1 -> Owner ! finished, player(All, Random, 0, Owner)
    end.
calls(0, _, _) -> ok;
calls(Left, Server, Latency) ->
    Begin = now_ns(),
    Left = gen_server:call(Server, {echo, Left}),
    note(Latency, now_ns() - Begin),
    calls(Left - 1, Server, Latency).
transfers(0, _, _, _) -> ok;
transfers(Left, Accounts, Count, Seed) ->
    Random = draw(Seed),
    Second = draw(Random),
    From = Random rem (Count * 8 div 10),
    To = From + 1 + Second rem (Count - From - 1),
    gen_server:call(element(From + 1, Accounts), {transfer, element(To + 1, Accounts), 1}),
    transfers(Left - 1, Accounts, Count, Second).
await_downs(0) -> ok;
await_downs(Left) -> receive {'DOWN', _, process, _, _} -> await_downs(Left - 1) end.
set_timers(0, _, _, _) -> ok;
set_timers(Left, Spread, To, Seed) ->
    Random = draw(Seed),
    Delay = Random rem Spread + 1,
    erlang:send_after(Delay, To, {due, now_ns() + Delay * 1000000}),
    set_timers(Left - 1, Spread, To, Random).
fairness_name(Hogs) -> "fairness_hogs" ++ integer_to_list(Hogs).
hog(Number) -> hog((Number * 3 + 1) band 16#ffffff).
pinger(_, Next, End, _, _) when Next >= End -> ok;
pinger(Other, Next, End, Latency, Lateness) ->
    receive after max(0, (Next - now_ns()) div 1000000) -> ok end,
    Begin = now_ns(),
    Other ! {ping, self()},
    receive pong -> ok end,
    Now = now_ns(),
    note(Latency, Now - Begin),
    note(Lateness, Now - Next),
    pinger(Other, Next + 10000000, End, Latency, Lateness).
fill(0, _) -> ok;
fill(Left, To) -> To ! {1, Left}, fill(Left - 1, To).
find_all(Metric, Lookups, Readers, Count, Find) ->
    [begin
         Begin = now_ns(),
         [spawn_monitor(fun() -> find_names(Lookups, Count, Find, 886452 + I) end)
          || I <- lists:seq(1, AtOnce)],
         await_downs(AtOnce),
         report("registry", Metric ++ Suffix, rate(Lookups * AtOnce, Begin), "lookups/s")
     end || {AtOnce, Suffix} <- [{1, ""}, {Readers, "_x" ++ integer_to_list(Readers)}]].
find_names(0, _, _, _) -> ok;
find_names(Left, Count, Find, Seed) ->
    Random = draw(Seed),
    Find(Random rem Count + 1),
    find_names(Left - 1, Count, Find, Random).
reader() ->
    receive {bytes, From, Bytes} ->
            From ! {ack, binary:first(Bytes) + binary:last(Bytes)},
            reader()
    end.
big_messages(Count, Reader, Make) ->
    Begin = now_ns(),
    Credit = hand_over(Count, 16, Reader, Make),
    repeat(16 - Credit, fun() -> receive {ack, _} -> ok end end),
    rate(Count, Begin).
hand_over(0, Credit, _, _) -> Credit;
hand_over(Left, 0, Reader, Make) -> receive {ack, _} -> hand_over(Left, 1, Reader, Make) end;
hand_over(Left, Credit, Reader, Make) ->
    Reader ! {bytes, self(), Make()},
    hand_over(Left - 1, Credit - 1, Reader, Make).
crashes(Count, Body) ->
    Begin = now_ns(),
    crash_all(Count, 0, Body),
    rate(Count, Begin).
crash_all(0, Alive, _) -> await_downs(Alive);
crash_all(Left, 1000, Body) -> await_downs(1), crash_all(Left, 999, Body);
crash_all(Left, Alive, Body) -> spawn_monitor(Body), crash_all(Left - 1, Alive + 1, Body).
fibonacci(N) when N < 2 -> N;
fibonacci(N) -> fibonacci(N - 1) + fibonacci(N - 2).
switches() ->
    lists:sum([switches_of(File) || File <- filelib:wildcard("/proc/self/task/*/status")]).
switches_of(File) ->
    {ok, Text} = file:read_file(File),
    {match, All} = re:run(Text, "ctxt_switches:\\s+(\\d+)", [global, {capture, [1], list}]),
    lists:sum([list_to_integer(Number) || [Number] <- All]).
