//! The end of an incarnation, whoever ends it: first it is claimed and recorded in
//! the cell, then, when the instance is gone, the others are notified.

use std::sync::atomic::Ordering;

use ms_core::view::Lifecycle;
use ms_core::{ActorPath, ChildExit, ExitFacts, ExitReason, Incarnation};

use crate::cell::any::{AnyCell, Retired};
use crate::cell::control::Control;
use crate::cell::core::Core;
use crate::cell::follow::LifeChange;
use crate::cell::life::{EndInProgress, Life, Rare};
use crate::cell::parent::ChildEvent;
use crate::node::arbiter::NOWHERE;

/// Claims the end of `incarnation` for the caller, records the reason and closes
/// the mailbox to the dead. `None` when it had ended already.
///
/// After this the reason is visible to askers; the instance may be dropped, and
/// then [`finish_end`] notifies the others. The [`ChildExit`] is made here, while everything about
/// the run is known; only its reason can still change, if the instance panics when it is dropped.
///
/// Once the lock of `life` is free, a successor may begin: a supervisor that follows a
/// killed one waits for nobody's report. All that belongs to the present life of the cell
/// is done under that lock, therefore, and what comes after names the life it is about.
pub(crate) fn begin_end(
    cell: &dyn AnyCell,
    incarnation: Incarnation,
    reason: &ExitReason,
    injected: bool,
) -> Option<EndInProgress> {
    let core = cell.core();
    let (started, ready, rare, unread) = core.life(|life| {
        if life.live != incarnation || incarnation == Incarnation::NONE {
            return None;
        }
        life.live = Incarnation::NONE;
        life.last_exit = Some(Box::new(reason.clone()));
        core.set_lifecycle(Lifecycle::Stopped);
        core.arbiter.store(NOWHERE, Ordering::Release);
        Some((life.started, life.ready, life.take_rare(), core.take_control()))
    })?;
    // Whoever waits for a reply to control nobody read is not left to its deadline.
    drop(unread);
    let waiting_on = waiting_on(rare.as_deref());
    let retired = retire(cell, incarnation, reason);
    let facts = ExitFacts {
        uptime: core.node.now().since(started),
        mailbox_depth: retired.depth,
        dropped: retired.dropped,
        waiting_on,
        injected,
    };
    let exit = ChildExit::new(core.path.clone(), incarnation, reason.clone()).with_facts(facts);
    Some(EndInProgress { exit, ready, rare })
}

/// Whom it waits for now: its asks are dropped with the instance.
fn waiting_on(rare: Option<&Rare>) -> Vec<ActorPath> {
    let edges = rare.into_iter().flat_map(|rare| rare.waiting_on.values());
    edges.filter(|edge| edge.is_on()).map(|edge| edge.target().clone()).collect()
}

/// Closes the mailbox to the dead: by whoever ended it, or by its successor's start if that
/// comes first, and then the one who is late finds it done.
pub(crate) fn retire(cell: &dyn AnyCell, ended: Incarnation, reason: &ExitReason) -> Retired {
    let core = cell.core();
    let mut retired = cell.retire(ended, reason, keeps_mail(core, reason));
    if let Some(waker) = retired.waker.take() {
        core.bell.forget(&waker);
        // Ended from outside it learns of it now; otherwise it is at work, or done.
        waker.wake();
    }
    retired
}

/// Whether mail that waits outlives an end with this reason. An arbiter's loss is no fault of
/// the actor: its mail moves with it.
pub(crate) fn keeps_mail(core: &Core, reason: &ExitReason) -> bool {
    core.mailbox_spec.keep_on_restart || matches!(reason, ExitReason::ArbiterLost)
}

/// Reports the end of a life that had started: to followers, links, monitors and the
/// supervisor, in this order.
pub(crate) fn finish_end(cell: &dyn AnyCell, end: EndInProgress, reason: ExitReason) {
    let exit = end.exit.with_reason(reason);
    report(cell, EndInProgress { exit, ready: true, rare: end.rare });
}

/// Reports the end of a life whose init was not done. There was no run, so there are no facts.
pub(crate) fn finish_failed_start(cell: &dyn AnyCell, end: EndInProgress, reason: ExitReason) {
    let exit = ChildExit::new(cell.core().path.clone(), end.exit.incarnation(), reason);
    report(cell, EndInProgress { exit, ready: false, rare: end.rare });
}

/// Reports a life that ended because its init chose not to run. Who monitors it, or is linked
/// to it, learns of that end as of any other; followers never heard that it began.
pub(crate) fn finish_ignored(cell: &dyn AnyCell, end: EndInProgress, reason: ExitReason) {
    let exit = end.exit.with_reason(reason);
    let incarnation = exit.incarnation();
    notify_bound(cell.core(), end.rare, &exit);
    cell.core().notify_parent(ChildEvent::Ignored(incarnation));
    if cell.core().life(|life| life.last == incarnation && life.final_life) {
        cell.shut(&ExitReason::Normal, true);
    }
}

fn report(cell: &dyn AnyCell, end: EndInProgress) {
    let due = cell.core().life(|life| {
        if life.last == end.exit.incarnation() {
            life.last_exit = Some(Box::new(end.exit.reason().clone()));
        }
        if life.announcing > 0 {
            life.rare.get_or_insert_default().held_ends.push(end);
            return None;
        }
        Some(end)
    });
    if let Some(end) = due {
        report_now(cell, end);
    }
}

/// Whoever has no supervisor will have no further life. Where one has begun nevertheless,
/// the cell is closed by its end and not by this one.
pub(super) fn report_now(cell: &dyn AnyCell, end: EndInProgress) {
    let EndInProgress { exit, ready, rare } = end;
    let core = cell.core();
    notify_watchers(core, rare, &exit);
    core.node.publish_exit(&exit);
    let (incarnation, reason) = (exit.incarnation(), exit.reason().clone());
    let event = if ready { ChildEvent::Exited } else { ChildEvent::StartFailed };
    core.notify_parent(event(exit));
    let is_last = |life: &Life| life.parent.is_none() || life.final_life;
    if core.life(|life| life.last == incarnation && is_last(life)) {
        cell.shut(&reason, true);
    }
}

/// Ends an incarnation from outside its run loop: a thread that does not come
/// back cannot be made to do it. The run loop, should it wake, finds itself fenced
/// off and drops what it holds in silence.
pub(crate) fn fence(cell: &dyn AnyCell, incarnation: Incarnation, reason: ExitReason) -> bool {
    // Before the end is claimed: after it a successor may have taken the mark off.
    let injected = cell.core().blocked_by_injection.load(Ordering::Acquire);
    match begin_end(cell, incarnation, &reason, injected) {
        Some(end) => {
            cell.core().bell.ring();
            if end.ready {
                finish_end(cell, end, reason);
            } else {
                finish_failed_start(cell, end, reason);
            }
            true
        }
        None => false,
    }
}

/// Notifies followers, then whoever is bound to the ended life.
fn notify_watchers(core: &Core, rare: Option<Box<Rare>>, exit: &ChildExit) {
    let (incarnation, reason) = (exit.incarnation(), exit.reason().clone());
    core.notify_followers(&LifeChange::Exited { incarnation, reason });
    notify_bound(core, rare, exit);
}

/// Notifies links, then monitors; and takes back the monitors of the ended life.
fn notify_bound(core: &Core, rare: Option<Box<Rare>>, exit: &ChildExit) {
    let Some(rare) = rare else { return };
    for (id, other) in rare.watching {
        if let Some(other) = other.upgrade() {
            other.core().unwatch(id);
        }
    }
    for other in rare.links.into_values() {
        other.core().remove_link(core.uid);
        let from = Some(core.path.clone());
        other.core().control(Control::Exit { from, reason: exit.reason().clone() });
    }
    for watcher in rare.watchers.into_values() {
        watcher.fire(core.path.clone(), exit.incarnation(), exit.reason().clone());
    }
}
