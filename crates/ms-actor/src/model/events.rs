//! What supervisors and followers hear, and in which order.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ms_core::{ExitReason, Incarnation};

use crate::cell::any::AnyCell;
use crate::cell::ending::fence;
use crate::cell::follow::{Follower, LifeChange};
use crate::cell::hosted::Cell;
use crate::host::{ChildEvent, ChildSink, Parent};
use crate::mail::spec::MailboxSpec;

use super::{Heard, Probe, explore, lost, thread};

/// `Exited` before its own `Started` would make the supervisor take a dead child for a live one.
#[test]
fn started_is_reported_before_exited() {
    explore("order of news", |world| {
        let (cell, heard) = world.supervised(MailboxSpec::default());
        let life = world.claim(&cell);
        let first = life.incarnation;
        let runs = thread(move || life.live());
        assert!(fence(&*cell, first, lost()));
        runs.join().expect("the fenced life went");
        let (started, exited) = (format!("started {first}"), format!("exited {first}"));
        let reported = heard.by_supervisor();
        assert!(
            reported == [format!("failed {first}")] || reported == [started.clone(), exited],
            "{reported:?}"
        );
        let followed = heard.by_follower();
        let ended = format!("ended {first}");
        assert!(followed == [ended.clone()] || followed == [started, ended], "{followed:?}");
        assert_eq!(reported.len(), followed.len(), "both heard the same");
    });
}

/// A supervisor's sink that panics at `Started` must still hear of the end.
#[test]
fn a_start_that_cannot_be_reported_is_a_crash_that_is_reported() {
    struct Fragile(Heard);
    impl ChildSink for Fragile {
        fn child_event(&self, key: u64, event: ChildEvent) {
            assert!(!matches!(event, ChildEvent::Started(_)), "no start can be reported here");
            self.0.child_event(key, event);
        }
    }
    explore("a sink that panics", |world| {
        let heard = Heard::default();
        let parent = Parent { sink: Arc::new(Fragile(heard.clone())), key: 7 };
        let cell = world.cell(MailboxSpec::default(), Some(parent));
        let life = world.claim(&cell);
        let first = life.incarnation;
        let runs = thread(move || life.live());
        fence(&*cell, first, lost());
        runs.join().expect("it went");
        let reported = heard.by_supervisor();
        assert_eq!(reported.len(), 1, "{reported:?}");
        assert!(
            reported[0] == format!("exited {first}") || reported[0] == format!("failed {first}")
        );
    });
}

#[test]
fn a_follower_is_notified_once_that_an_actor_is_gone() {
    explore("follow and close", |world| {
        let (cell, heard) = world.supervised(MailboxSpec::default());
        let (closed, reported) = (Arc::clone(&cell), heard.clone());
        let closes = thread(move || closed.shut(&ExitReason::Normal, true));
        let of: std::sync::Weak<dyn AnyCell> = Arc::downgrade(&cell) as _;
        let notify = Box::new(move |_: Arc<dyn AnyCell>, change| reported.follow(change));
        let by = std::sync::Weak::<Cell<Probe>>::new();
        cell.core.add_follower(2, Follower { by, of, notify });
        cell.shut(&ExitReason::Normal, true);
        closes.join().expect("closed");
        assert_eq!(heard.by_follower(), ["gone", "gone"], "each of two followers once");
    });
}

/// What the registry and the router build on: they take a name or a route out of their snapshot
/// when they hear that its actor is gone, and who looks into an older snapshot leaves out what
/// is closed. So nobody finds the dead once that was reported, whatever snapshot he holds.
#[test]
fn who_knows_that_an_actor_is_gone_finds_it_closed() {
    explore("gone and lookup", |world| {
        let (cell, _) = world.supervised(MailboxSpec::default());
        let published = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let of: std::sync::Weak<dyn AnyCell> = Arc::downgrade(&cell) as _;
        let publish = Arc::clone(&published);
        let notify = Box::new(move |_: Arc<dyn AnyCell>, change| {
            if matches!(change, LifeChange::Gone(_)) {
                publish.store(true, Ordering::Release);
            }
        });
        let by = std::sync::Weak::<Cell<Probe>>::new();
        cell.core.add_follower(2, Follower { by, of, notify });
        let life = world.claim(&cell);
        let first = life.incarnation;
        cell.core.life(|life| life.final_life = true);
        let runs = thread(move || life.live());
        let ended = Arc::clone(&cell);
        let ends = thread(move || fence(&*ended, first, ExitReason::Killed));
        if published.load(Ordering::Acquire) {
            assert!(cell.core.is_closed() && cell.core.live() == Incarnation::NONE);
        }
        ends.join().expect("ended");
        runs.join().expect("went");
        assert!(published.load(Ordering::Acquire), "it was reported");
    });
}
