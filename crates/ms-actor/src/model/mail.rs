//! Mail and wake-ups: nothing waits in the mailbox of a run loop that sleeps.

use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use crate::cell::any::AnyCell;
use crate::cell::control::Control;
use crate::cell::hosted::Cell;
use crate::current;
use crate::error::{AskError, AskFailure};
use crate::mail::spec::MailboxSpec;
use crate::refs::ask::Ask;
use crate::refs::handle::Ref;

use super::{Probe, Put, STOP, explore, lost, thread};
use ms_core::{ExitReason, Incarnation};

#[test]
fn two_senders_wake_a_sleeping_run_loop_and_nothing_is_lost() {
    explore("two senders", |world| {
        let (cell, _) = world.supervised(MailboxSpec::default());
        let life = world.claim(&cell);
        let actor = Ref::<Probe>::new(cell);
        let other = actor.clone();
        let runs = thread(move || life.live());
        let sends = thread(move || other.try_tell(Put(1)).expect("room"));
        actor.try_tell(Put(2)).expect("room");
        sends.join().expect("sent");
        actor.try_tell(Put(STOP)).expect("room");
        let mut handled = runs.join().expect("ended");
        assert_eq!(handled.pop(), Some(STOP), "one sender's messages keep their order");
        handled.sort_unstable();
        assert_eq!(handled, [1, 2]);
    });
}

#[test]
fn mail_reaches_a_run_loop_that_has_futures_of_its_own() {
    explore("mail beside futures", |world| {
        let (cell, _) = world.supervised(MailboxSpec::default());
        let life = world.claim(&cell);
        let actor = Ref::<Probe>::new(cell);
        let runs = thread(move || life.live_occupied());
        actor.try_tell(Put(1)).expect("room");
        actor.try_tell(Put(STOP)).expect("room");
        assert_eq!(runs.join().expect("ended"), [1, STOP]);
    });
}

#[test]
fn control_reaches_a_run_loop_that_falls_asleep() {
    explore("control wakes", |world| {
        let (cell, heard) = world.supervised(MailboxSpec::default());
        let life = world.claim(&cell);
        let runs = thread(move || life.live());
        cell.core.control(Control::Stop(ExitReason::Shutdown));
        runs.join().expect("ended");
        let lines = heard.by_supervisor();
        assert!(lines == ["failed #1"] || lines == ["started #1", "exited #1"], "{lines:?}");
    });
}

#[test]
fn who_waits_for_room_is_woken() {
    explore("room", |world| {
        let (cell, _) = world.supervised(MailboxSpec::bounded(1));
        let life = world.claim(&cell);
        let actor = Ref::<Probe>::new(cell);
        actor.try_tell(Put(1)).expect("room");
        let runs = thread(move || life.live());
        let sends = thread(move || {
            loom::future::block_on(async {
                actor.tell(Put(2)).await.expect("room in time");
                actor.tell(Put(STOP)).await.expect("room in time");
            });
        });
        sends.join().expect("sent");
        assert_eq!(runs.join().expect("ended"), [1, 2, STOP]);
    });
}

#[test]
fn who_only_tries_does_not_keep_out_who_waits() {
    explore("tries and waits", |world| {
        let (cell, _) = world.supervised(MailboxSpec::bounded(1));
        let life = world.claim(&cell);
        let actor = Ref::<Probe>::new(cell);
        let waiting = actor.clone();
        actor.try_tell(Put(1)).expect("room");
        let runs = thread(move || life.live());
        let waits = thread(move || loom::future::block_on(waiting.tell(Put(STOP))));
        let took = actor.try_tell(Put(2)).is_ok();
        waits.join().expect("woken").expect("room in time");
        let handled = runs.join().expect("ended");
        assert!(handled == [1, STOP] || took && handled == [1, 2, STOP], "{handled:?}");
    });
}

/// It is woken for the place that came free, and has gone: the wake-up is the next one's.
#[test]
fn a_claim_that_is_given_up_is_for_the_next_in_line() {
    explore("gives up and waits", |world| {
        let (cell, _) = world.supervised(MailboxSpec::bounded(1));
        let life = world.claim(&cell);
        let actor = Ref::<Probe>::new(cell);
        let waiting = actor.clone();
        actor.try_tell(Put(1)).expect("room");
        let mut gives_up = Box::pin(actor.tell(Put(2)));
        let polled = gives_up.as_mut().poll(&mut Task::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "the mailbox is full");
        let runs = thread(move || life.live());
        let waits = thread(move || loom::future::block_on(waiting.tell(Put(STOP))));
        drop(gives_up);
        waits.join().expect("woken").expect("room in time");
        assert_eq!(runs.join().expect("ended"), [1, STOP]);
    });
}

/// Runs what an actor does that serves nobody else meanwhile.
fn waiting<R>(cell: &Arc<Cell<Probe>>, life: Incarnation, code: impl FnOnce() -> R) -> R {
    current::enter(Arc::clone(cell) as Arc<dyn AnyCell>, life);
    let (outcome, _) = current::blocking(code);
    current::leave();
    outcome
}

/// `b` answers, and its next life asks the asker, who may or may not have looked meanwhile.
#[test]
fn who_has_answered_may_ask_back() {
    explore("answers and asks back", |world| {
        const LONG: Duration = Duration::from_secs(5);
        let ((a, _), (b, _)) =
            (world.supervised(MailboxSpec::default()), world.supervised(MailboxSpec::default()));
        let (asks, answers) = (world.claim(&a), world.claim(&b));
        let mut question = Box::pin(Ask::new(Arc::clone(&b), Put(STOP), LONG));
        let look = |question: &mut std::pin::Pin<Box<Ask<Probe, Put>>>| {
            waiting(&a, asks.incarnation, || {
                question.as_mut().poll(&mut Task::from_waker(Waker::noop()))
            })
        };
        assert!(look(&mut question).is_pending());
        let (world, asked) = (world.clone(), Arc::clone(&a));
        let back = thread(move || {
            answers.live();
            let life = world.claim(&b);
            let mut back = Box::pin(Ask::new(asked, Put(1), LONG));
            let polled = waiting(&b, life.incarnation, || {
                back.as_mut().poll(&mut Task::from_waker(Waker::noop()))
            });
            !matches!(
                polled,
                Poll::Ready(Err(AskError { failure: AskFailure::Deadlock { .. }, .. }))
            )
        });
        let looked = look(&mut question);
        assert!(back.join().expect("asked"), "taken for a circle");
        assert!(matches!(looked, Poll::Pending | Poll::Ready(Ok(STOP))));
    });
}

#[test]
fn the_last_reference_ends_an_actor_nobody_supervises() {
    explore("references", |world| {
        let cell = world.cell(MailboxSpec::default(), None);
        let actor = Ref::<Probe>::new(std::sync::Arc::clone(&cell));
        let other = actor.clone();
        let life = world.claim(&cell);
        let runs = thread(move || life.live());
        let drops = thread(move || drop(other));
        let sends = thread(move || {
            actor.try_tell(Put(1)).expect("open while a reference is held");
        });
        drops.join().expect("dropped");
        sends.join().expect("sent");
        assert_eq!(runs.join().expect("ended"), [1], "what was accepted is handled first");
        assert!(cell.core.is_closed());
    });
}

#[test]
fn an_ask_resolves_with_the_reason_when_its_actor_is_killed() {
    explore("ask and kill", |world| {
        let (cell, _) = world.supervised(MailboxSpec {
            while_down: crate::WhileDown::Refuse,
            ..MailboxSpec::default()
        });
        let life = world.claim(&cell);
        let runs = thread(move || life.live());
        let asked = std::sync::Arc::clone(&cell);
        let asks = thread(move || {
            loom::future::block_on(Ask::new(asked, Put(1), std::time::Duration::from_secs(5)))
        });
        cell.core.control(Control::Kill(ExitReason::Killed));
        match asks.join().expect("answered") {
            Ok(number) => assert_eq!(number, 1),
            Err(AskError { failure: AskFailure::Exited { reason, .. }, .. }) => {
                assert_eq!(reason, ExitReason::Killed)
            }
            Err(AskError {
                failure: AskFailure::NotSent(crate::SendFailure::Closed { reason, .. }),
                ..
            }) => {
                assert_eq!(reason, ExitReason::Killed);
            }
            Err(other) => panic!("{other}"),
        }
        runs.join().expect("ended");
    });
}

#[test]
fn control_of_an_ended_life_is_dropped_and_not_left_waiting() {
    explore("status and end", |world| {
        let (cell, _) = world.supervised(MailboxSpec::default());
        let life = world.claim(&cell);
        let runs = thread(move || life.live());
        let (reply, mut answer) = tokio::sync::oneshot::channel();
        let asked = std::sync::Arc::clone(&cell);
        let asks = thread(move || asked.core.control(Control::Status(reply)));
        crate::cell::ending::fence(&*cell, ms_core::Incarnation::NONE.next(), lost());
        asks.join().expect("asked");
        runs.join().expect("ended");
        let waits =
            matches!(answer.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty));
        assert!(!waits, "nobody will ever read this: {:?}", cell.depth());
    });
}
