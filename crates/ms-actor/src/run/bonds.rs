//! What ties an actor to others: links, monitors, following.

use std::sync::Arc;

use actix::Actor;
use ms_core::ExitReason;

use crate::cell::any::AnyCell;
use crate::cell::control::Control;
use crate::cell::follow;
use crate::cell::monitor::{Down, MonitorId, Watcher};
use crate::refs::any::AnyRef;
use crate::refs::messages::LifecycleEvent;
use crate::run::context::Context;
use crate::run::notify::notify_unbounded;

impl<A: Actor<Context = Self>> Context<A> {
    /// Links this actor with another: if one ends, the other gets an exit signal.
    ///
    /// A link is symmetric and single. Linking to a dead actor signals `noproc` at once.
    pub fn link(&mut self, other: &AnyRef) {
        let me: Arc<dyn AnyCell> = Arc::clone(&self.cell) as Arc<dyn AnyCell>;
        // This side first: should the other end meanwhile, it undoes both.
        me.core().add_link(Arc::clone(other.cell()));
        if !other.cell().core().add_link(Arc::clone(&me)) {
            me.core().remove_link(other.cell().core().uid);
            let from = Some(other.path().clone());
            me.core().control(Control::Exit { from, reason: ExitReason::NoProc });
        }
    }

    /// Undoes [`Context::link`].
    pub fn unlink(&mut self, other: &AnyRef) {
        other.cell().core().remove_link(self.cell.core.uid);
        self.cell.core.remove_link(other.cell().core().uid);
    }

    /// Delivers [`Down`] to this actor when the other's present incarnation ends.
    ///
    /// Monitors stack; a dead actor is reported at once with `noproc`.
    pub fn monitor(&mut self, other: &AnyRef) -> MonitorId
    where
        A: actix::Handler<Down>,
    {
        let monitor = MonitorId::next();
        let (me, incarnation) = (Arc::downgrade(&self.cell), self.incarnation);
        // This side first: should this life be ended meanwhile, its end takes the monitor back.
        let core = &self.cell.core;
        if !core.add_watching(incarnation, monitor.number(), Arc::downgrade(other.cell())) {
            return monitor;
        }
        // One notice a monitor: its number is bounded by the monitors this actor set.
        let notify = Box::new(move |down: Down| {
            let Some(cell) = me.upgrade() else { return };
            cell.core.remove_watching(down.monitor.number());
            // A successor did not ask for it.
            if cell.core.live() == incarnation {
                notify_unbounded(&cell, down);
            }
        });
        other.watch(Watcher { monitor, notify });
        if core.live() != incarnation {
            other.cell().core().unwatch(monitor.number());
        }
        monitor
    }

    /// Ends a monitor; a notice that is already on its way still arrives.
    pub fn demonitor(&mut self, other: &AnyRef, monitor: MonitorId) {
        other.cell().core().unwatch(monitor.number());
        self.cell.core.remove_watching(monitor.number());
    }

    /// Delivers each [`LifecycleEvent`] of the other to this actor, over all its incarnations,
    /// until it is gone for good; at once if it is already.
    ///
    /// An actor follows another at most once: following again, from a later
    /// incarnation too, replaces what was there.
    pub fn follow(&mut self, other: &AnyRef)
    where
        A: actix::Handler<LifecycleEvent>,
    {
        let me = Arc::downgrade(&self.cell);
        // Bounded by the restarts of those it follows.
        let notify = Box::new(move |of: Arc<dyn AnyCell>, change| {
            if let Some(cell) = me.upgrade() {
                notify_unbounded(&cell, LifecycleEvent { of: AnyRef::new(of), change });
            }
        });
        let me: Arc<dyn AnyCell> = Arc::clone(&self.cell) as Arc<dyn AnyCell>;
        follow::follow(&me, other.cell(), notify);
    }

    /// Undoes [`Context::follow`]; news that are already on their way still arrive.
    pub fn unfollow(&mut self, other: &AnyRef) {
        follow::unfollow(&self.cell.core, other.cell().core());
    }
}
