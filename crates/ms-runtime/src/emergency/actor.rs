//! The actor `emergency`: counts critical errors and tells of panics.

use actix::{Actor, AsyncContext, Handler, Message, StreamHandler};
use ms_actor::{Context, StateValue};
use ms_core::emergency::{EmergencyReason, ErrorBudget};
use ms_core::view::{EventKind, NodeEvent};

use crate::events::events_of;
use crate::service::Wiring;
use crate::settings::EmergencySettings;

/// What the actor is made of.
#[derive(Debug, Clone)]
pub(crate) struct EmergencyArgs {
    pub(crate) settings: EmergencySettings,
    pub(crate) wiring: Wiring,
}

/// Counts critical errors. Supervised panics it only tells of: they are their
/// supervisors' business.
#[derive(Debug)]
pub(crate) struct EmergencyActor {
    settings: EmergencySettings,
    wiring: Wiring,
    budget: ErrorBudget,
    panics: u64,
}

impl EmergencyActor {
    pub(crate) fn new(args: EmergencyArgs) -> Self {
        let EmergencyArgs { settings, wiring } = args;
        let budget = ErrorBudget::new(settings.critical_errors, settings.window);
        Self { settings, wiring, budget, panics: 0 }
    }

    pub(crate) fn view(&self) -> StateValue {
        StateValue::map([
            ("critical_errors", StateValue::from(self.budget.count())),
            ("gives_up_at", self.settings.critical_errors.into()),
            ("panics", self.panics.into()),
        ])
    }
}

impl Actor for EmergencyActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.add_stream(events_of(ctx.node()));
    }
}

/// Something a service should not live with for long.
#[derive(Debug)]
pub(super) struct CriticalError(pub(super) String);

impl Message for CriticalError {
    type Result = ();
}

impl Handler<CriticalError> for EmergencyActor {
    type Result = ();

    fn handle(&mut self, CriticalError(what): CriticalError, ctx: &mut Self::Context) {
        if self.budget.record(ctx.node().now()) {
            let EmergencySettings { critical_errors, window, .. } = &self.settings;
            let text =
                format!("{critical_errors} critical errors within {window:?}, the last: {what}");
            self.wiring.emergency(EmergencyReason::CriticalError(text));
        }
    }
}

impl StreamHandler<NodeEvent> for EmergencyActor {
    fn handle(&mut self, event: NodeEvent, _: &mut Self::Context) {
        if let EventKind::Exited { path, reason, .. } = event.kind
            && let Some(panic) = reason.panic()
        {
            self.panics += 1;
            tracing::error!(%path, %panic, "PANIC DETECTED");
        }
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}
