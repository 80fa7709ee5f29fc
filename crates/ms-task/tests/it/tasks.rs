//! The life of tasks, as properties over random histories.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ms_core::task::{
    AgentKind, FailureKind, FencingToken, NewTask, Priority, QueueName, Retry, TaskError,
    TaskFailure, TaskId, TaskState, TaskTime,
};
use ms_core::{ActorPath, Intensity, Tick};
use ms_task::{
    Applied, Board, Candidate, CrashGuard, MAX_INTERRUPTIONS, QueueSpec, TaskEvent, TaskRecord,
    TokenBucket, choose,
};
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(30);

fn id(n: u128) -> TaskId {
    TaskId::new(Uuid::from_u128(n))
}

fn kind() -> AgentKind {
    AgentKind::new("worker").unwrap()
}

fn agent() -> ActorPath {
    ActorPath::new("/root/workers/worker-1").unwrap()
}

fn at(ms: u64) -> TaskTime {
    TaskTime::from_millis(ms)
}

fn task(max_attempts: u32) -> TaskRecord {
    let retry = Retry { max_attempts, jitter: 0.0, ..Retry::default() };
    TaskRecord::submit(id(1), &NewTask { retry, ..NewTask::new(kind(), Value::Null) }, at(0))
        .unwrap()
}

fn assign(task: &mut TaskRecord, now: TaskTime) -> FencingToken {
    task.apply(TaskEvent::Assign { agent: agent(), lease: LEASE }, now).expect("is ready");
    task.token
}

fn fail(token: FencingToken, failure: TaskFailure) -> TaskEvent {
    TaskEvent::Fail { token, failure, unit_random: 0.5 }
}

/// S6.3-01, S6.3-03, S6.3-04
#[test]
fn a_task_goes_from_pending_to_completed_with_agent_and_timings() {
    let mut task = task(3);
    let token = assign(&mut task, at(10));
    assert_eq!(task.state, TaskState::Assigned);
    assert_eq!(task.view().assigned_agent, Some(agent()));
    task.apply(TaskEvent::Start(token), at(11)).unwrap();
    assert_eq!(task.state, TaskState::Running);
    task.apply(TaskEvent::Complete(token), at(20)).unwrap();
    let view = task.view();
    assert_eq!((view.state, view.attempts, view.lease), (TaskState::Completed, 1, None));
    let times = (view.timings.submitted, view.timings.assigned, view.timings.started);
    assert_eq!(times, (at(0), Some(at(10)), Some(at(11))));
    assert_eq!(view.timings.ended, Some(at(20)));
    // The same word twice is no second completion.
    assert_eq!(task.apply(TaskEvent::Complete(token), at(30)), Ok(Applied::Already));
    assert_eq!(task.timings.ended, Some(at(20)));
}

/// S2.2-04
#[test]
fn t5_failures_wait_longer_each_time_and_end_among_the_dead() {
    let mut task = task(3);
    let (mut now, mut waits) = (at(0), Vec::new());
    for _ in 0..3 {
        let token = assign(&mut task, now);
        task.apply(fail(token, TaskFailure::retry("no")), now).unwrap();
        waits.push(task.timings.not_before.since(now).as_millis());
        assert!(task.apply(TaskEvent::Assign { agent: agent(), lease: LEASE }, now).is_err());
        now = task.timings.not_before;
    }
    assert_eq!(waits[..2], [1_000, 2_000]);
    assert_eq!(task.state, TaskState::Dead);
    assert_eq!(task.failure.as_ref().unwrap().message, "no");
    // Replayed, it has all its attempts again.
    task.apply(TaskEvent::Replay, now).unwrap();
    assert_eq!((task.state, task.attempts, task.replays), (TaskState::Pending, 0, 1));
}

/// S6.3-06
#[test]
fn t2_a_late_result_of_a_superseded_agent_is_refused() {
    let mut task = task(3);
    let first = assign(&mut task, at(0));
    task.apply(TaskEvent::Expire { unit_random: 0.5 }, at(29_999)).unwrap();
    assert_eq!(task.state, TaskState::Assigned, "the lease is not over yet");
    task.apply(TaskEvent::Expire { unit_random: 0.5 }, at(30_000)).unwrap();
    assert_eq!(task.failure.as_ref().unwrap().kind, FailureKind::LeaseExpired);
    let stale = Err(TaskError::StaleToken { id: task.id, given: first });
    assert_eq!(task.apply(TaskEvent::Complete(first), at(30_001)), stale);
    let second = assign(&mut task, at(60_000));
    assert!(second > first);
    assert_eq!(task.apply(TaskEvent::Complete(first), at(60_001)), stale);
    task.apply(TaskEvent::Complete(second), at(60_002)).unwrap();
}

#[test]
fn a_permanent_failure_is_final_and_a_deadline_too() {
    let mut task = task(3);
    let token = assign(&mut task, at(0));
    task.apply(fail(token, TaskFailure::permanent("never")), at(1)).unwrap();
    assert_eq!(task.state, TaskState::Failed);

    let new = NewTask { deadline_ms: Some(100), ..NewTask::new(kind(), Value::Null) };
    let mut task = TaskRecord::submit(id(2), &new, at(50)).unwrap();
    let token = assign(&mut task, at(149));
    task.apply(TaskEvent::Expire { unit_random: 0.0 }, at(150)).unwrap();
    assert_eq!(task.failure.as_ref().unwrap().kind, FailureKind::DeadlinePassed);
    assert!(task.apply(TaskEvent::Complete(token), at(151)).is_err());
    // A replay gets the span, not what is left of it.
    task.apply(TaskEvent::Replay, at(1_000)).unwrap();
    assert_eq!(task.timings.deadline, Some(at(1_100)));
}

#[test]
fn each_replay_grants_the_time_the_task_was_submitted_with() {
    let new = NewTask { deadline_ms: Some(1_000), ..NewTask::new(kind(), Value::Null) };
    let mut task = TaskRecord::submit(id(1), &new, at(0)).unwrap();
    let mut times = Vec::new();
    for begun in [0, 3_600_000, 7_200_000, 10_800_000].map(at) {
        if begun > at(0) {
            task.apply(TaskEvent::Replay, begun).unwrap();
        }
        let deadline = task.timings.deadline.unwrap();
        times.push(deadline.since(begun));
        let late = deadline + Duration::from_secs(1);
        task.apply(TaskEvent::Expire { unit_random: 0.5 }, late).unwrap();
        assert_eq!(task.state, TaskState::Failed);
    }
    assert_eq!(times, [Duration::from_secs(1); 4]);
    // A record of an earlier version has the point in time only, and is as good at its first replay.
    let mut text = serde_json::to_value(TaskRecord::submit(id(1), &new, at(500)).unwrap()).unwrap();
    text.as_object_mut().unwrap().remove("deadline_ms").expect("kept");
    let mut old: TaskRecord = serde_json::from_value(text).unwrap();
    old.apply(TaskEvent::Expire { unit_random: 0.5 }, at(1_500)).unwrap();
    old.apply(TaskEvent::Replay, at(9_000)).unwrap();
    assert_eq!(old.timings.deadline, Some(at(10_000)));
}

/// Handing back is no interruption, and `Interrupted` is no failure: EASE 3.
#[test]
fn t6_t22_what_is_no_fault_of_the_task_takes_no_attempt() {
    let mut task = task(1);
    for n in 1..=3 * u64::from(MAX_INTERRUPTIONS) {
        let token = assign(&mut task, at(n * 100));
        let event = TaskEvent::HandBack { token, after: Duration::from_millis(40) };
        task.apply(event, at(n * 100)).unwrap();
        let count = (task.state, task.attempts, task.interruptions);
        assert_eq!(count, (TaskState::Pending, 0, 0));
        assert_eq!(task.timings.not_before, at(n * 100 + 40));
    }
    let token = assign(&mut task, at(100_000));
    let interrupted = TaskFailure::new(FailureKind::Interrupted, "Ctrl-C");
    task.apply(fail(token, interrupted), at(100_001)).unwrap();
    assert_eq!((task.state, task.attempts, task.interruptions), (TaskState::Pending, 0, 1));
    assert!(task.apply(TaskEvent::HandBack { token, after: Duration::ZERO }, at(100_002)).is_err());
}

#[test]
fn t6_interruptions_do_not_count_but_are_bounded() {
    let mut task = task(1);
    for n in 1..=MAX_INTERRUPTIONS {
        assign(&mut task, at(u64::from(n)));
        let event = TaskEvent::Interrupt { token: None, why: "kill -9".into() };
        task.apply(event, at(u64::from(n))).unwrap();
        assert_eq!((task.state, task.attempts), (TaskState::Pending, 0));
    }
    assign(&mut task, at(100));
    task.apply(TaskEvent::Interrupt { token: None, why: "kill -9".into() }, at(100)).unwrap();
    assert_eq!(task.state, TaskState::Dead);
}

#[derive(Debug, Clone)]
enum Step {
    Assign,
    Start(u8),
    Renew(u8),
    Release(u8),
    HandBack(u8),
    Complete(u8),
    Fail(u8, bool),
    Interrupt(Option<u8>),
    Expire,
    Cancel,
    Replay,
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    // A token is chosen among those ever given, the newest first.
    let back = 0..3_u8;
    prop_oneof![
        4 => Just(Step::Assign),
        2 => back.clone().prop_map(Step::Start),
        1 => back.clone().prop_map(Step::Renew),
        1 => back.clone().prop_map(Step::Release),
        1 => back.clone().prop_map(Step::HandBack),
        2 => back.clone().prop_map(Step::Complete),
        3 => (back.clone(), prop::bool::weighted(0.1)).prop_map(|(b, p)| Step::Fail(b, p)),
        1 => prop::option::of(back).prop_map(Step::Interrupt),
        2 => Just(Step::Expire),
        1 => Just(Step::Cancel),
        1 => Just(Step::Replay),
        3 => (1..100_000_u32).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// S6.3-04, S6.3-06: never two live leases, completed at most once between replays,
    /// attempts bounded, an end is left only by a replay.
    #[test]
    fn whatever_happens_a_task_keeps_its_promises(
        max in 1..5_u32,
        deadline in prop::option::of(1..500_000_u64),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let retry = Retry { max_attempts: max, ..Retry::default() };
        let new = NewTask { retry, deadline_ms: deadline, ..NewTask::new(kind(), Value::Null) };
        let mut task = TaskRecord::submit(id(1), &new, at(0)).unwrap();
        let (mut now, mut given, mut completions) = (at(0), Vec::new(), 0);
        for step in steps {
            let before = task.clone();
            let token = |back: u8| {
                FencingToken((given.len() as u64).saturating_sub(u64::from(back)))
            };
            let event = match step {
                Step::Wait(ms) => {
                    now = now + Duration::from_millis(u64::from(ms));
                    continue;
                }
                Step::Assign => TaskEvent::Assign { agent: agent(), lease: LEASE },
                Step::Start(back) => TaskEvent::Start(token(back)),
                Step::Renew(back) => TaskEvent::Renew { token: token(back), lease: LEASE },
                Step::Release(back) => TaskEvent::Release(token(back)),
                Step::HandBack(back) => {
                    TaskEvent::HandBack { token: token(back), after: Duration::from_secs(1) }
                }
                Step::Complete(back) => TaskEvent::Complete(token(back)),
                Step::Fail(back, permanent) => {
                    let failure = TaskFailure { permanent, ..TaskFailure::retry("no") };
                    TaskEvent::Fail { token: token(back), failure, unit_random: 0.5 }
                }
                Step::Interrupt(back) => {
                    TaskEvent::Interrupt { token: back.map(token), why: "lost".into() }
                }
                Step::Expire => TaskEvent::Expire { unit_random: 0.5 },
                Step::Cancel => TaskEvent::Cancel,
                Step::Replay => TaskEvent::Replay,
            };
            let outcome = task.apply(event.clone(), now);
            // A refused event, and one that changes nothing, leave no trace.
            if outcome != Ok(Applied::Changed) {
                prop_assert_eq!(&task, &before);
                continue;
            }
            if let TaskEvent::Assign { .. } = event {
                prop_assert!(!before.state.is_leased(), "two live leases");
                prop_assert!(!given.contains(&task.token), "a token was given twice");
                given.push(task.token);
            }
            if let TaskEvent::Complete(token) | TaskEvent::Start(token)
                | TaskEvent::Fail { token, .. } | TaskEvent::Renew { token, .. }
                | TaskEvent::Release(token)
                | TaskEvent::HandBack { token, .. } = event
            {
                prop_assert_eq!(Some(&token), given.last(), "a stale token had an effect");
                prop_assert!(before.state.is_leased());
            }
            completions += usize::from(task.state == TaskState::Completed);
            prop_assert!(completions <= 1, "completed twice");
            prop_assert!(!before.state.is_ended() || event == TaskEvent::Replay);
            prop_assert!(task.attempts <= max && task.interruptions <= MAX_INTERRUPTIONS + 1);
            prop_assert_eq!(task.state.is_leased(), task.lease().is_some());
            prop_assert_eq!(task.state.is_ended(), task.timings.ended.is_some());
            let text = serde_json::to_string(&task).unwrap();
            prop_assert_eq!(serde_json::from_str::<TaskRecord>(&text).unwrap(), task.clone());
        }
    }

    /// Driven on, every task ends: nothing is lost in a state it cannot leave.
    #[test]
    fn a_task_that_is_driven_on_ends(max in 1..6_u32, fates in prop::collection::vec(0..4_u8, 200)) {
        let mut task = task(max);
        let mut now = at(0);
        for fate in fates {
            if task.state.is_ended() {
                break;
            }
            now = now.max(task.timings.not_before);
            let token = assign(&mut task, now);
            match fate {
                0 => task.apply(TaskEvent::Complete(token), now).unwrap(),
                1 => task.apply(fail(token, TaskFailure::retry("no")), now).unwrap(),
                2 => {
                    now = now + LEASE;
                    task.apply(TaskEvent::Expire { unit_random: 0.1 }, now).unwrap()
                }
                _ => {
                    let why = "lost".into();
                    task.apply(TaskEvent::Interrupt { token: Some(token), why }, now).unwrap()
                }
            };
        }
        prop_assert!(task.state.is_ended());
    }

    /// The rate is never exceeded, in whatever steps time goes and whatever is asked for.
    #[test]
    fn a_token_bucket_grants_no_more_than_rate_and_burst(
        rate in 1..1_000_u32,
        burst in 1..50_u32,
        asks in prop::collection::vec((0..200_000_000_u64, 0..100_u64), 1..100),
    ) {
        let mut bucket = TokenBucket::empty(f64::from(rate), burst, Tick::ZERO);
        let (mut now, mut grants) = (0_u64, Vec::new());
        prop_assert_eq!(bucket.take(1, Tick::ZERO), 0, "it starts empty");
        for (step, wanted) in asks {
            now += step;
            let taken = bucket.take(wanted, Tick::from_nanos(now));
            prop_assert!(taken <= wanted);
            grants.push((now, taken));
        }
        for from in 0..grants.len() {
            let mut sum = 0;
            for &(time, taken) in &grants[from..] {
                sum += taken;
                let seconds = (time - grants[from].0) as f64 / 1e9;
                let most = f64::from(burst) + seconds * f64::from(rate) + 1e-6;
                prop_assert!(sum as f64 <= most, "{sum} in {seconds} s, {most} permitted");
            }
        }
    }

    /// Whatever crashes, tasks in hand plus crashes in the window stay within the intensity.
    #[test]
    fn a_crash_guard_never_lets_the_intensity_be_passed(
        max in 0..20_u32,
        period in 1..20_u64,
        steps in prop::collection::vec((0..3_000_u64, 0..10_usize, 0..10_usize), 1..200),
    ) {
        let period = Duration::from_secs(period);
        let mut guard = CrashGuard::new(Intensity { max_restarts: max, period });
        let (mut now, mut in_hand, mut crashes) = (0, 0_usize, Vec::<u64>::new());
        for (step, wanted, crashed) in steps {
            now += step;
            let tick = Tick::from_millis(now);
            in_hand += wanted.min(guard.room(tick).saturating_sub(in_hand));
            for _ in 0..crashed.min(in_hand) {
                in_hand -= 1;
                guard.crashed(tick);
                crashes.push(now);
            }
            // As the supervisor counts: whole seconds, inclusive.
            let window = |at: &&u64| now / 1000 - **at / 1000 <= period.as_secs();
            let counted = crashes.iter().filter(window).count();
            prop_assert!(counted <= max as usize, "{counted} crashes in the window");
        }
    }

    /// The urgent before the others, the old before the young, within every limit.
    #[test]
    fn what_is_chosen_is_next_and_within_the_limits(
        tasks in prop::collection::vec((0..3_usize, 0..3_usize, -3..4_i16, 0..5_u64), 0..40),
        free in prop::collection::vec(0..5_usize, 3),
        room in prop::collection::vec(0..5_usize, 3),
    ) {
        let names = ["a", "b", "c"];
        let kinds = names.map(|k| AgentKind::new(k).unwrap());
        let queues = names.map(|q| QueueName::new(q).unwrap());
        let tasks: Vec<_> = tasks.iter().enumerate().map(|(n, &(q, k, p, t))| Candidate {
            id: id(n as u128),
            queue: queues[q].clone(),
            kind: kinds[k].clone(),
            priority: Priority::new(p).unwrap(),
            submitted: at(t),
        }).collect();
        let free: BTreeMap<_, _> = kinds.into_iter().zip(free).collect();
        let room: BTreeMap<_, _> = queues.into_iter().zip(room).collect();
        let chosen = choose(tasks.clone(), &room, &free);
        let of_kind = |kind| chosen.iter().filter(move |t: &&Candidate| t.kind == kind);
        let of_queue = |queue| chosen.iter().filter(move |t: &&Candidate| t.queue == queue);
        prop_assert!(free.iter().all(|(kind, &free)| of_kind(kind.clone()).count() <= free));
        prop_assert!(room.iter().all(|(queue, &room)| of_queue(queue.clone()).count() <= room));
        let ids: BTreeSet<_> = chosen.iter().map(|t| t.id).collect();
        prop_assert_eq!(ids.len(), chosen.len(), "one task was chosen twice");
        let rank = |t: &Candidate| (std::cmp::Reverse(t.priority), t.submitted, t.id);
        for left in tasks.iter().filter(|t| !ids.contains(&t.id)) {
            // Passed over because those of its kind or of its queue that come before it took all.
            let ahead = |t: &&Candidate| rank(t) < rank(left);
            let kinds = of_kind(left.kind.clone()).filter(ahead).count() == free[&left.kind];
            let queues = of_queue(left.queue.clone()).filter(ahead).count() == room[&left.queue];
            prop_assert!(kinds || queues);
        }
    }

    /// Whatever comes and goes: no queue has more in hand than it may, no agent two tasks,
    /// and no pool more than its supervisor's intensity can bear.
    #[test]
    fn the_board_keeps_every_limit(
        concurrency in prop::collection::vec(1..4_usize, 2),
        agents in prop::collection::vec(0..5_usize, 2),
        intensity in 1..8_u32,
        steps in prop::collection::vec((0..4_u8, 0..10_usize, 0..2_000_u64), 1..200),
    ) {
        let kinds = ["a", "b"].map(|k| AgentKind::new(k).unwrap());
        let queues = ["q", "r"].map(|q| QueueName::new(q).unwrap());
        let period = Duration::from_secs(5);
        let mut board = Board::new(Tick::ZERO);
        for (queue, &concurrency) in queues.iter().zip(&concurrency) {
            board.declare_queue(QueueSpec { concurrency, ..QueueSpec::new(queue.clone()) });
        }
        let path = |kind: &AgentKind, n| ActorPath::new(format!("/w/{kind}-{n}")).unwrap();
        for (kind, &count) in kinds.iter().zip(&agents) {
            board.declare_pool(kind.clone(), Intensity { max_restarts: intensity, period });
            (0..count).for_each(|n| board.join(kind, path(kind, n)));
        }
        let mut now = 0;
        let mut in_hand: Vec<(ActorPath, QueueName, AgentKind)> = Vec::new();
        let mut crashes: Vec<(AgentKind, u64)> = Vec::new();
        for (what, pick, wait) in steps {
            now += wait;
            let tick = Tick::from_millis(now);
            if what < 2 {
                let Some(wish) = board.wish(tick, LEASE) else { continue };
                for (kind, free) in wish.free {
                    // A store gives as much as it is asked for, from wherever there is room.
                    for agent in free.into_iter().take(pick) {
                        let count = |q: &QueueName| in_hand.iter().filter(|t| t.1 == *q).count();
                        let at = queues.iter().position(|q| count(q) < concurrency[usize::from(*q == queues[1])]);
                        let Some(at) = at else { continue };
                        let granted = wish.room.get(&queues[at]).copied().unwrap_or(0);
                        prop_assert!(granted >= 1);
                        prop_assert!(!in_hand.iter().any(|t| t.0 == agent), "an agent has two tasks");
                        board.assigned(&kind, &agent, &queues[at], tick);
                        in_hand.push((agent, queues[at].clone(), kind.clone()));
                    }
                }
            } else if !in_hand.is_empty() {
                let (agent, _, kind) = in_hand.remove(pick % in_hand.len());
                let crashed = what == 3;
                board.finished(&kind, &agent, crashed, tick);
                if crashed {
                    crashes.push((kind, now));
                }
            }
            for (queue, &most) in queues.iter().zip(&concurrency) {
                prop_assert!(in_hand.iter().filter(|t| t.1 == *queue).count() <= most);
            }
            for kind in &kinds {
                let window = |c: &&(AgentKind, u64)| c.0 == *kind && now / 1000 - c.1 / 1000 <= 5;
                let counted = crashes.iter().filter(window).count();
                prop_assert!(counted <= intensity as usize, "{counted} crashes");
            }
        }
    }
}
