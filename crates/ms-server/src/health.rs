//! The API's health and its door: what the service says of itself.

use std::any::Any;

use ms_core::ActorPath;
use ms_core::health::HealthStatus;
use ms_runtime::{GateError, HealthRef, WorkGate};
use ms_transport::{Admission, Gate, HealthAnswer, HealthPort, PortFuture, Probe};
use serde_json::{Value, json};

/// [`HealthRef`] as probes ask it.
pub(crate) struct ApiHealth(pub(crate) HealthRef);

impl HealthPort for ApiHealth {
    fn probe(&self, probe: Probe) -> PortFuture<'_, HealthAnswer> {
        Box::pin(async move {
            match probe {
                Probe::Startup => self.startup(),
                Probe::Liveness => plain(self.0.live().await, "alive", "unresponsive"),
                Probe::Readiness => self.ready().await,
            }
        })
    }

    fn of(&self, actors: Vec<ActorPath>) -> PortFuture<'_, Vec<Option<HealthStatus>>> {
        Box::pin(async move {
            let Ok(now) = self.0.ready().await else { return vec![None; actors.len()] };
            let of = |actor: &ActorPath| {
                let component = component(actor)?;
                let mut known = now.report.components.iter();
                known.find(|known| known.name == component).map(|known| known.status)
            };
            actors.iter().map(of).collect()
        })
    }
}

/// The component an actor is part of: `database` of `/root/components/database/store`.
fn component(actor: &ActorPath) -> Option<&str> {
    let mut segments = actor.as_str().split('/').skip(2);
    (segments.next()? == "components").then(|| segments.next())?
}

impl ApiHealth {
    fn startup(&self) -> HealthAnswer {
        let mut answer = plain(self.0.startup(), "started", "starting");
        if let Value::Object(fields) = &mut answer.report {
            fields.insert("overdue".to_owned(), json!(self.0.startup_overdue()));
        }
        answer
    }

    async fn ready(&self) -> HealthAnswer {
        match self.0.ready().await {
            Ok(now) => {
                // Plain data: it has a form as JSON.
                let mut report = serde_json::to_value(&now.report).unwrap_or_default();
                if let Value::Object(fields) = &mut report {
                    fields.insert("ready".to_owned(), json!(now.ready));
                    let stage = format!("{:?}", now.stage).to_lowercase();
                    fields.insert("stage".to_owned(), json!(stage));
                    fields.insert("paths".to_owned(), json!(now.paths));
                }
                HealthAnswer { ok: now.ready, report }
            }
            Err(unknown) => {
                let report = json!({ "ready": false, "why": unknown.to_string() });
                HealthAnswer { ok: false, report }
            }
        }
    }
}

fn plain(ok: bool, yes: &str, no: &str) -> HealthAnswer {
    HealthAnswer { ok, report: json!({ "status": if ok { yes } else { no } }) }
}

/// [`WorkGate`] as a gateway asks it.
pub(crate) struct Door(pub(crate) WorkGate);

impl Admission for Door {
    fn enter(&self) -> Result<Box<dyn Any + Send>, Gate> {
        match self.0.enter() {
            Ok(permit) => Ok(Box::new(permit)),
            Err(GateError::Starting) => Err(Gate::Starting),
            Err(GateError::Closed) => Err(Gate::Draining),
        }
    }

    fn closed(&self) -> PortFuture<'_, ()> {
        Box::pin(self.0.closed())
    }
}
