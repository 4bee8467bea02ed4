%% Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
%% Erlang's side of term_bench.cpp: the same term, as often, in compiled code.
-module(term_bench).
-export([main/2]).

main(File, Count) ->
    {ok, Bytes} = file:read_file(File),
    Term = binary_to_term(Bytes),
    encode(Term, Count),
    decode(Bytes, Count),
    Encode = nanoseconds(fun() -> encode(Term, Count) end),
    Decode = nanoseconds(fun() -> decode(Bytes, Count) end),
    io:format("~p ~p~n", [Encode / Count, Decode / Count]),
    halt().

nanoseconds(F) ->
    Start = erlang:monotonic_time(nanosecond),
    F(),
    erlang:monotonic_time(nanosecond) - Start.

encode(_, 0) -> ok;
encode(Term, N) ->
    _ = term_to_binary(Term, [{minor_version, 2}]),
    encode(Term, N - 1).

decode(_, 0) -> ok;
decode(Bytes, N) ->
    _ = binary_to_term(Bytes),
    decode(Bytes, N - 1).
