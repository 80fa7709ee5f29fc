//! Agents that call outside services: only those that the configuration allows, each through its
//! circuit breaker, within a deadline, and with the configured fallback.

mod call;
mod outside;
mod retries;

use ms_core::Invalid;
use ms_core::task::{FailureKind, TaskFailure};
use ms_resilience::{Answer, Source};
use ms_transport::HttpClient;
use ms_worker::tasks::{Performs, Task, TaskCx};
use ms_worker::{Agent, Cx, InitError};

pub use call::{HttpCall, HttpReply, HttpSource};
pub(crate) use outside::Outside;
use outside::{MAX_ANSWER, Service};

/// Calls services over HTTP. Each agent has its own connections: they are bound to its arbiter.
#[derive(Debug)]
pub(crate) struct Http {
    outside: Outside,
    client: HttpClient,
}

impl Agent for Http {
    type Args = Outside;
    async fn init(outside: Outside, _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self { outside, client: HttpClient::new(MAX_ANSWER) })
    }
}

impl Performs for Http {
    type Payload = HttpCall;
    type Output = HttpReply;

    fn validate(outside: &Outside, call: &HttpCall) -> Result<(), Invalid> {
        outside.service_of(call).map(drop)
    }

    async fn perform(
        &mut self,
        task: Task<HttpCall>,
        cx: &mut TaskCx<'_, Self>,
    ) -> Result<HttpReply, TaskFailure> {
        let service = self.outside.service_of(&task.payload);
        let service = service.map_err(|invalid| TaskFailure::permanent(invalid.to_string()))?;
        let asked = task.payload.outgoing();
        let mut sent = asked.clone();
        // The key is the same in each attempt and retry, so that the service can recognise a call
        // that it has carried out before.
        let of_task = [
            ("idempotency-key", Some(task.view.id.to_string())),
            ("traceparent", cx.trace().map(|trace| trace.to_string())),
        ];
        for (name, value) in of_task {
            let given = sent.headers.keys().any(|given| given.eq_ignore_ascii_case(name));
            if let Some(value) = value.filter(|_| !given) {
                sent.headers.insert(name.to_owned(), value);
            }
        }
        let within = self.outside.within(&task.payload);
        let work = self.outside.ask(&self.client, service, sent, within);
        let reply = service.fallback.call(asked, work).await;
        let reply = reply.map(sourced).map_err(|(failure, _)| failure);
        count(service, reply.as_ref().map_or("failed", |reply| reply.source.as_str()));
        reply.map_err(|failure| TaskFailure::from_error(FailureKind::Error, &failure))
    }
}

/// Returns the reply with its source.
fn sourced(answer: Answer<HttpReply>) -> HttpReply {
    let Answer { value, source } = answer;
    match source {
        // The reply has its source already: it came from this service or the alternative one.
        Source::Primary | Source::Alternative => value,
        Source::Default => HttpReply { source: HttpSource::Default, ..value },
        Source::Stale { age } => {
            let age_ms = u64::try_from(age.as_millis()).ok();
            HttpReply { source: HttpSource::Stale, age_ms, ..value }
        }
    }
}

fn count(service: &Service, source: &'static str) {
    let service = service.name.clone();
    metrics::counter!("ms_framework_outside_calls_total", "service" => service, "source" => source)
        .increment(1);
}
