%% The workloads on Erlang/OTP. `erl -run bench main WORKLOAD NUMBER...` prints a line
%% `FIGURES VALUE...` in base units: a second, seconds, bytes.
-module(bench).
-behaviour(supervisor).
-behaviour(gen_server).

-export([main/1, init/1, handle_call/3, handle_cast/2, start_idle/0, start_child/1]).
-export([counter/2, branch/3]).

main([Workload | Numbers]) ->
    try run(list_to_atom(Workload), [list_to_integer(N) || N <- Numbers]) of
        Figures ->
            Text = lists:join(" ", [io_lib:format("~w", [float(F)]) || F <- Figures]),
            io:format("FIGURES ~s~n", [Text])
    catch
        Class:Reason:Stack -> io:format("~p: ~p ~p~n", [Class, Reason, Stack])
    end,
    erlang:halt(0).

%% ---- messages ------------------------------------------------------------------

run(tell, [Messages, Senders]) ->
    Counter = spawn(?MODULE, counter, [0, none]),
    Each = Messages div Senders,
    send(Counter, Senders, Each div 10),
    Before = ask(Counter),
    {Micros, Handled} = timer:tc(fun() ->
        send(Counter, Senders, Each),
        ask(Counter) - Before
    end),
    Handled = Each * Senders,
    [Handled * 1.0e6 / Micros];
run(ask, [Asks, Askers]) ->
    Counter = spawn(?MODULE, counter, [0, none]),
    Each = Asks div Askers,
    ask_all(Counter, Askers, Each div 10),
    {Micros, _} = timer:tc(fun() -> ask_all(Counter, Askers, Each) end),
    [Each * Askers * 1.0e6 / Micros];
run(ring, [Actors, Hops]) ->
    Ring = [spawn(?MODULE, counter, [0, none]) || _ <- lists:seq(1, Actors)],
    lists:foreach(fun({From, To}) -> From ! {link, To} end,
                  lists:zip(Ring, tl(Ring) ++ [hd(Ring)])),
    go_round(Ring, Actors),
    {Micros, _} = timer:tc(fun() -> go_round(Ring, Hops) end),
    Counted = lists:sum([ask(Counter) || Counter <- Ring]),
    Counted = Actors + Hops,
    [Hops * 1.0e6 / Micros];
run(fan_out, [Actors, Rounds]) ->
    Counters = [spawn(?MODULE, counter, [0, none]) || _ <- lists:seq(1, Actors)],
    Publish = fun() -> lists:foreach(fun(Counter) -> Counter ! {add, 1} end, Counters) end,
    rounds(Counters, Rounds, Publish);
run(publish, [Actors, Rounds]) ->
    {ok, _} = pg:start_link(),
    Counters = [spawn(?MODULE, counter, [0, none]) || _ <- lists:seq(1, Actors)],
    ok = pg:join(adds, Counters),
    Publish = fun() ->
        lists:foreach(fun(Counter) -> Counter ! {add, 1} end, pg:get_local_members(adds))
    end,
    rounds(Counters, Rounds, Publish);

%% ---- lives ---------------------------------------------------------------------

run(skynet, [Leaves]) ->
    10 * 9 div 2 = skynet(10),
    {Micros, Sum} = timer:tc(fun() -> skynet(Leaves) end),
    Sum = Leaves * (Leaves - 1) div 2,
    [Micros / 1.0e6];
run(spawn, [Actors]) ->
    {Micros, _} = timer:tc(fun() ->
        Sup = populate(Actors),
        Monitor = monitor(process, Sup),
        unlink(Sup),
        exit(Sup, shutdown),
        receive {'DOWN', Monitor, _, _, _} -> ok end
    end),
    [Actors * 1.0e6 / Micros];
run(spawn_plain, [Actors]) ->
    {Micros, _} = timer:tc(fun() ->
        Pids = [begin {ok, Pid} = gen_server:start(?MODULE, idle, []), Pid end
                || _ <- lists:seq(1, Actors)],
        Monitors = [monitor(process, Pid) || Pid <- Pids],
        [exit(Pid, shutdown) || Pid <- Pids],
        [receive {'DOWN', Monitor, _, _, _} -> ok end || Monitor <- Monitors]
    end),
    [Actors * 1.0e6 / Micros];
run(idle, [Actors]) ->
    Before = resident(),
    populate(Actors),
    [(resident() - Before) / Actors];

%% ---- crashes -------------------------------------------------------------------

run(restart, [Crashes]) ->
    {ok, _} = supervisor:start_link(?MODULE, {family, one_for_one, 1}),
    Times = lists:sort([crash_and_ask(child_1) || _ <- lists:seq(1, Crashes)]),
    [percentile(Times, 0.5), percentile(Times, 0.99)];
run(mass_restart, [Children]) ->
    {ok, _} = supervisor:start_link(?MODULE, {family, one_for_all, Children}),
    Names = [child_name(N) || N <- lists:seq(1, Children)],
    [0 = try_ask(Name) || Name <- Names],
    {Micros, _} = timer:tc(fun() ->
        gen_server:cast(child_name(Children div 2), crash),
        lists:foreach(fun first_answer/1, Names)
    end),
    [Micros / 1.0e6];

%% ---- names ---------------------------------------------------------------------

run(names, [Names, Lookups, Readers]) ->
    Key = fun(N) -> list_to_atom("agents.crawler-" ++ integer_to_list(N)) end,
    lists:foreach(
        fun(N) -> register(Key(N), spawn(?MODULE, counter, [0, none])) end,
        lists:seq(0, Names - 1)),
    Keys = [Key(N) || N <- scattered(Names, Lookups)],
    read(Keys, Readers, Lookups, fun(Name) -> is_pid(whereis(Name)) end);
run(names_ets, [Names, Lookups, Readers]) ->
    Key = fun(N) -> list_to_binary("agents.crawler-" ++ integer_to_list(N)) end,
    Table = ets:new(names, [set, public, {read_concurrency, true}]),
    lists:foreach(
        fun(N) -> ets:insert(Table, {Key(N), spawn(?MODULE, counter, [0, none])}) end,
        lists:seq(0, Names - 1)),
    Keys = [Key(N) || N <- scattered(Names, Lookups)],
    Find = fun(Name) -> [{_, Pid}] = ets:lookup(Table, Name), is_pid(Pid) end,
    read(Keys, Readers, Lookups, Find).

%% ---- an actor that counts ------------------------------------------------------

counter(Count, Next) ->
    receive
        {add, _} -> counter(Count + 1, Next);
        {get, From, Tag} -> From ! {Tag, Count}, counter(Count, Next);
        {link, To} -> counter(Count, To);
        {hop, 0, Home} -> Home ! done, counter(Count + 1, Next);
        {hop, Left, Home} -> Next ! {hop, Left - 1, Home}, counter(Count + 1, Next)
    end.

ask(Counter) ->
    Monitor = monitor(process, Counter),
    Counter ! {get, self(), Monitor},
    receive
        {Monitor, Count} -> demonitor(Monitor, [flush]), Count
    end.

send(Counter, 1, Each) -> burst(Counter, Each);
send(Counter, Senders, Each) -> together(Senders, fun() -> burst(Counter, Each) end).

burst(_, 0) -> ok;
burst(Counter, Left) when Left rem 512 =:= 0 ->
    Counter ! {add, Left}, erlang:yield(), burst(Counter, Left - 1);
burst(Counter, Left) -> Counter ! {add, Left}, burst(Counter, Left - 1).

ask_all(Counter, 1, Each) -> ask_on(Counter, Each);
ask_all(Counter, Askers, Each) -> together(Askers, fun() -> ask_on(Counter, Each) end).

ask_on(_, 0) -> ok;
ask_on(Counter, Left) -> 0 = ask(Counter), ask_on(Counter, Left - 1).

together(Count, Work) ->
    Monitors = [element(2, spawn_monitor(Work)) || _ <- lists:seq(1, Count)],
    lists:foreach(
        fun(Monitor) -> receive {'DOWN', Monitor, _, _, normal} -> ok end end, Monitors).

go_round([First | _], Hops) ->
    First ! {hop, Hops - 1, self()},
    receive done -> ok end.

rounds(Counters, Rounds, Publish) ->
    Warm = Rounds div 10,
    times(Warm, Publish),
    {Micros, _} = timer:tc(fun() ->
        times(Rounds, Publish),
        lists:foreach(fun(Counter) -> true = ask(Counter) =:= Warm + Rounds end, Counters)
    end),
    [length(Counters) * Rounds * 1.0e6 / Micros].

times(0, _) -> ok;
times(Left, Work) -> Work(), erlang:yield(), times(Left - 1, Work).

%% ---- skynet --------------------------------------------------------------------

skynet(Leaves) ->
    spawn(?MODULE, branch, [self(), 0, Leaves]),
    receive {sum, Sum} -> Sum end.

branch(Above, Number, 1) -> Above ! {sum, Number};
branch(Above, Number, Size) ->
    Below = Size div 10,
    [spawn(?MODULE, branch, [self(), Number + At * Below, Below]) || At <- lists:seq(0, 9)],
    Above ! {sum, lists:sum([receive {sum, Sum} -> Sum end || _ <- lists:seq(1, 10)])}.

%% ---- supervised gen_servers ----------------------------------------------------

populate(Actors) ->
    {ok, Sup} = supervisor:start_link(?MODULE, pool),
    start_all(Sup, Actors),
    Sup.

start_all(_, 0) -> ok;
start_all(Sup, Left) -> {ok, _} = supervisor:start_child(Sup, []), start_all(Sup, Left - 1).

start_idle() -> gen_server:start_link(?MODULE, idle, []).
start_child(Name) -> gen_server:start_link({local, Name}, ?MODULE, idle, []).

child_name(Number) -> list_to_atom("child_" ++ integer_to_list(Number)).

init(pool) ->
    Child = #{id => idle, start => {?MODULE, start_idle, []}},
    {ok, {#{strategy => simple_one_for_one}, [Child]}};
init({family, Strategy, Children}) ->
    Child = fun(N) ->
        #{id => N, start => {?MODULE, start_child, [child_name(N)]}}
    end,
    Flags = #{strategy => Strategy, intensity => 1000000, period => 1},
    {ok, {Flags, [Child(N) || N <- lists:seq(1, Children)]}};
init(idle) -> {ok, 0}.

handle_call(answer, _, Answered) -> {reply, Answered, Answered + 1}.

handle_cast(crash, _) -> error(as_it_is_told).

crash_and_ask(Name) ->
    true = is_integer(try_ask(Name)),
    Began = erlang:monotonic_time(nanosecond),
    gen_server:cast(Name, crash),
    first_answer(Name),
    (erlang:monotonic_time(nanosecond) - Began) / 1.0e9.

first_answer(Name) ->
    case try_ask(Name) of
        0 -> ok;
        _ -> erlang:yield(), first_answer(Name)
    end.

try_ask(Name) ->
    try gen_server:call(Name, answer) catch exit:_ -> none end.

percentile(Sorted, Share) -> lists:nth(ceil(Share * length(Sorted)), Sorted).

%% ---- names ---------------------------------------------------------------------

scattered(Names, Count) -> scattered(Names, Count, 1, []).

scattered(_, 0, _, Found) -> Found;
scattered(Names, Left, Seed, Found) ->
    Next = (Seed * 6364136223846793005 + 1442695040888963407) band 16#FFFFFFFFFFFFFFFF,
    scattered(Names, Left - 1, Next, [(Next bsr 33) rem Names | Found]).

%% Each reader has its own copy of the keys, made before the clock starts.
read(Keys, Readers, Lookups, Find) ->
    Home = self(),
    Reader = fun() ->
        Home ! {ready, self()},
        receive go -> ok end,
        {Micros, ok} = timer:tc(fun() -> find_all(Keys, Find) end),
        Home ! {took, Micros}
    end,
    Pids = [spawn_link(Reader) || _ <- lists:seq(1, Readers)],
    [receive {ready, Pid} -> ok end || Pid <- Pids],
    [Pid ! go || Pid <- Pids],
    Slowest = lists:max([receive {took, Micros} -> Micros end || _ <- Pids]),
    [Lookups * Readers * 1.0e6 / Slowest].

find_all([], _) -> ok;
find_all([Key | Keys], Find) -> true = Find(Key), find_all(Keys, Find).

resident() ->
    {ok, Statm} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = string:lexemes(Statm, " "),
    binary_to_integer(Pages) * 4096.
