//! Events of children, on their way from the kernel to the policy, and retries.

use std::sync::Arc;

use actix::Handler;
use ms_actor::WeakRef;
use ms_actor::host::{ChildEvent, ChildSink};
use ms_core::{ChildExit, ExitReason, Incarnation};
use ms_policy::{ChildKey, Event};

use super::{Ctx, SupervisorActor};
use crate::messages::{DeliverEvent, Suspend, TryAgain};

impl SupervisorActor {
    pub(super) fn event_sink(&self) -> Arc<dyn ChildSink> {
        Arc::new(EventSink { supervisor: self.me.clone(), incarnation: self.incarnation })
    }

    fn on_child_event(&mut self, ctx: &mut Ctx, key: ChildKey, event: ChildEvent) {
        let Some(child) = self.children.get_mut(key) else { return };
        // An earlier life may end while its successor starts: its event was on the way by then.
        if child.incarnation() != event.incarnation() {
            return;
        }
        match event {
            ChildEvent::Started(_) => self.on_started(ctx, key),
            ChildEvent::Ignored(_) => self.on_ignored(ctx, key),
            // No fault of the child: the same start, on another thread.
            ChildEvent::StartFailed(exit)
                if matches!(exit.reason(), ExitReason::ArbiterLost)
                    && child.may_repeat_lost_start() =>
            {
                self.launch(key);
            }
            ChildEvent::StartFailed(exit) => self.on_start_failed(ctx, key, exit),
            ChildEvent::Exited(exit) => self.on_exited(ctx, key, exit),
            other => {
                tracing::error!(supervisor = %self.path, ?other, "an unknown event is ignored")
            }
        }
    }

    fn on_started(&mut self, ctx: &mut Ctx, key: ChildKey) {
        let Some(child) = self.children.get_mut(key) else { return };
        let info = child.started();
        let number = child.starts().number().in_policy();
        let (path, incarnation) = (child.path().clone(), child.incarnation());
        self.clear_timer(key);
        self.observe(|it, me, life| it.child_started(me, life, &path, incarnation));
        self.feed(ctx, Event::Started { key, incarnation: number, info });
    }

    fn on_ignored(&mut self, ctx: &mut Ctx, key: ChildKey) {
        let Some(child) = self.children.get(key) else { return };
        let number = child.starts().number().in_policy();
        let path = child.path().clone();
        self.clear_timer(key);
        self.children.note_maybe_down(key);
        self.observe(|it, me, life| it.child_ignored(me, life, &path));
        self.feed(ctx, Event::Ignored { key, incarnation: number });
    }

    fn on_start_failed(&mut self, ctx: &mut Ctx, key: ChildKey, exit: ChildExit) {
        let Some(child) = self.children.get_mut(key) else { return };
        child.start_failed();
        let incarnation = child.starts().number().in_policy();
        let in_background = child.options().starts_in_background();
        self.clear_timer(key);
        self.observe(|it, me, life| it.child_start_failed(me, life, &exit));
        self.children.note_maybe_down(key);
        // The policy took one in the background for started as soon as it was launched.
        if in_background {
            self.feed(ctx, Event::Exited { key, incarnation, exit });
        } else {
            self.feed(ctx, Event::StartFailed { key, incarnation, reason: exit.into_reason() });
        }
    }

    fn on_exited(&mut self, ctx: &mut Ctx, key: ChildKey, exit: ChildExit) {
        let Some(child) = self.children.get_mut(key) else { return };
        child.ended();
        let incarnation = child.starts().number().in_policy();
        self.clear_timer(key);
        self.observe(|it, me, life| it.child_exited(me, life, &exit));
        self.children.note_maybe_down(key);
        let event = match exit.reason() {
            // The thread was at fault, not the child: that is not to use up the restart budget.
            ExitReason::ArbiterLost => Event::Evacuated { key, incarnation, exit },
            _ => Event::Exited { key, incarnation, exit },
        };
        self.feed(ctx, event);
    }

    pub(super) fn retry_later(&mut self, key: ChildKey) {
        if let Some(child) = self.children.get(key) {
            child.mark_restarting();
        }
        // By way of its own mailbox: a child that fails at every start must not keep its supervisor
        // from what waits there, an order to stop among it (E1).
        let again = TryAgain { supervisor: self.incarnation, key };
        if let Some(me) = self.me.upgrade()
            && let Err(error) = me.try_tell(again)
        {
            tracing::error!(supervisor = %self.path, %error, "a retry was lost");
        }
    }
}

/// Where the kernel delivers the events of the children of one supervisor incarnation.
struct EventSink {
    // Weak, for the cells of its children hold this sink.
    supervisor: WeakRef<SupervisorActor>,
    incarnation: Incarnation,
}

impl ChildSink for EventSink {
    fn child_event(&self, key: u64, event: ChildEvent) {
        let Some(supervisor) = self.supervisor.upgrade() else { return };
        let key = ChildKey::from_raw(key);
        // A supervisor that is gone has no use for events.
        drop(supervisor.try_tell(DeliverEvent { supervisor: self.incarnation, key, event }));
    }
}

impl Handler<DeliverEvent> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, message: DeliverEvent, ctx: &mut Ctx) {
        if message.supervisor == self.incarnation {
            self.on_child_event(ctx, message.key, message.event);
        }
    }
}

impl Handler<TryAgain> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, again: TryAgain, ctx: &mut Ctx) {
        if again.supervisor == self.incarnation {
            self.feed(ctx, Event::TryAgain { key: again.key });
        }
    }
}

impl Handler<Suspend> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, Suspend(suspended): Suspend, ctx: &mut Ctx) {
        self.suspended = suspended;
        self.feed(ctx, if suspended { Event::Suspend } else { Event::Resume });
    }
}
