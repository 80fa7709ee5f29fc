//! The outside services that may be called, each with its breaker, its fallback and its retries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ms_core::lifecycle::Phase;
use ms_core::time::{later, part};
use ms_core::{Backoff, Invalid};
use ms_resilience::{BreakerSpec, CallError, CircuitBreaker, Fallback, FallbackStrategy};
use ms_runtime::section::{FrameworkConfig, OutsideFallback};
use ms_runtime::{CallReporter, Calls, ComponentSpec};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_transport::{ClientError, HttpClient, Outgoing};
use tokio::time::Instant;

use super::call::{HttpCall, HttpReply, HttpSource};
use super::retries::RetryBudget;

/// Largest answer that is accepted: escaped as JSON it still fits into a result.
pub(super) const MAX_ANSWER: usize = 256 * 1024;
/// Methods that may be repeated without harm.
const IDEMPOTENT: [&str; 5] = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"];
/// Longest name of a service's supervisor; a number may follow it.
const MAX_ID: usize = 48;

/// Why a call has no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{service} failed with status {status}")]
    Failed { service: String, status: u16 },
    #[error("{service} gave no answer")]
    Refused {
        service: String,
        #[source]
        source: Box<CallError<NoAnswer>>,
    },
}

/// All services that may be called. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    services: Arc<BTreeMap<String, Service>>,
    alternative: Option<String>,
    deadline: Duration,
}

/// One service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) fallback: Fallback<Outgoing, HttpReply>,
    breaker: CircuitBreaker,
    retries: Mutex<RetryBudget>,
    calls: CallReporter,
    tree: SupervisorSpec,
}

impl Outside {
    pub(crate) fn of(config: &FrameworkConfig, calls: &Calls, pause: Backoff) -> Self {
        let outside = &config.outside;
        let spec = BreakerSpec {
            failure_threshold: outside.failures,
            success_threshold: outside.successes,
            timeout: outside.open_for,
            half_open_max: outside.tries,
        };
        let strategies = match outside.fallback {
            OutsideFallback::Off | OutsideFallback::Alternative => Vec::new(),
            OutsideFallback::Cache => vec![FallbackStrategy::Cache { ttl: outside.cache_for }],
            OutsideFallback::Default => {
                let value = HttpReply::default_of(&outside.default_body);
                vec![FallbackStrategy::Default { value }]
            }
        };
        let mut ids = BTreeSet::new();
        let service = |name: &String| {
            let (breaker, of_breaker) = CircuitBreaker::in_tree(spec);
            let (fallback, of_fallback) = Fallback::in_tree(strategies.clone());
            let tree = SupervisorSpec::one_for_one(free_id(name, &mut ids))
                .child(ChildSpec::blueprint("breaker", of_breaker).backoff(pause))
                .child(ChildSpec::blueprint("fallback", of_fallback).backoff(pause));
            let service = Service {
                name: name.clone(),
                fallback,
                breaker,
                retries: Mutex::new(RetryBudget::new(outside.retries)),
                calls: calls.between("application", name),
                tree,
            };
            (name.clone(), service)
        };
        let services = Arc::new(outside.allowed.iter().map(service).collect());
        let is_alternative = outside.fallback == OutsideFallback::Alternative;
        let alternative = is_alternative.then(|| outside.alternative.clone());
        Self { services, alternative, deadline: outside.deadline }
    }

    /// Returns the breakers and fallbacks as the component `outside`; none if no service is allowed.
    pub(crate) fn component(&self) -> Option<ComponentSpec> {
        if self.services.is_empty() {
            return None;
        }
        let trees = self.services.values().map(|service| service.tree.clone());
        let tree = trees.map(ChildSpec::supervisor);
        let tree = tree.fold(SupervisorSpec::one_for_one("outside"), SupervisorSpec::child);
        Some(ComponentSpec::tree(tree).phase(Phase::Core))
    }

    /// Returns the service of a call.
    ///
    /// # Errors
    /// The call is malformed, or the service is not allowed.
    pub(super) fn service_of(&self, call: &HttpCall) -> Result<&Service, Invalid> {
        if call.deadline_ms == Some(0) {
            return Err(Invalid::new("deadline_ms", "must be 1 or more"));
        }
        let host = call.outgoing().check().map_err(|error| match error {
            ClientError::Malformed { what, why } => Invalid::new(what, why),
            other => Invalid::new("url", other.to_string()),
        })?;
        self.services.get(&host).ok_or_else(|| {
            let why =
                format!("{host} is not among the services of `outside.allowed`; add it there");
            Invalid::new("url", why)
        })
    }

    pub(super) fn within(&self, call: &HttpCall) -> Duration {
        let asked = call.deadline_ms.map_or(self.deadline, Duration::from_millis);
        asked.min(self.deadline)
    }

    /// Calls a service, and the alternative one if it fails and the configuration has one.
    ///
    /// Both have to answer within the time. The first gets half of it if there is a second, so
    /// that a service that hangs leaves time for the other.
    pub(super) async fn ask(
        &self,
        client: &HttpClient,
        service: &Service,
        call: Outgoing,
        within: Duration,
    ) -> Result<HttpReply, NoAnswer> {
        let until = later(Instant::now(), within);
        let other = self.alternative.as_ref().and_then(|name| self.services.get(name));
        let Some(other) = other.filter(|other| other.name != service.name) else {
            return service.ask(client, &call, until, HttpSource::Origin).await;
        };
        let half = later(Instant::now(), part(within, 2));
        match service.ask(client, &call, half, HttpSource::Origin).await {
            Ok(reply) => Ok(reply),
            Err(failed) => {
                let call = Outgoing { url: moved(&call.url, &other.name), ..call };
                let answer = other.ask(client, &call, until, HttpSource::Alternative).await;
                // The error of the service that was asked for says more than that of its stand-in.
                answer.map_err(|_| failed)
            }
        }
    }
}

impl Service {
    /// Makes a call, and repeats it once if that does no harm and the budget has a retry left.
    async fn ask(
        &self,
        client: &HttpClient,
        call: &Outgoing,
        until: Instant,
        source: HttpSource,
    ) -> Result<HttpReply, NoAnswer> {
        self.retries(RetryBudget::called);
        let first = self.once(client, call, until, source).await;
        let may = IDEMPOTENT.contains(&call.method.as_str());
        match first {
            // Only a call that failed: an open breaker would refuse the next one as well, and a call
            // that was late has left no time.
            Err(CallError::Failed(_)) if may && self.retries(RetryBudget::take) => {
                let service = self.name.clone();
                metrics::counter!("ms_framework_outside_retries_total", "service" => service)
                    .increment(1);
                self.once(client, call, until, source).await
            }
            first => first,
        }
        .map_err(|error| match error {
            CallError::Failed(error) => error,
            other => NoAnswer::Refused { service: self.name.clone(), source: Box::new(other) },
        })
    }

    async fn once(
        &self,
        client: &HttpClient,
        call: &Outgoing,
        until: Instant,
        source: HttpSource,
    ) -> Result<HttpReply, CallError<NoAnswer>> {
        let left = until.saturating_duration_since(Instant::now());
        let work = async {
            let answer = client.send(call).await?;
            match answer.status {
                // A 404 is the caller's business: the service works, and its circuit stays closed.
                ..500 => Ok(HttpReply::of(answer, source)),
                status => Err(NoAnswer::Failed { service: self.name.clone(), status }),
            }
        };
        self.calls.time(self.breaker.call(left, work)).await
    }

    fn retries<T>(&self, use_budget: impl FnOnce(&mut RetryBudget) -> T) -> T {
        use_budget(&mut self.retries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the URL with another service in it.
fn moved(url: &str, to: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    format!("http://{to}{path}")
}

/// Returns a unique id for a service in the tree, made of its name: `api-example-80`.
fn free_id(name: &str, taken: &mut BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = name.chars().map(plain).take(MAX_ID).collect();
    let name = name.trim_start_matches('-');
    let name = if name.is_empty() { "service" } else { name };
    let mut id = name.to_owned();
    let mut number = 2;
    while !taken.insert(id.clone()) {
        id = format!("{name}-{number}");
        number += 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_moves_with_its_path_and_query() {
        for (url, moved_to) in [
            ("http://a:1/x?y=1", "http://b:2/x?y=1"),
            ("http://a", "http://b:2"),
            ("http://a:1?y", "http://b:2?y"),
        ] {
            assert_eq!(moved(url, "b:2"), moved_to);
        }
    }

    #[test]
    fn each_service_has_an_id_of_its_own() {
        let mut taken = BTreeSet::new();
        let ids = ["a.b:1", "a-b:1", "..:1"].map(|name| free_id(name, &mut taken));
        assert_eq!(ids, ["a-b-1", "a-b-1-2", "1"]);
    }
}
