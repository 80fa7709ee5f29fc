//! Durable tasks on real agents, a real store and real time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Order, TEST_DEADLINE, order, run, start};
use ms_actor::{AnyRef, ReadFrom};
use ms_core::task::{
    AgentKind, FailureKind, IdempotencyKey, NewTask, QueueName, TaskChange, TaskError, TaskFilter,
    TaskLogEvent, TaskState, TaskTransition,
};
use ms_core::view::Lifecycle;
use ms_core::{ActorPath, ChildId};
use ms_supervisor::{SupervisorError, SupervisorRef};
use ms_task::{QueueSpec, Rate, Submission, TaskStore};
use ms_worker::tasks::TaskRefusal;
use serde_json::json;

use crate::common;

/// S6.2-02, S6.3-01, S6.3-03, S6.3-04, S6.3-05
#[test]
fn tasks_are_assigned_done_and_their_results_kept() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let system = start(&node, dir.path(), 4, vec![], |tasks| tasks).await;
        let tasks = (0..200).map(|n| order(&Order::Echo(n))).collect();
        let accepted = system.client.submit_all(tasks).await.unwrap();
        for (n, one) in accepted.into_iter().enumerate() {
            let view = system.ended(one.unwrap().view.id).await;
            assert_eq!(view.state, TaskState::Completed);
            let agent = view.assigned_agent.unwrap();
            assert!(agent.as_str().starts_with("/root/tasks/worker/worker-"), "{agent}");
            let times = view.timings;
            assert!(times.submitted <= times.assigned.unwrap() && times.started <= times.ended);
            assert_eq!(system.client.result(view.id).await.unwrap(), Some(json!(n)));
        }
        assert_eq!(system.deeds.begun.load(Ordering::SeqCst), 200);
        system.stop().await;
    });
}

/// S2.2-10: a failed task is tried again; what fails for good is not.
#[test]
fn failures_are_tried_again_and_final_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let system = start(&node, dir.path(), 2, vec![], |tasks| tasks).await;
        let id = system.submit(order(&Order::FailTimes(2))).await;
        assert_eq!(system.ended(id).await.state, TaskState::Completed);
        assert_eq!(system.client.result(id).await.unwrap(), Some(json!(3)));

        let id = system.submit(order(&Order::Refuse)).await;
        let view = system.ended(id).await;
        assert_eq!((view.state, view.attempts), (TaskState::Failed, 1));

        let odd = NewTask { payload: json!({ "no": "order" }), ..order(&Order::Refuse) };
        let refused = system.client.submit(odd.clone()).await;
        let refused = refused.expect_err("no order is called so");
        assert!(
            matches!(refused, TaskRefusal::Task(TaskError::InvalidPayload { .. })),
            "{refused}"
        );
        // An older program may have taken it: it lies in the store, and fails for good.
        let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let older = system.store.submit(vec![Submission { id, task: odd }]).await.unwrap();
        assert_eq!(older[0].as_ref().unwrap().view.id, id);
        let large = system.submit(order(&Order::Large)).await;
        let view = system.ended(id).await;
        assert_eq!((view.state, view.attempts), (TaskState::Failed, 1));
        let failure = view.failure.unwrap();
        assert!(failure.permanent && failure.message.contains("payload"), "{failure}");

        let view = system.ended(large).await;
        assert_eq!(view.state, TaskState::Failed, "a result over the limit");

        let slow = NewTask { attempt_ms: Some(20), ..order(&Order::Sleep(60_000)) };
        let id = system.submit(slow).await;
        let view = system.ended(id).await;
        assert_eq!(view.state, TaskState::Dead);
        assert_eq!(view.failure.unwrap().kind, FailureKind::TimedOut);

        let late = NewTask { deadline_ms: Some(50), ..order(&Order::Sleep(60_000)) };
        let id = system.submit(late).await;
        assert_eq!(system.ended(id).await.failure.unwrap().kind, FailureKind::DeadlinePassed);
        system.stop().await;
    });
}

/// S6.3-06, S6.2-01: an agent that dies with a task does not take it along; RELIABILITY 35: a
/// task that panics every time ends among the dead letters with its cause, and the
/// supervisor survives.
#[test]
fn t8_poison_tasks_end_among_the_dead_letters_within_the_intensity() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        // Four poison tasks are twelve panics; six restarts in a second are granted.
        let adjust =
            |tasks: ms_worker::tasks::Tasks| tasks.pool_intensity(6, Duration::from_secs(1));
        let system = start(&node, dir.path(), 4, vec![], adjust).await;
        let mut poison = Vec::new();
        for _ in 0..4 {
            poison.push(system.submit(order(&Order::Panic)).await);
        }
        let good = system.submit(order(&Order::Echo(7))).await;
        for id in &poison {
            let view = system.ended(*id).await;
            assert_eq!((view.state, view.attempts), (TaskState::Dead, 3));
            let failure = view.failure.unwrap();
            assert_eq!(failure.kind, FailureKind::Crashed);
            assert!(failure.message.contains("poison"), "{failure}");
        }
        assert_eq!(system.ended(good).await.state, TaskState::Completed);
        let pools = system.root.supervisor("tasks").await.unwrap();
        assert_eq!(incarnation(&pools, "worker").await, 1, "the pool's supervisor gave up");

        let dead = TaskFilter { state: Some(TaskState::Dead), ..TaskFilter::default() };
        assert_eq!(system.client.list(dead).await.unwrap().tasks.len(), 4);
        let replayed = system.client.replay(poison[0]).await.unwrap();
        assert_eq!((replayed.state, replayed.replays), (TaskState::Pending, 1));
        assert_eq!(system.ended(poison[0]).await.state, TaskState::Dead);
        system.stop().await;
    });
}

/// The events of a task are published in order, without its payload.
#[test]
fn the_life_of_a_task_is_published() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let system = start(&node, dir.path(), 1, vec![], |tasks| tasks).await;
        let mut events = system.store.events().reader(ReadFrom::Oldest);
        let mut all = Vec::new();
        // The transitions of `id` once this change is among them, as change, attempt, and whether
        // it is tried again. What follows on it may have come with it.
        let mut life = async |id, awaited: TaskChange| {
            loop {
                let published: Vec<_> = all
                    .iter()
                    .filter(|transition: &&TaskTransition| transition.id == id)
                    .map(|transition| {
                        (transition.change, transition.attempt, transition.retry_in_ms.is_some())
                    })
                    .collect();
                if published.iter().any(|transition| transition.0 == awaited) {
                    return published;
                }
                let next = tokio::time::timeout(TEST_DEADLINE, events.next_event()).await;
                let event = next.expect("is published").expect("the store lives").kind;
                let TaskLogEvent::Moved(transition) = event else {
                    panic!("nobody steers: {event:?}")
                };
                all.push(transition);
            }
        };
        use TaskChange::{
            Assigned, Cancelled, Completed, Dead, Failed, Replayed, Started, Submitted,
        };
        // Whether a start is published before an end is up to the two groups they come in.
        let but_starts = |published: Vec<(TaskChange, u32, bool)>| {
            published.into_iter().filter(|transition| transition.0 != Started).collect::<Vec<_>>()
        };
        let id = system.submit(order(&Order::FailTimes(1))).await;
        let published = life(id, Completed).await;
        assert_eq!(
            but_starts(published),
            [
                (Submitted, 0, false),
                (Assigned, 1, false),
                (Failed, 1, true),
                (Assigned, 2, false),
                (Completed, 2, false)
            ]
        );
        let id = system.submit(order(&Order::Panic)).await;
        let published = but_starts(life(id, Dead).await);
        assert_eq!(
            published.iter().filter(|transition| transition.0 == Failed).count(),
            2,
            "{published:?}"
        );
        assert_eq!(published.last(), Some(&(Dead, 3, false)));
        system.client.replay(id).await.unwrap();
        assert!(life(id, Replayed).await.contains(&(Replayed, 0, false)));
        system.ended(id).await;

        let id = system.submit(order(&Order::Sleep(60_000))).await;
        system.reaches(id, TaskState::Running).await;
        system.client.cancel(id).await.unwrap();
        let published = life(id, Cancelled).await;
        assert_eq!(published[2..], [(Started, 1, false), (Cancelled, 1, false)]);
        system.stop().await;
    });
}

/// A lease that nobody renews is lost, and the dispatcher's restart takes tasks back: both are
/// published.
#[test]
fn a_task_taken_from_its_agent_is_published() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let lease = Duration::from_millis(300);
        let adjust = |tasks: ms_worker::tasks::Tasks| tasks.lease(lease);
        let system = start(&node, dir.path(), 1, vec![], adjust).await;
        let mut events = system.store.events().reader(ReadFrom::Oldest);
        let mut published = async |change| {
            let find = async {
                loop {
                    match events.next_event().await.expect("the store lives").kind {
                        TaskLogEvent::Moved(one) if one.change == change => return one,
                        _ => {}
                    }
                }
            };
            tokio::time::timeout(TEST_DEADLINE, find).await.expect("is published")
        };
        let blocked = system.submit(order(&Order::Block(1_500))).await;
        let transition = published(TaskChange::LeaseLost).await;
        assert_eq!((transition.id, transition.attempt), (blocked, 1));
        assert_eq!(transition.failure, Some(FailureKind::LeaseExpired));
        assert!(transition.retry_in_ms.is_some() && transition.agent.is_some());
        system.ended(blocked).await;

        let slow = system.submit(order(&Order::Sleep(60_000))).await;
        system.reaches(slow, TaskState::Running).await;
        system.client.dispatcher().unwrap().any().kill();
        let transition = published(TaskChange::TakenBack).await;
        assert_eq!((transition.id, transition.failure), (slow, Some(FailureKind::Interrupted)));
        system.client.cancel(slow).await.unwrap();
        system.stop().await;
    });
}

async fn incarnation(supervisor: &SupervisorRef, child: &str) -> u64 {
    let child = supervisor.child(&ChildId::new(child).unwrap()).await.unwrap().unwrap();
    child.incarnation().0
}

#[test]
fn t9_a_finished_step_is_not_done_again_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let system = start(&node, dir.path(), 1, vec![], |tasks| tasks).await;
        let id = system.submit(order(&Order::Steps { crash_at: 2 })).await;
        let view = system.ended(id).await;
        assert_eq!((view.state, view.attempts), (TaskState::Completed, 2));
        assert_eq!(system.client.result(id).await.unwrap(), Some(json!(6)));
        assert_eq!(system.deeds.steps.load(Ordering::SeqCst), 3, "each step once");
        system.stop().await;
    });
}

#[test]
fn a_long_task_goes_on_from_its_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let system = start(&node, dir.path(), 1, vec![], |tasks| tasks).await;
        let id = system.submit(order(&Order::Count(10))).await;
        let view = system.ended(id).await;
        assert_eq!((view.state, view.attempts), (TaskState::Completed, 2));
        assert_eq!(system.deeds.steps.load(Ordering::SeqCst), 10, "nothing was counted twice");
        system.stop().await;
    });
}

/// S2.2-13
#[test]
fn t10_a_cancelled_task_is_stopped_at_its_next_await_and_stays_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let system = start(&node, dir.path(), 1, vec![], |tasks| tasks).await;
        let id = system.submit(order(&Order::Sleep(600_000))).await;
        system.reaches(id, TaskState::Running).await;
        let waiting = system.submit(order(&Order::Echo(1))).await;
        assert_eq!(system.client.cancel(id).await.unwrap().state, TaskState::Cancelled);
        // The only agent is free for the next one.
        assert_eq!(system.ended(waiting).await.state, TaskState::Completed);
        assert_eq!(system.client.cancel(id).await.unwrap().state, TaskState::Cancelled);
        let refused = system.client.cancel(waiting).await;
        assert!(matches!(refused, Err(TaskRefusal::Task(TaskError::WrongState { .. }))));
        assert_eq!(system.client.result(id).await.unwrap(), None);
        system.stop().await;
    });
}

/// The agent blocks its thread for longer than its lease: the task is another's, and what the
/// first says at last is refused.
#[test]
fn t11_a_late_result_of_a_hung_agent_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let adjust = |tasks: ms_worker::tasks::Tasks| tasks.lease(Duration::from_millis(150));
        let system = start(&node, dir.path(), 2, vec![], adjust).await;
        let id = system.submit(order(&Order::Block(1_200))).await;
        let view = system.ended(id).await;
        assert!(view.attempts >= 2, "{view:?}");
        assert_eq!(
            view.failure.map(|f| f.kind).unwrap_or(FailureKind::LeaseExpired),
            FailureKind::LeaseExpired
        );
        let end = view.timings.ended;
        // Long after all have come back, nothing has changed.
        while system.deeds.now.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let echo = system.submit(order(&Order::Echo(1))).await;
        system.ended(echo).await;
        assert_eq!(system.client.get(id).await.unwrap().unwrap().timings.ended, end);
        system.stop().await;
    });
}

/// A task that takes longer than its lease keeps it while its agent is alive.
#[test]
fn a_lease_is_renewed_while_the_agent_works() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let adjust = |tasks: ms_worker::tasks::Tasks| tasks.lease(Duration::from_millis(600));
        let system = start(&node, dir.path(), 1, vec![], adjust).await;
        let id = system.submit(order(&Order::Sleep(2_000))).await;
        let view = system.ended(id).await;
        assert_eq!((view.state, view.attempts), (TaskState::Completed, 1));
        system.stop().await;
    });
}

/// S6.3-06, S6.3-09
#[test]
fn a_killed_agent_a_killed_dispatcher_and_a_killed_store_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let system = start(&node, dir.path(), 4, vec![], |tasks| tasks).await;
        let mut ids = Vec::new();
        for round in 0..6_u64 {
            let keyed = |n: u64| {
                let key = IdempotencyKey::new(format!("{round}-{n}")).ok();
                NewTask { idempotency_key: key, ..order(&Order::Echo(n)) }
            };
            let tasks: Vec<_> = (0..40).map(keyed).collect();
            // What is not answered is sent again: the keys make that safe.
            let accepted = loop {
                match system.client.submit_all(tasks.clone()).await {
                    Ok(accepted) => break accepted,
                    Err(error) => assert!(matches!(error, TaskRefusal::Store(_)), "{error}"),
                }
            };
            ids.extend(accepted.into_iter().map(|one| one.unwrap().view.id));
            let victim = ["/root/tasks/worker/worker-1", "/root/tasks/dispatcher", "/root/store"];
            let victim = ActorPath::new(victim[round as usize % 3]).unwrap();
            find(&system.root, &victim).await.kill();
        }
        for id in &ids {
            assert_eq!(system.ended(*id).await.state, TaskState::Completed, "{id}");
        }
        let all = TaskFilter { limit: 1_000, ..TaskFilter::default() };
        assert_eq!(system.client.list(all).await.unwrap().tasks.len(), 240, "one task a key");
        system.stop().await;
    });
}

/// The actor at a path, once it runs. A new dispatcher has the pools started anew, and a supervisor
/// between two of its lives takes no messages: it is looked up again.
async fn find(root: &SupervisorRef, path: &ActorPath) -> AnyRef {
    let look = async {
        loop {
            match look_up(root, path).await {
                Ok(Some(actor)) if actor.status().lifecycle == Lifecycle::Running => return actor,
                Ok(_)
                | Err(SupervisorError::NoAnswer { .. } | SupervisorError::NotFound { .. }) => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(error) => panic!("{path}: {error}"),
            }
        }
    };
    tokio::time::timeout(TEST_DEADLINE, look).await.expect("it runs again")
}

async fn look_up(
    root: &SupervisorRef,
    path: &ActorPath,
) -> Result<Option<AnyRef>, SupervisorError> {
    let mut supervisor = root.clone();
    let names: Vec<&str> = path.segments().skip(1).collect();
    let (last, above) = names.split_last().unwrap();
    for name in above {
        supervisor = supervisor.supervisor(name).await?;
    }
    supervisor.child(&ChildId::new(last)?).await
}

#[test]
fn t7_a_queue_keeps_its_concurrency_and_its_rate() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let name = QueueName::new("narrow").unwrap();
        let narrow = QueueSpec { concurrency: 2, ..QueueSpec::new(name.clone()) };
        let slow = QueueName::new("slow").unwrap();
        let rate = Some(Rate { per_second: 20.0, burst: 1 });
        let slow_spec = QueueSpec { rate, ..QueueSpec::new(slow.clone()) };
        let system = start(&node, dir.path(), 8, vec![narrow, slow_spec], |tasks| tasks).await;
        let task =
            |queue: &QueueName, what: Order| NewTask { queue: queue.clone(), ..order(&what) };
        let tasks = (0..20).map(|_| task(&name, Order::Sleep(5))).collect();
        let accepted = system.client.submit_all(tasks).await.unwrap();
        for one in accepted {
            system.ended(one.unwrap().view.id).await;
        }
        assert_eq!(system.deeds.most.load(Ordering::SeqCst), 2);

        let tasks = (0..6).map(|n| task(&slow, Order::Echo(n))).collect();
        let accepted = system.client.submit_all(tasks).await.unwrap();
        let mut starts = Vec::new();
        for one in accepted {
            let view = system.ended(one.unwrap().view.id).await;
            starts.push(view.timings.assigned.unwrap().as_millis());
        }
        starts.sort_unstable();
        // Six starts at 20 a second, one at a time: five gaps of 50 ms at least (clocks of 1 ms).
        assert!(starts[5] - starts[0] >= 245, "{starts:?}");
        system.stop().await;
    });
}

#[test]
fn what_was_not_declared_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let system = start(&node, dir.path(), 1, vec![], |tasks| tasks).await;
        let queue = QueueName::new("nowhere").unwrap();
        let lost = NewTask { queue: queue.clone(), ..order(&Order::Echo(1)) };
        let kind = AgentKind::new("nobody").unwrap();
        let idle = NewTask { kind: kind.clone(), ..order(&Order::Echo(2)) };
        let good = order(&Order::Echo(3));
        let answers = system.client.submit_all(vec![lost, idle, good]).await.unwrap();
        assert_eq!(answers[0], Err(TaskError::UnknownQueue(queue)));
        assert_eq!(answers[1], Err(TaskError::UnknownKind(kind)));
        system.ended(answers[2].as_ref().unwrap().view.id).await;
        let none = system
            .client
            .ended("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(), TEST_DEADLINE);
        assert!(matches!(none.await, Err(TaskRefusal::Task(TaskError::NotFound(_)))));
        system.stop().await;
    });
}

/// S3.4-08: each attempt is an operation of its own in the trace of the submission, and the agent
/// is told which.
#[test]
fn an_agent_has_the_trace_of_the_submission() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let system = start(&node, dir.path(), 2, vec![], |tasks| tasks).await;
        let trace = format!("00-{TRACE}-00f067aa0ba902b7-01").parse().ok();
        let traced = NewTask { trace, ..order(&Order::TraceIds) };
        let (with, without) =
            (system.submit(traced).await, system.submit(order(&Order::TraceIds)).await);
        let view = system.ended(with).await;
        assert_eq!((view.state, view.traceparent), (TaskState::Completed, trace));
        let both = system.client.result(with).await.unwrap().expect("a result");
        let [first, second] = [&both[0], &both[1]].map(|one| one.as_str().expect("a trace"));
        assert!(first.contains(TRACE) && second.contains(TRACE), "{both}");
        assert!(first != second && !both.to_string().contains("00f067aa0ba902b7"), "{both}");
        assert_eq!(system.ended(without).await.state, TaskState::Completed);
        assert_eq!(system.client.result(without).await.unwrap(), Some(json!([null, null])));
        system.stop().await;
    });
}
