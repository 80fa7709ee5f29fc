//! A life that was ended from outside, its run loop still at work, and its successor.

use std::sync::Arc;

use ms_core::{ExitReason, Incarnation};

use crate::cell::control::Control;
use crate::cell::ending::fence;
use crate::cell::hosted::Cell;
use crate::mail::spec::MailboxSpec;
use crate::refs::handle::Ref;

use super::{Heard, Probe, Put, STOP, World, explore, lost, thread};

#[test]
fn of_two_enders_exactly_one_wins() {
    explore("two enders", |world| {
        let (cell, heard) = world.supervised(MailboxSpec::default());
        let life = world.claim(&cell);
        let first = life.incarnation;
        let runs = thread(move || life.live());
        let (left, right) = (Arc::clone(&cell), Arc::clone(&cell));
        let left = thread(move || fence(&*left, first, lost()));
        let right = fence(&*right, first, ExitReason::Killed);
        let left = left.join().expect("fenced");
        runs.join().expect("ended");
        assert!(left != right, "one of two fences wins");
        let ends = heard.by_supervisor().iter().filter(|line| !line.starts_with("started")).count();
        assert_eq!(ends, 1, "{:?}", heard.by_supervisor());
    });
}

#[test]
fn control_for_the_successor_is_not_served_by_the_fenced_life() {
    explore("control of the successor", |world| {
        let (cell, heard) = world.supervised(MailboxSpec::default());
        let life = world.claim(&cell);
        let first = life.incarnation;
        Ref::<Probe>::new(Arc::clone(&cell)).try_tell(Put(1)).expect("room");
        let runs = thread(move || life.live());
        assert!(fence(&*cell, first, lost()));
        if heard.by_supervisor().iter().all(|line| line.starts_with("started")) {
            // The fenced life tells the end itself, and a supervisor waits for that.
            return drop(runs.join());
        }
        let successor = world.claim(&cell);
        let second = successor.incarnation;
        cell.core.control(Control::Stop(ExitReason::Shutdown));
        let late = thread(move || successor.live());
        late.join().expect("the successor was ordered to stop");
        runs.join().expect("the fenced life went");
        assert_eq!(heard.by_supervisor().last(), Some(&format!("exited {second}")));
        assert_eq!(cell.core.live(), Incarnation::NONE);
    });
}

#[test]
fn mail_kept_over_a_lost_arbiter_is_handled_once() {
    explore("mail of the successor", |world| {
        let (cell, heard) = world.supervised(MailboxSpec::default());
        let life = world.claim(&cell);
        let first = life.incarnation;
        let actor = Ref::<Probe>::new(Arc::clone(&cell));
        actor.try_tell(Put(1)).expect("room");
        actor.try_tell(Put(2)).expect("room");
        let runs = thread(move || life.live());
        assert!(fence(&*cell, first, lost()));
        if heard.by_supervisor().iter().all(|line| line.starts_with("started")) {
            return drop(runs.join());
        }
        let successor = world.claim(&cell);
        actor.try_tell(Put(STOP)).expect("room");
        let late = thread(move || successor.live());
        let mut handled = runs.join().expect("the fenced life went");
        handled.extend(late.join().expect("the successor was woken"));
        assert_eq!(handled, [1, 2, STOP]);
    });
}

#[test]
fn a_life_fenced_while_it_is_claimed_does_not_run() {
    explore("fenced at birth", |world| {
        let (cell, _) = world.supervised(MailboxSpec::default());
        let fenced = Arc::clone(&cell);
        let first = Incarnation::NONE.next();
        let fences = thread(move || fence(&*fenced, first, lost()));
        let life = world.claim(&cell);
        if fences.join().expect("tried") {
            Ref::<Probe>::new(cell).try_tell(Put(STOP)).expect("held for the next");
            assert!(life.live().is_empty(), "it serves mail although it is dead");
        }
    });
}

/// The supervisor that follows a killed one starts its children anew without having waited
/// for the ends of those that were left behind.
#[test]
fn a_life_begun_while_the_one_before_ends_itself_is_not_fenced() {
    explore("successor in haste", |world| {
        let (cell, heard) = world.supervised(MailboxSpec::default());
        let life = world.claim(&cell);
        Ref::<Probe>::new(Arc::clone(&cell)).try_tell(Put(1)).expect("room");
        cell.core.control(Control::Kill(ExitReason::Killed));
        let successor = succeed(world, &cell);
        life.live();
        let handled = successor.join().expect("the successor was ordered to stop");
        assert!(handled.is_empty(), "mail of the life before is dropped with it");
        ends_are_reported_once(&heard, 2);
    });
}

/// The same where it is the last thing the life before does that is reported: its start.
#[test]
fn a_successor_does_not_take_away_what_is_reported_of_the_life_before() {
    explore("successor of a start", |world| {
        let (cell, heard) = world.supervised(MailboxSpec::default());
        let life = world.claim(&cell);
        let successor = succeed(world, &cell);
        life.live();
        successor.join().expect("the successor was ordered to stop");
        ends_are_reported_once(&heard, 2);
    });
}

/// What a supervisor does, on a thread of its own, that finds a child of its predecessor; its
/// own is ordered to stop. Gives what that one handled.
fn succeed(world: &World, cell: &Arc<Cell<Probe>>) -> loom::thread::JoinHandle<Vec<u32>> {
    let (world, cell) = (world.clone(), Arc::clone(cell));
    thread(move || {
        fence(&*cell, cell.core.live(), ExitReason::Killed);
        let successor = world.claim(&cell);
        cell.core.control(Control::Stop(ExitReason::Shutdown));
        let handled = successor.live();
        assert_eq!(cell.core.live(), Incarnation::NONE);
        handled
    })
}

/// Each of the first `lives` has one end that is reported, to both, and after its start.
fn ends_are_reported_once(heard: &Heard, lives: u64) {
    for (who, reported) in
        [("supervisor", heard.by_supervisor()), ("follower", heard.by_follower())]
    {
        for life in (1..=lives).map(|number| format!("#{number}")) {
            let of_it: Vec<_> = reported.iter().filter(|line| line.ends_with(&life)).collect();
            let ends = of_it.iter().filter(|line| !line.starts_with("started")).count();
            assert_eq!(ends, 1, "{who}: {reported:?}");
            assert!(!of_it[of_it.len() - 1].starts_with("started"), "{who}: {reported:?}");
        }
    }
}
