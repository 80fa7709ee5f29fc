//! The actor `emergency`: counts critical errors and reports panics.

use actix::{Actor, AsyncContext, Handler, StreamHandler};
use ms_actor::{Context, StateValue};
use ms_core::Tick;
use ms_core::emergency::CRITICAL_ERROR;
use ms_core::view::{EventKind, NodeEvent};

use super::memory::{LOOK_EVERY, MemoryWatch};
use super::messages::CriticalError;
use crate::node::events_of;
use crate::service::Wiring;
use crate::service::logic::emergency::EmergencyReason;
use crate::service::logic::errors::ErrorBudget;
use crate::service::settings::EmergencySettings;

/// What the actor is made of.
#[derive(Debug, Clone)]
pub(crate) struct EmergencyArgs {
    pub(crate) settings: EmergencySettings,
    pub(crate) wiring: Wiring,
}

/// Counts critical errors, and logs panics of actors.
// Supervised panics do not count: their supervisors deal with them, and escalate if they cannot.
#[derive(Debug)]
pub(crate) struct EmergencyActor {
    settings: EmergencySettings,
    wiring: Wiring,
    budget: ErrorBudget,
    panics: u64,
    memory: MemoryWatch,
}

impl EmergencyActor {
    pub(crate) fn new(args: EmergencyArgs) -> Self {
        let EmergencyArgs { settings, wiring } = args;
        let budget = ErrorBudget::new(settings.critical_errors, settings.window);
        let memory = MemoryWatch::new(settings.memory_limit);
        Self { settings, wiring, budget, panics: 0, memory }
    }

    pub(crate) fn view(&self) -> StateValue {
        StateValue::map([
            ("critical_errors", StateValue::from(self.budget.count())),
            ("gives_up_at", self.settings.critical_errors.into()),
            ("panics", self.panics.into()),
            ("memory_limit", self.settings.memory_limit.into()),
            ("memory_used", self.memory.used().into()),
        ])
    }

    /// Counts a critical error. At the threshold the service gives up.
    fn count(&mut self, what: &str, now: Tick) {
        if self.budget.record(now) {
            let EmergencySettings { critical_errors, window, .. } = &self.settings;
            let text =
                format!("{critical_errors} critical errors within {window:?}, the last: {what}");
            self.wiring.emergency(EmergencyReason::CriticalError(text));
        }
    }

    fn look_at_memory(&mut self) {
        if let Some(why) = self.memory.look() {
            self.wiring.emergency(EmergencyReason::ResourceExhaustion(why));
        }
    }
}

impl Actor for EmergencyActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.add_stream(events_of(ctx.node()));
        // No limit, no timer: an idle service is not woken for a look that decides nothing.
        if self.settings.memory_limit.is_some() {
            ctx.run_interval(LOOK_EVERY, |this, _| this.look_at_memory());
        }
    }
}

impl Handler<CriticalError> for EmergencyActor {
    type Result = ();

    fn handle(&mut self, CriticalError(what): CriticalError, ctx: &mut Self::Context) {
        self.count(&what, ctx.node().now());
    }
}

impl StreamHandler<NodeEvent> for EmergencyActor {
    fn handle(&mut self, event: NodeEvent, ctx: &mut Self::Context) {
        match event.kind {
            EventKind::Exited { path, reason, .. } => {
                if let Some(panic) = reason.panic() {
                    self.panics += 1;
                    tracing::error!(%path, %panic, "PANIC DETECTED");
                }
            }
            EventKind::Noted { path, topic, text } if topic == CRITICAL_ERROR => {
                tracing::error!(%path, what = text, "critical error");
                self.count(&text, ctx.node().now());
            }
            _ => {}
        }
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}
