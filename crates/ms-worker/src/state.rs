//! State that outlives an agent's life: one line saves it, one line has it back.
//!
//! The agent defines its state ([`AgentState`]); the program that runs the agent chooses where it
//! is kept ([`StateKeeper`], given to [`Tasks::keeper`](crate::tasks::Tasks::keeper)).

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use ms_core::{ActorPath, Incarnation};
use ms_json::{EncodeError, JsonError, MAX_DEPTH, from_value, parse, to_vec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The state that an agent keeps over its lives.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use ms_worker::{Agent, AgentState, Cx, InitError};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Seen { count: u64 }
///
/// impl AgentState for Seen {
///     const SCHEMA: u32 = 2;
///     // Schema 1 called it `n`.
///     fn up(from: u32, old: serde_json::Value) -> Result<serde_json::Value, String> {
///         match from {
///             1 => Ok(serde_json::json!({ "count": old["n"] })),
///             other => Err(format!("schema {other} was never written")),
///         }
///     }
/// }
///
/// struct Watcher(Seen);
///
/// impl Agent for Watcher {
///     type Args = ();
///     async fn init((): (), cx: &mut Cx<Self>) -> Result<Self, InitError> {
///         Ok(Self(cx.saved().await?.unwrap_or_default()))
///     }
/// }
///
/// impl Watcher {
///     async fn saw_one(&mut self, cx: &Cx<Self>) -> Result<(), ms_worker::StateError> {
///         self.0.count += 1;
///         cx.save(&self.0).await
///     }
/// }
/// ```
pub trait AgentState: Serialize + DeserializeOwned {
    /// The number of the present form; raise it with every change of it.
    const SCHEMA: u32;

    /// Brings a state of the schema `from` to the one after it.
    ///
    /// # Errors
    /// Why the old state does not fit. Without a way up, a state of an older schema is refused.
    fn up(from: u32, old: Value) -> Result<Value, String> {
        let _ = old;
        Err(format!("this program has no migration from schema {from}"))
    }
}

/// Why a state was not saved, or not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// No keeper of states is set.
    #[error(
        "the states of agents are not persisted here; set persistence.enabled in a server, or configure Tasks::keeper"
    )]
    NotKept,
    /// It does not come back from JSON as it is.
    #[error("the state cannot be encoded")]
    Encode(#[from] EncodeError),
    /// The kept state is not of the type that is read.
    #[error("the saved state cannot be decoded")]
    Decode(#[from] JsonError),
    /// It was written by a newer program.
    #[error(
        "the state has schema {found}, but this version reads only up to {known}; run the newer version"
    )]
    Newer {
        /// The schema it has.
        found: u32,
        /// The newest one known here.
        known: u32,
    },
    /// It could not be brought up to the present schema.
    #[error("the state could not be migrated from schema {from}: {why}")]
    Up {
        /// Its schema on the way.
        from: u32,
        /// What did not fit.
        why: String,
    },
    /// The keeper failed.
    #[error("the store of agents' states failed: {0}; see the log, and try again")]
    Keeper(String),
}

/// A state as it is kept: JSON and the number of its form.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptState {
    /// The number of its form.
    pub schema: u32,
    /// The state, as JSON.
    pub json: Vec<u8>,
}

impl KeptState {
    pub(crate) fn of<S: AgentState>(state: &S) -> Result<Self, StateError> {
        Ok(Self { schema: S::SCHEMA, json: to_vec(state)? })
    }

    pub(crate) fn read<S: AgentState>(self) -> Result<S, StateError> {
        let Self { schema, json } = self;
        if schema > S::SCHEMA {
            return Err(StateError::Newer { found: schema, known: S::SCHEMA });
        }
        let mut value = parse(&json, MAX_DEPTH)?;
        // One schema at a time, so that each step only has to know its neighbour.
        for from in schema..S::SCHEMA {
            value = S::up(from, value).map_err(|why| StateError::Up { from, why })?;
        }
        Ok(from_value(value)?)
    }
}

/// States may be confidential: the debug form shows nothing of them.
impl fmt::Debug for KeptState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptState(schema {}, [redacted])", self.schema)
    }
}

/// The future that a keeper's calls return.
pub type StateFuture<T> = Pin<Box<dyn Future<Output = Result<T, StateError>> + Send>>;

/// A store of the states of agents. Each call ends within a time that the keeper sets.
pub trait StateKeeper: Send + Sync + fmt::Debug + 'static {
    /// Saves a state in place of the one before; once this returns `Ok`, it survives the end of the
    /// process. It belongs to this life of the agent at this path.
    fn save(&self, agent: &ActorPath, life: Incarnation, state: KeptState) -> StateFuture<()>;

    /// Reads the newest good state of an agent, if there is one.
    fn newest(&self, agent: &ActorPath) -> StateFuture<Option<KeptState>>;
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Third {
        total: u64,
    }

    impl AgentState for Third {
        const SCHEMA: u32 = 3;
        fn up(from: u32, old: Value) -> Result<Value, String> {
            match from {
                1 => Ok(json!({ "sum": old["n"] })),
                2 => Ok(json!({ "total": old["sum"] })),
                other => Err(format!("no schema {other}")),
            }
        }
    }

    fn kept(schema: u32, json: &str) -> KeptState {
        KeptState { schema, json: json.as_bytes().to_vec() }
    }

    #[test]
    fn a_state_is_brought_up_one_schema_after_the_other() {
        for (schema, json) in [(1, r#"{"n":7}"#), (2, r#"{"sum":7}"#), (3, r#"{"total":7}"#)] {
            assert_eq!(kept(schema, json).read::<Third>().expect("read"), Third { total: 7 });
        }
        let own = KeptState::of(&Third { total: 7 }).expect("kept");
        assert_eq!(own, kept(3, r#"{"total":7}"#));
    }

    #[test]
    fn what_is_newer_has_no_way_up_or_does_not_fit_is_refused() {
        let newer = kept(4, "{}").read::<Third>().expect_err("newer");
        assert!(matches!(newer, StateError::Newer { found: 4, known: 3 }), "{newer}");
        let unknown = kept(0, "{}").read::<Third>().expect_err("unknown");
        assert!(matches!(unknown, StateError::Up { from: 0, .. }), "{unknown}");
        let odd = kept(3, r#"{"total":"7"}"#).read::<Third>().expect_err("odd");
        assert!(matches!(odd, StateError::Decode(_)), "{odd}");
    }
}
