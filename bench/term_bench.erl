%% Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
%% Erlang's side of term_bench.cpp: the same term, as often, in compiled code.
-module(term_bench).
-export([main/2]).

main(File, Count) ->
    {ok, Bytes} = file:read_file(File),
    Term = binary_to_term(Bytes),
    encode(Term, Count),
    decode(Bytes, Count),
    Encode = milliseconds(fun() -> encode(Term, Count) end),
    Decode = milliseconds(fun() -> decode(Bytes, Count) end),
    io:format("~p ~p~n", [Encode * 1.0e6 / Count, Decode * 1.0e6 / Count]),
    halt().

%% Of the processor, as ours are.
milliseconds(F) ->
    statistics(runtime),
    F(),
    {_, Taken} = statistics(runtime),
    Taken.

encode(_, 0) -> ok;
encode(Term, N) ->
    _ = term_to_binary(Term, [{minor_version, 2}]),
    encode(Term, N - 1).

decode(_, 0) -> ok;
decode(Bytes, N) ->
    _ = binary_to_term(Bytes),
    decode(Bytes, N - 1).
