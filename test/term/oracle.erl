%% Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
%% What the tests of terms ask real Erlang: one request and one answer per packet on stdin and
%% stdout, both in the external term format.
-module(oracle).
-export([main/0]).

main() ->
    Port = open_port({fd, 0, 1}, [binary, {packet, 4}, eof]),
    loop(Port).

loop(Port) ->
    receive
        {Port, {data, Request}} ->
            Answer = try answer(binary_to_term(Request))
                     catch Class:Reason:Stack -> {failed, Class, Reason, Stack} end,
            port_command(Port, term_to_binary(Answer, [{minor_version, 2}])),
            loop(Port);
        {Port, eof} ->
            halt(0)
    end.

%% What Erlang makes of each term: its hash, how ~w prints it, and the term itself.
answer(otp_release) ->
    list_to_integer(erlang:system_info(otp_release));
answer({facts, Terms}) ->
    [{erlang:phash2(T), erlang:phash2(T, 1000),
      unicode:characters_to_binary(io_lib:format("~w", [T])), T}
     || T <- Terms];
answer({inspect, Terms}) ->
    Options = [{limit, infinity}, {printable_limit, infinity}, {width, infinity},
               {charlists, infer}, {structs, false}],
    ['Elixir.Kernel':inspect(T, Options) || T <- Terms];
answer({compare, Pairs}) ->
    [{if A < B -> lt; A > B -> gt; true -> eq end, A =:= B} || {A, B} <- Pairs];
answer({parse, Texts}) ->
    [parse(T) || T <- Texts];
answer({decode, Binaries}) ->
    [try {ok, binary_to_term(B)} catch error:badarg -> error end || B <- Binaries];
answer({encode, Options, Terms}) ->
    [term_to_binary(T, Options) || T <- Terms];
%% Terms of Erlang's own making, and whether what came back is the same.
answer({make, Seed, Count}) ->
    make(Seed, Count);
answer({same, Seed, Count, Terms}) ->
    Terms =:= make(Seed, Count);
answer({elixir, Path}) ->
    code:add_pathz(Path),
    code:ensure_loaded('Elixir.Kernel') =:= {module, 'Elixir.Kernel'}.

parse(Text) ->
    case erl_scan:string(unicode:characters_to_list(Text) ++ ".") of
        {ok, Tokens, _} ->
            case erl_parse:parse_term(Tokens) of
                {ok, Term} -> {ok, Term};
                {error, _} -> error
            end;
        {error, _, _} -> error
    end.

make(Seed, Count) ->
    rand:seed(exsss, Seed),
    [term(rand:uniform(6)) || _ <- lists:seq(1, Count)].

pick(List) -> lists:nth(rand:uniform(length(List)), List).

term(Depth) when Depth =< 1 -> leaf();
term(Depth) ->
    case rand:uniform(10) of
        1 -> list_to_tuple(terms(Depth));
        2 -> terms(Depth);
        3 -> terms(Depth) ++ term(Depth - 1);
        4 -> maps:from_list([{term(Depth - 1), term(Depth - 1)}
                             || _ <- lists:seq(1, rand:uniform(6))]);
        5 -> maps:from_list([{key(), leaf()} || _ <- lists:seq(1, rand:uniform(60))]);
        6 -> {ok, term(Depth - 1)};
        7 -> [{leaf(), term(Depth - 1)} || _ <- lists:seq(1, rand:uniform(4))];
        _ -> leaf()
    end.

terms(Depth) -> [term(Depth - 1) || _ <- lists:seq(1, rand:uniform(5) - 1)].

%% OTP 25 finds large maps with keys of other nodes unequal after binary_to_term(term_to_binary(M)),
%% so here they have none.
key() ->
    Leaf = leaf(),
    case is_pid(Leaf) orelse is_reference(Leaf) orelse is_port(Leaf) of
        true -> key();
        false -> Leaf
    end.

leaf() ->
    case rand:uniform(22) of
        1 -> rand:uniform(300) - 20;
        2 -> pick([1, -1]) * ((1 bsl rand:uniform(70)) + rand:uniform(5) - 3);
        3 -> pick([1, -1]) * ((1 bsl (rand:uniform(600) + 50)) + rand:uniform(1 bsl 50));
        4 -> rand:uniform(1 bsl 62);
        5 -> rand:normal() * math:pow(10, rand:uniform(40) - 20);
        6 -> pick([0.0, 1.0, -1.5, 1.0e100, 5.0e-324, 1.7976931348623157e308, 123456789.0]);
        7 -> float(rand:uniform(1000000));
        8 -> pick([ok, error, undefined, true, false, nil, '', 'EXIT', 'A b', 'a@b', 'x1']);
        9 -> list_to_atom([$a + rand:uniform(26) - 1 || _ <- lists:seq(1, rand:uniform(12))]);
        10 -> list_to_atom([rand:uniform(400) || _ <- lists:seq(1, rand:uniform(4))]);
        11 -> list_to_atom(lists:duplicate(255, pick([$x, 16#e4, 16#3bb, 16#1f600])));
        12 -> rand:bytes(rand:uniform(40) - 1);
        13 -> <<"a text of some length: "/utf8, (integer_to_binary(rand:uniform(99)))/binary>>;
        14 -> Size = rand:uniform(70), <<(rand:uniform(1 bsl Size) - 1):Size>>;
        15 -> [];
        16 -> [rand:uniform(256) - 1 || _ <- lists:seq(1, rand:uniform(30))];
        17 -> {};
        18 -> #{};
        19 -> pid();
        20 -> reference();
        21 -> port();
        22 -> pick([fun erlang:abs/1, fun lists:map/2, fun ?MODULE:main/0, closure()])
    end.

closure() ->
    X = rand:uniform(1000),
    pick([fun() -> X end, fun(Y) -> {X, Y} end]).

node_name() -> pick([node(), 'a@b.example', 'other@host', 'ä@ö']).
atom_bytes(Atom) ->
    Text = atom_to_binary(Atom, utf8),
    <<119, (byte_size(Text)), Text/binary>>.

pid() ->
    binary_to_term(<<131, 88, (atom_bytes(node_name()))/binary, (rand:uniform(1 bsl 15) - 1):32,
                     (rand:uniform(1 bsl 13) - 1):32, (rand:uniform(4) - 1):32>>).
reference() ->
    Length = rand:uniform(3),
    Words = << <<(rand:uniform(1 bsl 18) - 1):32>> || _ <- lists:seq(1, Length) >>,
    binary_to_term(<<131, 90, Length:16, (atom_bytes(node_name()))/binary, (rand:uniform(4) - 1):32,
                     Words/binary>>).
%% Ports of one's own node have small numbers.
port() ->
    binary_to_term(<<131, 120, (atom_bytes('a@b'))/binary, (rand:uniform(1 bsl 40) - 1):64,
                     (rand:uniform(4) - 1):32>>).
