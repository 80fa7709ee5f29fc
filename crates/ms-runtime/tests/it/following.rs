//! Streams over the control socket: traces with limits, events with gaps.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use common::{Add, SECOND, path, until, with_node};
use ms_actor::EventLog;
use ms_control::Kind;
use ms_core::stream::{About, EventFilter, StreamKind};
use ms_core::task::{
    AgentKind, QueueName, TaskChange, TaskId, TaskLogEvent, TaskState, TaskTransition,
};
use ms_core::view::{EventKind, Mark};
use ms_ops::ops::{CancelTask, FollowEvents, TraceMessages};

fn trace(text: &str, max: u32, for_ms: u64) -> TraceMessages {
    TraceMessages { path: path(text), max, for_ms }
}

#[test]
fn a_trace_shows_messages_and_ends_at_its_limit() {
    with_node(
        |config| config,
        |node| async move {
            let calm = node.actor("work", "calm").await;
            let mut lines = node
                .client()
                .await
                .stream(trace("/root/work/calm", 3, 20_000))
                .await
                .expect("streams");
            let client = node.client().await;
            until(|| async { node.marks("/root/work/calm").await.contains(&Mark::Traced) }).await;
            let second =
                client.stream(trace("/root/work/calm", 3, 1_000)).await.expect("asks").next().await;
            assert_eq!(second.expect("an answer").expect_err("one at a time").kind, Kind::Refused);
            for n in 0..5 {
                calm.ask(Add(n)).await.expect("answers");
            }
            let mut seen = 0;
            while let Some(item) = lines.next().await {
                let line = item.expect("goes on");
                assert!(line.message.ends_with("Add") && line.took_us.is_some(), "{line:?}");
                seen += 1;
            }
            assert_eq!(seen, 3);
            until(|| async { node.marks("/root/work/calm").await.is_empty() }).await;
            node.stop().await;
        },
    );
}

#[test]
fn a_trace_ends_when_its_reader_leaves() {
    with_node(
        |config| config,
        |node| async move {
            let traced = || async { node.marks("/root/work/calm").await.contains(&Mark::Traced) };
            let lines = node
                .client()
                .await
                .stream(trace("/root/work/calm", 1_000, 60_000))
                .await
                .expect("streams");
            until(traced).await;
            drop(lines);
            until(|| async { !traced().await }).await;
            // It can be traced again.
            let mut lines = node
                .client()
                .await
                .stream(trace("/root/work/calm", 1, 100))
                .await
                .expect("streams");
            assert!(lines.next().await.is_none());
            let mut legacy =
                node.client().await.stream(trace("/root/work/legacy", 1, 100)).await.expect("asks");
            let error = legacy.next().await.expect("an answer").expect_err("cannot be traced");
            assert_eq!(error.kind, Kind::Refused);
            node.stop().await;
        },
    );
}

#[test]
fn events_come_from_any_point_and_go_on() {
    with_node(
        |config| config,
        |node| async move {
            let calm = node.actor("work", "calm").await;
            let follow =
                FollowEvents { follow: true, since_seq: Some(0), ..FollowEvents::default() };
            let mut events = node.client().await.stream(follow).await.expect("streams");
            calm.ask(Add(13)).await.expect_err("crashes");
            let (mut last, mut exits, mut decisions) = (0, 0, 0);
            while exits == 0 || decisions == 0 {
                let item = tokio::time::timeout(60 * SECOND, events.next()).await.expect("in time");
                let event = item.expect("goes on").expect("no error").event;
                assert_eq!(event.seq, last + 1, "without gaps");
                last = event.seq;
                exits +=
                    usize::from(matches!(event.kind, StreamKind::Node(EventKind::Exited { .. })));
                decisions +=
                    usize::from(matches!(event.kind, StreamKind::Node(EventKind::Decided { .. })));
            }
            let rest =
                FollowEvents { follow: false, since_seq: Some(last), ..FollowEvents::default() };
            let mut events = node.client().await.stream(rest).await.expect("streams");
            while let Some(item) = events.next().await {
                let event = item.expect("goes on").event;
                assert!(event.seq > last);
            }
            node.stop().await;
        },
    );
}

/// Returns the items of a stream that does not wait for more.
async fn kept(node: &common::Node, filter: EventFilter) -> Vec<StreamKind> {
    let request = FollowEvents { filter, ..FollowEvents::default() };
    let mut events = node.client().await.stream(request).await.expect("streams");
    let mut kinds = Vec::new();
    while let Some(item) = events.next().await {
        kinds.push(item.expect("goes on").event.kind);
    }
    kinds
}

#[test]
fn events_about_tasks_are_those_of_the_log_that_is_exposed() {
    let log = EventLog::new(1);
    let transition = |state| TaskTransition {
        change: TaskChange::Submitted,
        id: some_task(),
        queue: QueueName::default(),
        kind: AgentKind::new("mailer").expect("valid"),
        state,
        attempt: 0,
        max_attempts: 3,
        agent: None,
        failure: None,
        retry_in_ms: None,
    };
    let states = [TaskState::Pending, TaskState::Cancelled];
    log.publish(states.map(|state| TaskLogEvent::Moved(transition(state))), || 7);
    let exposed = log.port();
    with_node(
        |config| config.task_events(exposed),
        |node| async move {
            let tasks =
                kept(&node, EventFilter { about: About::Tasks, ..Default::default() }).await;
            assert_eq!(tasks, [StreamKind::Task(transition(TaskState::Cancelled))]);
            let all = kept(&node, EventFilter { about: About::All, ..Default::default() }).await;
            assert_eq!(all.iter().filter(|kind| kind.is_about_tasks()).count(), 1);
            node.stop().await;
        },
    );
}

fn some_task() -> TaskId {
    "01a20de1-fe43-7694-b430-621455741178".parse().expect("a UUID")
}

/// Asks for the end of a task that the node does not know.
async fn cancel_unknown(node: &common::Node, id: TaskId) {
    let cancel = CancelTask { id, reason: Some("by hand".to_owned()), request_id: None };
    node.client().await.call(cancel).await.expect_err("there are no tasks");
}

#[test]
fn who_steered_a_task_is_in_the_log_of_tasks() {
    let log = EventLog::<TaskLogEvent>::new(8);
    let (exposed, id) = (log.port(), some_task());
    with_node(
        |config| config.task_events(exposed),
        |node| async move {
            cancel_unknown(&node, id).await;
            let all = kept(&node, EventFilter { about: About::All, ..Default::default() }).await;
            let steered: Vec<_> =
                all.iter().filter(|kind| format!("{kind:?}").contains("task cancel")).collect();
            let [StreamKind::TaskSteered(record)] = &steered[..] else { panic!("{steered:?}") };
            assert_eq!((record.task, record.reason.as_deref()), (Some(id), Some("by hand")));
            assert!(record.outcome.starts_with("[MS0026]"), "{record:?}");
            // Once its log has ended, what is done is still on record.
            drop(log);
            cancel_unknown(&node, id).await;
            let of_node = kept(&node, EventFilter::default()).await;
            let fallen_back = |kind: &&StreamKind| matches!(kind, StreamKind::Node(EventKind::Steered { verb, .. }) if verb.starts_with("task cancel"));
            assert_eq!(of_node.iter().filter(fallen_back).count(), 1, "{of_node:?}");
            node.stop().await;
        },
    );
}

#[test]
fn who_steered_a_task_is_an_event_of_a_node_without_a_log_of_tasks() {
    with_node(
        |config| config,
        |node| async move {
            cancel_unknown(&node, some_task()).await;
            let all = kept(&node, EventFilter { about: About::All, ..Default::default() }).await;
            let steered = |kind: &&StreamKind| matches!(kind, StreamKind::Node(EventKind::Steered { reason: Some(reason), .. }) if reason == "by hand");
            assert_eq!(all.iter().filter(steered).count(), 1, "{all:?}");
            node.stop().await;
        },
    );
}

#[test]
fn a_node_without_a_task_store_has_no_events_about_tasks() {
    with_node(
        |config| config,
        |node| async move {
            node.runtime.node().publish(EventKind::ArbiterWedged { arbiter: 1, evacuated: 0 });
            let tasks =
                kept(&node, EventFilter { about: About::Tasks, ..Default::default() }).await;
            assert_eq!(tasks, []);
            let all = kept(&node, EventFilter { about: About::All, ..Default::default() }).await;
            assert!(!all.is_empty() && !all.iter().any(StreamKind::is_about_tasks));
            node.stop().await;
        },
    );
}

#[test]
fn events_that_are_not_kept_any_more_are_a_gap() {
    with_node(
        |config| config,
        |node| async move {
            for _ in 0..5_000 {
                let wedged = EventKind::ArbiterWedged { arbiter: 1, evacuated: 0 };
                node.runtime.node().publish(wedged);
            }
            let first = async |since_seq| {
                let request = FollowEvents { follow: false, since_seq, ..FollowEvents::default() };
                let mut events = node.client().await.stream(request).await.expect("streams");
                let event = events.next().await.expect("some").expect("no error").event;
                (event.seq, event.kind)
            };
            let (seq, kind) = first(Some(1)).await;
            assert!(
                matches!(kind, StreamKind::Gap { missed, .. } if missed == seq - 1),
                "{kind:?} {seq}"
            );
            node.stop().await;
        },
    );
}
