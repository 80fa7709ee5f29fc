#!/usr/bin/env escript
%% -*- erlang -*-
%%! +S 1:1
%% Plays scenarios of links, monitors, exit signals, groups and names on this Erlang/OTP, for
%% `ms-conformance live`. Input and output as those of supervisor.escript.
-module(processes_player).
-mode(compile).
-export([main/1]).

main(_) ->
    _ = logger:remove_handler(default),
    ok = io:setopts([binary, {encoding, unicode}]),
    serve().

serve() ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Line)),
            {ok, Scenario} = erl_parse:parse_term(Tokens),
            _ = [io:put_chars([json(L), $\n]) || L <- play(Scenario)],
            io:put_chars(".\n"),
            serve()
    end.

play(#{<<"processes">> := Processes, <<"steps">> := Steps}) ->
    {ok, Groups} = pg:start(scope),
    put(pids, [begin
        Me = self(),
        Pid = spawn(fun() -> process_flag(trap_exit, maps:get(<<"trap">>, P, false)), live(Me) end),
        {maps:get(<<"id">>, P), Pid}
    end || P <- Processes]),
    put(monitors, #{}),
    put(ended, []),
    Watches = [{monitor(process, Pid), Id} || {Id, Pid} <- get(pids)],
    put(watches, maps:from_list(Watches)),
    rest(),
    {Lines, _} = lists:mapfoldl(fun(Step, N) -> {step(Step, N), N + 1} end, 1, Steps),
    _ = [begin demonitor(Ref, [flush]) end || {Ref, _} <- Watches],
    _ = [exit(Pid, kill) || {_, Pid} <- get(pids)],
    exit(Groups, kill),
    gone([Groups | [Pid || {_, Pid} <- get(pids)]]),
    forget(),
    Lines.

gone(Pids) -> case lists:any(fun is_process_alive/1, Pids) of true -> receive after 1 -> gone(Pids) end; false -> ok end.
forget() -> receive _ -> forget() after 0 -> ok end.

%% A process: does what it is told, and tells what it hears.
live(Boss) ->
    receive
        {do, Ref, What} -> Result = What(), Boss ! {Ref, Result}, live(Boss);
        {die, Reason} -> exit(Reason);
        Heard -> Boss ! {heard, self(), Heard}, live(Boss)
    end.

%% Has a process do something; `noproc` when it is dead.
by(Id, What) ->
    Pid = pid(Id),
    Ref = monitor(process, Pid),
    Pid ! {do, Ref, What},
    receive {Ref, Result} -> demonitor(Ref, [flush]), Result; {'DOWN', Ref, _, _, _} -> noproc end.

step(#{<<"op">> := Op} = Step, N) ->
    Result = act(Op, Step),
    rest(),
    Ended = lists:sort(ended()),
    Heard = [H || {Id, _} = H <- heard(), not lists:keymember(Id, 1, Ended)],
    #{<<"step">> => N, <<"op">> => Op, <<"result">> => text(Result),
      <<"heard">> => lists:sort([{Id, iolist_to_binary(Words)} || {Id, Words} <- Heard]),
      <<"ended">> => Ended}.

act(<<"link">>, #{<<"of">> := Of, <<"to">> := To}) -> P = pid(To), by(Of, fun() -> linked(P) end);
act(<<"unlink">>, #{<<"of">> := Of, <<"to">> := To}) -> P = pid(To), by(Of, fun() -> unlink(P), ok end);
act(<<"monitor">>, #{<<"of">> := Of, <<"to">> := To}) ->
    P = pid(To),
    case by(Of, fun() -> {ref, monitor(process, P)} end) of
        {ref, Ref} -> M = get(monitors), put(monitors, M#{{Of, To} => [Ref | maps:get({Of, To}, M, [])]}), ok;
        noproc -> noproc
    end;
act(<<"demonitor">>, #{<<"of">> := Of, <<"to">> := To}) ->
    M = get(monitors),
    case maps:get({Of, To}, M, []) of
        [] -> by(Of, fun() -> ok end);
        [Ref | Rest] -> put(monitors, M#{{Of, To} => Rest}), by(Of, fun() -> demonitor(Ref), ok end)
    end;
act(<<"exit">>, #{<<"to">> := To, <<"reason">> := R}) -> exit(pid(To), reason(R)), ok;
act(<<"die">>, #{<<"of">> := Of, <<"reason">> := R}) ->
    case is_process_alive(pid(Of)) of true -> pid(Of) ! {die, reason(R)}, ok; false -> noproc end;
act(<<"join">>, #{<<"of">> := Of, <<"group">> := G}) -> alive(Of, fun(P) -> pg:join(scope, G, P) end);
act(<<"leave">>, #{<<"of">> := Of, <<"group">> := G}) -> alive(Of, fun(P) -> pg:leave(scope, G, P) end);
act(<<"members">>, #{<<"group">> := G}) -> lists:sort([id(P) || P <- pg:get_members(scope, G)]);
act(<<"groups">>, _) -> lists:sort(pg:which_groups(scope));
act(<<"register">>, #{<<"of">> := Of, <<"name">> := Name}) ->
    alive(Of, fun(P) -> try register(name(Name), P), ok catch error:badarg -> refused end end);
act(<<"unregister">>, #{<<"name">> := Name}) -> try unregister(name(Name)), ok catch error:badarg -> refused end;
act(<<"whereis">>, #{<<"name">> := Name}) -> case whereis(name(Name)) of undefined -> undefined; P -> id(P) end.

%% Where it is cheap to see that nobody is there, `link` raises what would else be the signal.
linked(Pid) -> try link(Pid), ok catch error:noproc -> self() ! {die, noproc}, ok end.

alive(Id, What) -> case is_process_alive(pid(Id)) of true -> What(pid(Id)); false -> noproc end.

%% Until all signals have been taken in: whoever lives has answered, twice over.
rest() ->
    _ = [by(Id, fun() -> ok end) || _ <- [1, 2, 3], {Id, _} <- get(pids)],
    _ = sys:get_state(scope),
    ok.

heard() ->
    receive
        {heard, Pid, {'EXIT', From, Reason}} -> [{id(Pid), [<<"exit ">>, from(From), $\s, text(Reason)]} | heard()];
        {heard, Pid, {'DOWN', _, process, From, Reason}} -> [{id(Pid), [<<"down ">>, from(From), $\s, text(Reason)]} | heard()]
    after 0 -> []
    end.

from(Pid) when Pid =:= self() -> <<"stranger">>;
from(Pid) -> id(Pid).

ended() ->
    receive
        {'DOWN', Ref, process, _, Reason} -> [{maps:get(Ref, get(watches)), text(Reason)} | ended()]
    after 0 -> []
    end.

pid(Id) -> {_, Pid} = lists:keyfind(Id, 1, get(pids)), Pid.
id(Pid) -> {Id, _} = lists:keyfind(Pid, 2, get(pids)), Id.
name(Name) -> binary_to_atom(<<"registered_", Name/binary>>).
reason(<<"{shutdown,", Rest/binary>>) -> {shutdown, binary_to_atom(binary:part(Rest, 0, byte_size(Rest) - 1))};
reason(R) -> binary_to_atom(R).

text({shutdown, X}) -> <<"{shutdown,", (text(X))/binary, "}">>;
text(Atom) when is_atom(Atom) -> atom_to_binary(Atom);
text(Text) when is_binary(Text) -> Text;
text(List) when is_list(List) -> iolist_to_binary(lists:join(" ", [text(X) || X <- List])).

json(N) when is_integer(N) -> integer_to_binary(N);
json(Text) when is_binary(Text) -> [$", Text, $"];
json({A, B}) -> ["[", json(A), ",", json(iolist_to_binary(B)), "]"];
json(List) when is_list(List) -> ["[", lists:join(",", [json(X) || X <- List]), "]"];
json(Map) when is_map(Map) -> ["{", lists:join(",", [[json(K), ":", json(V)] || {K, V} <- maps:to_list(Map)]), "}"].
