%% Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
%% One child that crashes, under a supervisor that restarts it as often as it likes.
-module(bench_supervisor).
-behaviour(supervisor).
-export([start_link/1, init/1]).

start_link(Argument) -> supervisor:start_link(?MODULE, Argument).

init(Argument) ->
    {ok, {#{strategy => one_for_one, intensity => 1000000000, period => 1},
          [#{id => crasher, start => {gen_server, start_link, [bench, Argument, []]}}]}}.
