//! What is told of a life: each thing once, in the order it happened, whoever ends it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use actix::{Actor, Handler, Message};
use common::{Child, Log, PAUSED_LIMIT, paused, probes, settle, soon, threads, until};
use ms_actor::host::{ChildEvent, ChildSink, Parent};
use ms_actor::{AnyRef, LifeChange, LifecycleEvent, Placement, SendError, SendFailure};
use ms_core::ExitReason;

/// Holds the news of a start up on its way until it is let go on.
struct Slow {
    log: Log,
    arrived: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl ChildSink for Slow {
    fn child_event(&self, _: u64, event: ChildEvent) {
        match event {
            ChildEvent::Started(_) => {
                self.arrived.send(()).expect("the test waits");
                self.go_on
                    .lock()
                    .expect("unpoisoned")
                    .recv_timeout(PAUSED_LIMIT)
                    .expect("let go on");
                self.log.add("started");
            }
            ChildEvent::Exited(exit) => self.log.add(format!("exited: {}", exit.reason())),
            other => self.log.add(format!("{other:?}")),
        }
    }
}

/// A fence that falls between an init's acknowledgement and its news: the end is told after
/// the start, and once.
#[test]
fn k9_an_end_from_another_thread_does_not_overtake_the_start() {
    threads(1, async |node| {
        let log = Log::default();
        let (arrived, there) = channel();
        let (go_on, gone_on) = channel();
        let sink = Slow { log: log.clone(), arrived, go_on: Mutex::new(gone_on) };
        let parent = Parent { sink: Arc::new(sink), key: 1 };
        let cell = probes(&Log::default()).cell(&node, common::path("fenced"), Some(parent));
        let life = cell.launch(Placement::Pool);
        there.recv_timeout(PAUSED_LIMIT).expect("its start is being told");
        let monitor = cell.monitor();
        assert!(cell.fence(life, ExitReason::Killed), "nobody ended it before");
        assert!(!cell.is_alive());
        go_on.send(()).expect("the sink waits");
        until(|| log.all().len() == 2).await;
        assert_eq!(log.all(), ["started", "exited: killed"]);
        assert_eq!(soon(monitor).await.reason, ExitReason::Killed);
        assert!(!cell.fence(life, ExitReason::Killed), "an end is told once");
    });
}

/// Who follows an actor that is gone already hears so at once, and once.
#[test]
fn who_follows_the_gone_is_notified_that_it_is() {
    struct Follower(Log);
    impl Actor for Follower {
        type Context = ms_actor::Context<Self>;
    }
    impl Handler<LifecycleEvent> for Follower {
        type Result = ();
        fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
            self.0.add(format!("{} {:?}", event.of.path(), event.change));
        }
    }
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Follow(AnyRef);
    impl Handler<Follow> for Follower {
        type Result = ();
        fn handle(&mut self, Follow(of): Follow, ctx: &mut Self::Context) {
            ctx.follow(&of);
        }
    }
    paused(async |node| {
        let log = Log::default();
        let mut gone =
            Child::<common::ours::Probe>::start(&node, "gone", &probes(&Log::default())).await;
        gone.cell.close_at_end(&ExitReason::Shutdown);
        gone.cell.stop(ExitReason::Shutdown);
        assert_eq!(gone.end().await.into_reason(), ExitReason::Shutdown);
        let follower = ms_actor::spawn(&node, "follower", Follower(log.clone())).unwrap();
        follower.ask(Follow(gone.cell.any())).await.unwrap();
        settle().await;
        let path = gone.cell.path();
        assert_eq!(log.all(), [format!("{path} {:?}", LifeChange::Gone(ExitReason::Shutdown))]);
    });
}

/// Saying that no other life comes does not end the one that is on, in silence least of all.
#[test]
fn k11_a_cell_that_is_closed_while_its_actor_lives_closes_when_that_has_ended() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<common::ours::Probe>::start(&node, "last", &probes(&log)).await;
        let monitor = child.cell.monitor();
        child.cell.close_at_end(&ExitReason::Shutdown);
        settle().await;
        assert!(child.cell.is_alive(), "it goes on");
        assert!(!child.cell.is_closed());
        child.cell.stop(ExitReason::Shutdown);
        assert_eq!(child.end().await.into_reason(), ExitReason::Shutdown);
        assert_eq!(log.all(), ["started", "stopping", "stopped"]);
        assert_eq!(soon(monitor).await.reason, ExitReason::Shutdown);
        assert!(child.cell.is_closed(), "and now it is over for good");
        let refused = child.actor.try_tell(common::ours::act(|_, _| ()));
        assert!(matches!(refused, Err(SendError { failure: SendFailure::Closed { .. }, .. })));
    });
}
