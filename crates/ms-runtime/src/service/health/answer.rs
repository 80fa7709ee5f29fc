//! The answers of the probes, the same at every endpoint.

use ms_core::ActorPath;
use ms_core::health::HealthStatus;
use ms_ops::ops::ProbeKind;
use ms_ops::views::HealthAnswer;
use serde_json::{Value, json};

use super::HealthRef;

impl HealthRef {
    /// Answers a probe, within the time limits of its checks.
    pub(crate) async fn answer(&self, probe: ProbeKind) -> HealthAnswer {
        match probe {
            ProbeKind::Startup => self.started(),
            ProbeKind::Liveness => plain(self.live().await, "alive", "unresponsive"),
            ProbeKind::Readiness => self.readiness().await,
        }
    }

    /// Returns the health of the component that each of these actors is part of, in their order;
    /// `None` where that is not known.
    pub(crate) async fn of_actors(&self, actors: &[ActorPath]) -> Vec<Option<HealthStatus>> {
        let Ok(now) = self.ready().await else { return vec![None; actors.len()] };
        let of = |actor: &ActorPath| {
            let component = component(actor)?;
            let mut known = now.report.components.iter();
            known.find(|known| known.name == component).map(|known| known.status)
        };
        actors.iter().map(of).collect()
    }

    fn started(&self) -> HealthAnswer {
        let mut answer = plain(self.startup(), "started", "starting");
        if let Value::Object(fields) = &mut answer.report {
            fields.insert("overdue".to_owned(), json!(self.startup_overdue()));
        }
        answer
    }

    async fn readiness(&self) -> HealthAnswer {
        match self.ready().await {
            Ok(now) => {
                // The report is plain data, which always has a form as JSON.
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

/// Returns the component that an actor is part of: `database` for
/// `/root/components/database/store`.
fn component(actor: &ActorPath) -> Option<&str> {
    let mut segments = actor.as_str().split('/').skip(2);
    (segments.next()? == "components").then(|| segments.next())?
}
