#!/usr/bin/env escript
%% -*- erlang -*-
%%! +S 1:1 -kernel logger_level notice
%% Plays scenarios on the supervisor of this Erlang/OTP, for `ms-conformance live`.
%%
%% One scenario a line on standard input, as an Erlang term; its trace on standard output,
%% one JSON object a line, closed by a line with a dot. Ends at the end of its input.
%%
%% What happens is put in order by time stamps, not by the order in which news arrive: starts
%% and reports carry the moment they were made, ends are taken from the runtime's own trace.
%% One scheduler, so that moments are comparable.
-module(supervisor_player).
-mode(compile).
-export([main/1, start/2, start/3, init/1, handle_call/3, handle_cast/2, handle_info/2,
         terminate/2, log/2]).

-define(REST_WITHIN, 8000).

main(_) ->
    _ = [{module, _} = code:ensure_loaded(M) || M <- [sys, supervisor, gen_server, proc_lib, gen, logger]],
    register(recorder, self()),
    _ = logger:remove_handler(default),
    ok = logger:add_handler(?MODULE, ?MODULE, #{}),
    process_flag(trap_exit, true),
    ok = io:setopts([binary, {encoding, unicode}]),
    serve().

serve() ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Line)),
            {ok, Scenario} = erl_parse:parse_term(Tokens),
            Lines = try play(Scenario) catch throw:{unsettled, Who} -> [#{<<"unsettled">> => text(Who)}] end,
            clean(),
            _ = [io:put_chars([json(L), $\n]) || L <- Lines],
            io:put_chars(".\n"),
            serve()
    end.

%% ---- a scenario -------------------------------------------------------------------------

%% What is known: procs, Pid => #{path, life, type, parent, dynamic, alive, orphan}; lives, Path => number.
play(#{<<"tree">> := Tree} = Scenario) ->
    ets:new(attempts, [named_table, public]),
    ets:insert(attempts, {pending, 0}),
    Parent = spawn(fun() -> process_flag(trap_exit, true), parent() end),
    put(parent, Parent),
    1 = erlang:trace(Parent, true, [procs, set_on_spawn, strict_monotonic_timestamp]),
    put(procs, #{}), put(lives, #{}),
    Booted = ask_parent({start, Tree}),
    Boot = line(0, <<"boot">>, Booted),
    {Lines, _} = lists:mapfoldl(fun(Step, N) -> {step(Step, N), N + 1} end, 1, maps:get(<<"steps">>, Scenario, [])),
    Leaked = [name(I) || #{alive := true, orphan := true} = I <- maps:values(get(procs))],
    Last = #{<<"step">> => <<"final">>, <<"tree">> => tree(<<"root">>)},
    [Boot | Lines] ++ [case Leaked of [] -> Last; _ -> Last#{<<"leaked">> => lists:sort(Leaked)} end].

clean() ->
    exit(get(parent), kill),
    Pids = [get(parent) | maps:keys(get(procs))] ++ [P || {{pid, P}} <- ets:tab2list(attempts)],
    _ = [exit(P, kill) || P <- Pids],
    gone(Pids),
    ets:delete(attempts),
    forget().

gone(Pids) ->
    case lists:any(fun is_process_alive/1, Pids) of true -> wait(1), gone(Pids); false -> ok end.
forget() -> receive _ -> forget() after 0 -> ok end.
wait(Ms) -> receive after Ms -> ok end.

%% The parent of the root.
parent() ->
    receive
        {From, Ref, {start, Tree}} ->
            From ! {Ref, catch supervisor:start_link(?MODULE, {supervisor, <<"root">>, Tree})}, parent();
        {From, Ref, {signal, Pid, Reason}} -> exit(Pid, Reason), From ! {Ref, ok}, parent();
        {From, Ref, {die, Reason}} -> From ! {Ref, ok}, exit(Reason);
        {From, Ref, ping} -> From ! {Ref, ok}, parent();
        _ -> parent()
    end.

ask_parent(What) ->
    Ref = monitor(process, get(parent)),
    get(parent) ! {self(), Ref, What},
    receive {Ref, Answer} -> demonitor(Ref, [flush]), Answer; {'DOWN', Ref, _, _, _} -> noproc end.

%% ---- steps ------------------------------------------------------------------------------

step(#{<<"op">> := Op} = Step, N) ->
    Result = try act(Op, Step) catch throw:noproc -> noproc; exit:_ -> noproc end,
    line(N, Op, Result).

act(<<"crash">>, #{<<"path">> := Path, <<"reason">> := R}) -> Pid = whose(Path), crash(Pid, R), ok;
act(<<"crash_burst">>, #{<<"sup">> := Sup, <<"children">> := Paths, <<"reason">> := R}) ->
    {Pid, Children} = {whose(Sup), [whose(P) || P <- Paths]},
    ok = sys:suspend(Pid),
    _ = [begin M = monitor(process, C), crash(C, R), receive {'DOWN', M, _, _, _} -> ok end end || C <- Children],
    sys:resume(Pid);
act(<<"exit_signal">>, #{<<"path">> := Path, <<"reason">> := R}) -> exit(whose(Path), reason(R)), ok;
act(<<"stop_tree">>, Step) -> ask_parent({signal, whose(<<"root">>), reason(maps:get(<<"reason">>, Step, <<"shutdown">>))}), ok;
act(<<"parent_exit">>, Step) -> _ = whose(<<"root">>), ask_parent({die, reason(maps:get(<<"reason">>, Step, <<"shutdown">>))}), ok;
act(<<"sleep">>, #{<<"ms">> := Ms}) -> wait(Ms), ok;
act(Op, #{<<"sup">> := Sup} = Step) -> call(Op, whose(Sup), Sup, Step).

crash(Pid, <<"kill">>) -> exit(Pid, kill);
crash(Pid, R) ->
    case maps:get(Pid, get(procs)) of
        #{type := worker} -> Pid ! {end_with, reason(R)};
        #{type := supervisor} -> helper(fun() -> catch sys:terminate(Pid, reason(R), infinity) end)
    end.

call(<<"start_child">>, Pid, _, #{<<"args">> := Args}) -> supervisor:start_child(Pid, [Args]);
call(<<"start_child">>, Pid, Sup, #{<<"child">> := Child}) -> supervisor:start_child(Pid, child_spec(Sup, Child));
call(<<"terminate_child">>, Pid, _, #{<<"pid">> := Path}) -> supervisor:terminate_child(Pid, whose(Path));
call(<<"terminate_child">>, Pid, _, #{<<"id">> := Id}) -> supervisor:terminate_child(Pid, atom(Id));
call(<<"restart_child">>, Pid, _, #{<<"id">> := Id}) -> supervisor:restart_child(Pid, atom(Id));
call(<<"delete_child">>, Pid, _, #{<<"id">> := Id}) -> supervisor:delete_child(Pid, atom(Id));
call(<<"which_children">>, Pid, _, _) -> {rows, Pid, supervisor:which_children(Pid)};
call(<<"count_children">>, Pid, _, _) -> {counts, supervisor:count_children(Pid)};
call(<<"get_childspec">>, Pid, _, #{<<"id">> := Id}) ->
    case supervisor:get_childspec(Pid, atom(Id)) of
        {ok, Spec} -> {ok, [{K, maps:get(K, Spec)} || K <- [id, restart, shutdown, significant, type]]};
        Error -> Error
    end.

%% A process that the scenario is not at rest without.
helper(Work) ->
    ets:update_counter(attempts, pending, 1),
    spawn(fun() -> Work(), ets:update_counter(attempts, pending, -1) end).

whose(Path) ->
    case lists:sort([{Life, P} || {P, #{path := X, life := Life, alive := true, orphan := false}} <- maps:to_list(get(procs)), X =:= Path]) of
        [] -> throw(noproc);
        Found -> element(2, lists:last(Found))
    end.

%% ---- rest -------------------------------------------------------------------------------

rest() -> rest(0, erlang:monotonic_time(millisecond) + ?REST_WITHIN).
rest(4, _) -> ok;
rest(Rounds, Until) ->
    _ = ask_parent(ping),
    erlang:yield(),
    take_in(),
    Busy = [{P, process_info(P, [current_function, message_queue_len])} || {P, #{alive := true} = I} <- maps:to_list(get(procs)), not idle(P, I)],
    case {Busy, ets:lookup(attempts, pending)} of
        {[], [{pending, 0}]} -> rest(Rounds + 1, Until);
        _ ->
            _ = erlang:monotonic_time(millisecond) > Until andalso throw({unsettled, Busy}),
            wait(1),
            rest(0, Until)
    end.

idle(Pid, #{orphan := Orphan}) ->
    case process_info(Pid, [status, message_queue_len, current_function]) of
        [{status, waiting}, {message_queue_len, 0}, {current_function, {gen_server, loop, _}}] -> true;
        %% Nobody will kill an orphan that hangs.
        [_, _, {current_function, {?MODULE, terminate, 2}}] -> Orphan;
        _ -> false
    end.

%% ---- what happened ----------------------------------------------------------------------

record(What) -> recorder ! {happened, now_ts(), What}.
now_ts() -> {erlang:monotonic_time(), erlang:unique_integer([monotonic])}.

%% Takes in all news, in the order in which things happened.
take_in() ->
    Ref = erlang:trace_delivered(all),
    receive {trace_delivered, all, Ref} -> ok end,
    Events = get(events),
    put(events, lists:append(case Events of undefined -> []; _ -> Events end, [E || {_, What} <- lists:sort(news()), E <- took(What)])).

news() ->
    receive
        {happened, Ts, What} -> [{Ts, What} | news()];
        {trace_ts, Pid, exit, Reason, Ts} -> [{Ts, {ended, Pid, Reason}} | news()];
        {trace_ts, _, _, _, _} -> news();
        {trace_ts, _, _, _, _, _} -> news()
    after 0 -> []
    end.

took({started, Pid, Path, Type, Parent, Dynamic}) ->
    Life = maps:get(Path, get(lives), 0) + 1,
    put(lives, (get(lives))#{Path => Life}),
    Info = #{path => Path, life => Life, type => Type, parent => Parent, dynamic => Dynamic, alive => true, orphan => false},
    put(procs, (get(procs))#{Pid => Info}),
    [#{<<"event">> => <<"start">>, <<"child">> => name(Info)}];
took({ended, Pid, Reason}) ->
    case get(procs) of
        #{Pid := #{alive := true, orphan := Orphan, parent := Parent} = Info} = Procs ->
            put(procs, Procs#{Pid => Info#{alive => false}}),
            orphan(Pid),
            Stop = #{<<"event">> => <<"stop">>, <<"child">> => name(Info), <<"reason">> => text(Reason)},
            Below = case Procs of #{Parent := #{dynamic := true}} -> Parent; _ -> none end,
            [if Orphan -> {orphan, Stop}; Below =:= none -> Stop; true -> {parallel, Below, {maps:get(life, Info), maps:get(path, Info)}, Stop} end];
        _ -> []
    end;
took({report, Pid, Context, Reason, Offender}) ->
    Report0 = #{<<"event">> => <<"report">>, <<"supervisor">> => text(Pid), <<"context">> => text(Context),
                <<"id">> => text(proplists:get_value(id, Offender)), <<"reason">> => text(Reason)},
    Report = case lists:keyfind(nb_children, 1, Offender) of
        {_, N} -> Report0#{<<"nb_children">> => N};
        false -> Report0#{<<"child">> => text(proplists:get_value(pid, Offender))}
    end,
    case get(procs) of #{Pid := #{orphan := true}} -> [{orphan, Report}]; _ -> [Report] end;
took({called, N, Op, Result}) -> [{call, N, #{<<"op">> => Op, <<"result">> => result(Result)}}];
took({attempt, Path, What}) ->
    case What of
        error -> [#{<<"event">> => <<"start_error">>, <<"child">> => Path, <<"reason">> => <<"boom">>}];
        throw -> [#{<<"event">> => <<"start_error">>, <<"child">> => Path, <<"reason">> => <<"throw oops">>}];
        ignore -> [#{<<"event">> => <<"start_ignore">>, <<"child">> => Path}];
        _ -> []
    end.

orphan(Pid) ->
    Below = [P || {P, #{parent := X, alive := true}} <- maps:to_list(get(procs)), X =:= Pid],
    _ = [begin
        #{P := Info} = Procs = get(procs),
        put(procs, Procs#{P => Info#{orphan => true}}),
        orphan(P)
    end || P <- Below].

line(N, Op, Raw) ->
    rest(),
    Events = get(events),
    erase(events),
    Line = #{<<"step">> => N, <<"op">> => Op, <<"result">> => result(Raw),
             <<"events">> => in_order([E || E <- Events, is_map(E) orelse element(1, E) =:= parallel])},
    With = fun(_, [], L) -> L; (K, V, L) -> L#{K => V} end,
    Calls = [C || {_, C} <- lists:sort([{K, C} || {call, K, C} <- Events])],
    With(<<"calls">>, Calls, With(<<"orphans">>, lists:sort([O || {orphan, O} <- Events]), Line)).

%% OTP stops the children of one dynamic supervisor in parallel: their order is ours to choose.
in_order([{parallel, Sup, _, _} | _] = Events) ->
    {Run, Rest} = lists:splitwith(fun({parallel, S, _, _}) -> S =:= Sup; (_) -> false end, Events),
    [Stop || {_, Stop} <- lists:sort([{Place, Stop} || {parallel, _, Place, Stop} <- Run])] ++ in_order(Rest);
in_order([Event | Rest]) -> [Event | in_order(Rest)];
in_order([]) -> [].

%% A worker says `ok` to any call.
result({rows, _, ok}) -> <<"ok">>;
result({counts, ok}) -> <<"ok">>;
result({rows, Pid, Rows}) ->
    Shown = [#{<<"id">> => text(Id), <<"child">> => text(Child), <<"type">> => text(Type)} || {Id, Child, Type, _} <- Rows],
    case get(procs) of #{Pid := #{dynamic := true}} -> lists:sort(Shown); _ -> Shown end;
result({counts, Counts}) -> maps:from_list([{atom_to_binary(K), N} || {K, N} <- Counts]);
result(Term) -> text(Term).

tree(Path) ->
    try whose(Path) of Pid -> tree_of(Pid) catch throw:noproc -> null end.

%% By process: dynamic children with the same arguments share a path.
tree_of(Pid) ->
    #{Pid := #{path := Path, dynamic := Dynamic, life := Life}} = get(procs),
    Rows = lists:reverse(supervisor:which_children(Pid)),
    Children = case Dynamic of true -> lists:sort(fun(A, B) -> text(element(2, A)) =< text(element(2, B)) end, Rows); false -> Rows end,
    #{<<"path">> => Path, <<"incarnation">> => Life, <<"children">> => [leaf(C) || C <- Children]}.

leaf({Id, Child, supervisor, _}) when is_pid(Child) -> (tree_of(Child))#{<<"id">> => text(Id)};
leaf({Id, Child, _, _}) -> #{<<"id">> => text(Id), <<"child">> => text(Child)}.

%% ---- the stand-ins ----------------------------------------------------------------------

child_spec(Sup, #{<<"id">> := Id} = Child) ->
    Path = below(Sup, Id),
    Spec = #{id => atom(Id), start => {?MODULE, start, [Path, Child]}, modules => [?MODULE]},
    Keys = [{<<"restart">>, restart}, {<<"shutdown">>, shutdown}, {<<"significant">>, significant}, {<<"type">>, type}],
    lists:foldl(fun({Key, Name}, Acc) -> option(Key, Name, Child, Acc) end, Spec, Keys).

option(Key, Name, From, Acc) ->
    case From of #{Key := V} when is_binary(V) -> Acc#{Name => atom(V)}; #{Key := V} -> Acc#{Name => V}; _ -> Acc end.

start(Path, Child, Args) -> start(below(filename:dirname(Path), Args), Child).

start(Path, Child) ->
    Script = maps:get(<<"start">>, Child, [<<"ok">>]),
    N = ets:update_counter(attempts, {attempt, Path}, 1, {{attempt, Path}, 0}),
    {Outcome, Calls} = case lists:nth(min(N, length(Script)), Script) of
        #{<<"outcome">> := O} = Entry -> {atom(O), maps:get(<<"calls">>, Entry, [])};
        O -> {atom(O), []}
    end,
    record({attempt, Path, Outcome}),
    _ = [issue(C, filename:dirname(Path)) || C <- Calls],
    case Outcome of
        error -> {error, boom};
        throw -> throw(oops);
        ignore -> ignore;
        ok -> up(Path, Child);
        ok_info -> case up(Path, Child) of {ok, Pid} -> {ok, Pid, info}; Other -> Other end
    end.

up(Path, #{<<"type">> := <<"supervisor">>, <<"supervisor">> := Tree}) -> supervisor:start_link(?MODULE, {supervisor, Path, Tree});
up(Path, Child) -> gen_server:start_link(?MODULE, {worker, Path, Child}, []).

%% Puts a call into the mailbox of the supervisor that runs this attempt: itself.
issue(#{<<"op">> := Op} = Call, Sup) ->
    {Me, N} = {self(), ets:update_counter(attempts, calls, 1, {calls, 0})},
    {_, Before} = process_info(Me, message_queue_len),
    helper(fun() ->
        Result = try call(Op, Me, Sup, Call) catch exit:_ -> noproc end,
        record({called, N, Op, Result})
    end),
    queued(Me, Before).

queued(Me, Before) ->
    case process_info(Me, message_queue_len) of
        {_, N} when N > Before -> ok;
        _ -> erlang:yield(), queued(Me, Before)
    end.

init({supervisor, Path, Tree}) ->
    [Parent | _] = get('$ancestors'),
    Strategy = atom(maps:get(<<"strategy">>, Tree, <<"one_for_one">>)),
    up_and_known({started, self(), Path, supervisor, Parent, Strategy =:= simple_one_for_one}),
    Keys = [{<<"intensity">>, intensity}, {<<"period">>, period}, {<<"auto_shutdown">>, auto_shutdown}],
    Flags = lists:foldl(fun({Key, Name}, Acc) -> option(Key, Name, Tree, Acc) end, #{strategy => Strategy}, Keys),
    {ok, {Flags, [child_spec(Path, C) || C <- maps:get(<<"children">>, Tree, [])]}};
init({worker, Path, Child}) ->
    [Parent | _] = get('$ancestors'),
    Stop = maps:get(<<"stop">>, Child, <<"shutdown">>),
    process_flag(trap_exit, maps:get(<<"trap_exit">>, Child, false) orelse Stop =/= <<"shutdown">>),
    up_and_known({started, self(), Path, worker, Parent, false}),
    {ok, Stop}.

up_and_known(Started) -> ets:insert(attempts, {{pid, self()}}), record(Started).

handle_call(_, _, Stop) -> {reply, ok, Stop}.
handle_cast(_, Stop) -> {noreply, Stop}.
handle_info({end_with, Reason}, _) -> {stop, Reason, ends};
handle_info(_, Stop) -> {noreply, Stop}.

terminate(_, <<"hang">>) -> receive never -> ok end;
terminate(_, <<"normal">>) -> exit(normal);
terminate(_, <<"error">>) -> exit(cleanup_failed);
terminate(_, _) -> ok.

%% Runs in the supervisor that reports.
log(#{msg := {report, #{label := {supervisor, Context}, report := Report}}}, _) when Context =/= progress ->
    Pid = case proplists:get_value(supervisor, Report) of {P, _} -> P; Name -> Name end,
    record({report, Pid, Context, proplists:get_value(reason, Report), proplists:get_value(offender, Report)});
log(_, _) -> ok.

%% ---- words ------------------------------------------------------------------------------

below(Path, Id) -> <<Path/binary, $/, Id/binary>>.
atom(Text) -> binary_to_atom(Text).
reason(<<"{shutdown,", Rest/binary>>) -> {shutdown, atom(binary:part(Rest, 0, byte_size(Rest) - 1))};
reason(Text) -> atom(Text).
name(#{path := Path, life := Life}) -> <<Path/binary, $#, (integer_to_binary(Life))/binary>>.

text(Term) -> unicode:characters_to_binary(spell(Term)).

spell(Pid) when is_pid(Pid) -> case get(procs) of #{Pid := Info} -> name(Info); _ -> "pid" end;
spell(Atom) when is_atom(Atom) -> atom_to_binary(Atom);
spell(Text) when is_binary(Text) -> Text;
spell(N) when is_integer(N) -> integer_to_binary(N);
spell({'EXIT', {{nocatch, X}, _}}) -> spell({'EXIT', {nocatch, X}});
spell(Record) when element(1, Record) =:= child, tuple_size(Record) > 7 -> ["{child,", spell(element(3, Record)), "}"];
spell(#{id := Id, start := _}) -> ["{child,", spell(Id), "}"];
spell(Tuple) when is_tuple(Tuple) -> ["{", lists:join(",", [spell(X) || X <- tuple_to_list(Tuple)]), "}"];
spell(List) when is_list(List) -> ["[", lists:join(",", [spell(X) || X <- List]), "]"];
spell(Other) -> io_lib:format("~0tp", [Other]).

json(null) -> "null";
json(N) when is_integer(N) -> integer_to_binary(N);
json(Text) when is_binary(Text) -> [$", [quoted(C) || C <- unicode:characters_to_list(Text)], $"];
json(List) when is_list(List) -> ["[", lists:join(",", [json(X) || X <- List]), "]"];
json(Map) when is_map(Map) -> ["{", lists:join(",", [[json(K), ":", json(V)] || {K, V} <- maps:to_list(Map)]), "}"].

quoted(C) when C =:= $"; C =:= $\\ -> [$\\, C];
quoted(C) when C < 32 -> io_lib:format("\\u~4.16.0b", [C]);
quoted(C) -> C.
