//! Who is where: every part enters itself when it starts, before those who need it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::Message;
use ms_actor::Ref;
use ms_worker::{Agent, AgentRef, Handles};

use crate::auditor::Auditor;
use crate::dispatcher::Dispatcher;
use crate::metrics::Metrics;
use crate::reducer::ReducerAgent;
use crate::reporter::Reporter;
use crate::store::StoreAgent;

/// Pause before a question is asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long one question may take; then it is asked again.
const ASK_WITHIN: Duration = Duration::from_secs(60);

/// The parts of the demo. References stay valid over restarts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster(Arc<Mutex<Parts>>);

#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) auditors: BTreeMap<String, AgentRef<Auditor>>,
    pub(crate) metrics: Option<AgentRef<Metrics>>,
    pub(crate) store: Option<AgentRef<StoreAgent>>,
    pub(crate) reducer: Option<AgentRef<ReducerAgent>>,
    pub(crate) reporter: Option<AgentRef<Reporter>>,
    pub(crate) dispatcher: Option<Ref<Dispatcher>>,
}

impl Roster {
    pub(crate) fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, enter: impl FnOnce(&mut Parts)) {
        enter(&mut self.parts());
    }
}

/// A part could not do what it was asked and is about to end; its supervisor starts it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failing;

/// Asks until there is an answer. While a part is restarted, suspended or slow
/// nothing is lost: what is asked this way may be asked twice.
pub(crate) async fn persistently<G, M, T>(target: &AgentRef<G>, message: M) -> T
where
    G: Handles<M>,
    M: Message<Result = Result<T, Failing>> + Clone + Send + 'static,
    T: Send + 'static,
    G: Agent,
{
    loop {
        if let Ok(Ok(answer)) = target.ask(message.clone()).within(ASK_WITHIN).await {
            return answer;
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}
