//! What is looked at before a task is taken in: whether its payload is what its kind takes.

use std::fmt;
use std::sync::Arc;

use ms_core::Invalid;
use ms_core::task::AgentKind;
use ms_json::from_value;
use serde_json::Value;

use super::perform::Performs;
use crate::state::StateError;

/// Looks at a payload.
type Look = dyn Fn(&Value) -> Result<(), Invalid> + Send + Sync;

/// The check of a kind's payloads, for those who do not know its type.
#[derive(Clone)]
pub(crate) struct Intake(Arc<Look>);

impl Intake {
    /// That of agents that are made of `args`.
    pub(crate) fn of<G: Performs>(args: Arc<G::Args>) -> Self {
        Self(Arc::new(move |payload| read::<G>(payload.clone(), Some(&*args)).map(drop)))
    }

    /// That of agents that could not do any: each payload is refused for this reason.
    pub(crate) fn none(why: &StateError) -> Self {
        let why = why.to_string();
        Self(Arc::new(move |_| Err(Invalid::new(".", why.clone()))))
    }

    pub(crate) fn check(&self, payload: &Value) -> Result<(), Invalid> {
        (self.0)(payload)
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Intake")
    }
}

/// Who is told of payloads that are refused.
#[derive(Clone, Default)]
pub(crate) struct OnRefused(Option<Arc<Told>>);

type Told = dyn Fn(&AgentKind, &Invalid) + Send + Sync;

impl OnRefused {
    pub(crate) fn of(told: impl Fn(&AgentKind, &Invalid) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    pub(crate) fn tell(&self, kind: &AgentKind, invalid: &Invalid) {
        self.0.iter().for_each(|told| told(kind, invalid));
    }
}

impl fmt::Debug for OnRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnRefused").field(&self.0.is_some()).finish()
    }
}

/// Reads a payload and has its kind check it. There is one way to a payload, so what an agent is
/// given is what was found valid at the submission, or would have been.
/// Only an agent outside of a pool has no arguments to check with.
pub(crate) fn read<G: Performs>(
    payload: Value,
    args: Option<&G::Args>,
) -> Result<G::Payload, Invalid> {
    let payload = from_value::<G::Payload>(payload)?;
    args.map_or(Ok(()), |args| G::validate(args, &payload))?;
    Ok(payload)
}
