//! Heartbeats: when a child counts as hung, and what becomes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

use std::time::Duration;

use common::*;
use ms_actor::{Placement, StateValue};
use ms_core::ExitReason;
use ms_supervisor::{ChildSpec, Heartbeat, SupervisorSpec};

use crate::common;

const HOUR: Duration = Duration::from_secs(3600);

const MINUTE: Duration = Duration::from_secs(60);

/// S2.4-06
#[test]
fn x2_a_handler_that_blocks_its_thread_misses_its_heartbeats() {
    threads(2, |node| async move {
        let log = Log::default();
        let beat = Heartbeat { every: Duration::from_millis(300), missed: 3 };
        let tree = SupervisorSpec::one_for_one("root").intensity(5, HOUR);
        let root = start(
            &node,
            tree.child(probe(&log, "a").placement(Placement::Dedicated).heartbeat(beat)),
        )
        .await;
        let a = get(&root, "a").await;
        blocks(&a).await;
        let error = a.ask(Add(1)).within(MINUTE).await.expect_err("in the mailbox of the hung one");
        assert!(matches!(error.exit_reason(), Some(ExitReason::HeartbeatLost { .. })), "{error}");
        assert_eq!(a.ask(Add(1)).await.expect("replaced"), 1);
        let why = root.why(&path("/root/a"), 1).await.expect("there");
        assert!(matches!(why[0].reason, ExitReason::HeartbeatLost { .. }), "{why:?}");
    });
}

/// S2.4-05: by default the supervisor looks at the beats of its children at 5, 10 and 15 s.
#[test]
fn x2_heartbeats_are_looked_at_every_five_seconds() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root").intensity(5, HOUR)).await;
        root.start_child(probe(&log, "a").heartbeat(Heartbeat::default())).await.expect("starts");
        let looks = async || match root.any().state(Duration::from_secs(1)).await.expect("answers")
        {
            Some(StateValue::Map(state)) => state.get("looks_at_heartbeats").cloned(),
            other => panic!("{other:?}"),
        };
        let count = |looks: u64| Some(StateValue::from(looks));
        let began = node.now();
        let mut seen = Vec::new();
        let mut last = looks().await;
        assert_eq!(last, count(0));
        // Between two tenths of a second, so that no timer is met in its own moment.
        sleep_ms(50).await;
        while seen.len() < 3 {
            sleep_ms(100).await;
            let now = looks().await;
            if now != last {
                last = now.clone();
                seen.push((node.now().since(began).as_millis() / 100 * 100, now));
            }
        }
        assert_eq!(seen, [(5_000, count(1)), (10_000, count(2)), (15_000, count(3))]);
    });
}

/// Heartbeats are handed down: to workers, to supervisors themselves, to what is added at run time,
/// and not to those that have their own or want none.
#[test]
fn x2_heartbeats_of_a_supervisor_are_those_of_all_below_it() {
    paused(|node| async move {
        let log = Log::default();
        let beats = |seconds, missed| Heartbeat { every: Duration::from_secs(seconds), missed };
        let below = SupervisorSpec::one_for_one("below")
            .intensity(5, HOUR)
            .child(probe(&log, "heir"))
            .child(probe(&log, "patient").heartbeat(beats(60, 3)))
            .child(probe(&log, "free").without_heartbeat());
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(5, HOUR)
            .heartbeats(beats(1, 3))
            .child(ChildSpec::supervisor(below));
        let root = start(&node, tree).await;
        let below = root.supervisor("below").await.expect("there");
        below.start_child(probe(&log, "late")).await.expect("starts");
        for name in ["heir", "patient", "free", "late"] {
            get(&below, name).await.try_tell(Hang).expect("sent");
        }
        sleep_ms(10_000).await;
        for (name, ends) in [("heir", 1), ("patient", 0), ("free", 0), ("late", 1)] {
            let at = path(&format!("/root/below/{name}"));
            let why = root.why(&at, 5).await.expect("there");
            let lost = |why: &&ms_core::view::WhyRecord| {
                why.reason == ExitReason::HeartbeatLost { missed: 3 }
            };
            assert_eq!(why.iter().filter(lost).count(), ends, "{name}: {why:?}");
        }
        below.any().inject(ms_actor::Fault::Hang);
        sleep_ms(10_000).await;
        let why = root.why(&path("/root/below"), 1).await.expect("there");
        assert_eq!(why[0].reason, ExitReason::HeartbeatLost { missed: 3 }, "the supervisor");
    });
}

/// A child is found when its own time is up, not when the supervisor looks next: at most 15 s after
/// it began to hang with beats of 5 s, wherever between two looks that was.
#[test]
fn x2_a_child_is_found_when_its_time_is_up_and_not_a_beat_later() {
    for offset in [100, 2_600, 4_900] {
        paused(move |node| async move {
            let log = Log::default();
            let root = start(&node, SupervisorSpec::one_for_one("root").intensity(5, HOUR)).await;
            let spec = probe(&log, "a").heartbeat(Heartbeat::default());
            root.start_child(spec).await.expect("starts");
            let a = get(&root, "a").await;
            sleep_ms(offset).await;
            a.try_tell(Hang).expect("sent");
            sleep_ms(14_900).await;
            assert_eq!(a.any().incarnation().0, 1, "it may be silent for that long");
            sleep_ms(300).await;
            assert_eq!(a.any().incarnation().0, 2, "{offset} ms after a look");
        });
    }
}

/// S2.4-06
#[test]
fn x2_an_async_handler_that_hangs_is_found_and_one_added_at_run_time_too() {
    paused(|node| async move {
        let log = Log::default();
        let beat = Heartbeat { every: Duration::from_secs(1), missed: 3 };
        let root = start(&node, SupervisorSpec::one_for_one("root").intensity(5, HOUR)).await;
        root.start_child(probe(&log, "a").heartbeat(beat)).await.expect("starts");
        root.start_child(probe(&log, "calm")).await.expect("starts");
        let (a, calm) = (get(&root, "a").await, get(&root, "calm").await);
        a.try_tell(Hang).expect("sent");
        calm.try_tell(Hang).expect("sent");
        let error = a
            .ask(Add(1))
            .within(Duration::from_secs(20))
            .await
            .expect_err("in the mailbox of the hung one");
        assert_eq!(error.exit_reason(), Some(&ExitReason::HeartbeatLost { missed: 3 }));
        assert_eq!(a.ask(Add(1)).await.expect("replaced"), 1);
        let why = root.why(&path("/root/a"), 1).await.expect("there");
        assert_eq!(why[0].reason, ExitReason::HeartbeatLost { missed: 3 });
        calm.ask(Add(1))
            .within(Duration::from_secs(60))
            .await
            .expect_err("without heartbeats it hangs on");
    });
}
