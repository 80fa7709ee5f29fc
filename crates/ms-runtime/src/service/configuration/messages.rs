//! What the config actor is asked and what it tells.

use std::sync::Arc;

use actix::Message;
use ms_actor::{AnyRef, Port};

/// Tells `0` of every change from now on. Twice from one actor counts once.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Subscribe(pub Port<ConfigChanged>);

/// Tells this actor no more. One that is gone for good is forgotten anyway.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Unsubscribe(pub AnyRef);

/// Keys have new values, already in force: read them from the
/// [`ConfigHandle`](super::ConfigHandle).
///
/// A subscriber answers whether it took the change over. A refusal changes nothing
/// about the configuration: it is logged, counted and shown.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Refused>")]
pub struct ConfigChanged {
    /// Counts the changes; who sees a gap has missed one and reads everything anew.
    pub version: u64,
    /// Full paths of the keys that changed.
    pub keys: Arc<[String]>,
}

impl ConfigChanged {
    /// Whether a key below `section` has changed.
    #[must_use]
    pub fn touches(&self, section: &str) -> bool {
        self.keys.iter().any(|key| {
            key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// Why a subscriber did not take a change over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Reads everything again now; what the watched directory does by itself.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Reloaded")]
pub struct Reload;

/// What a reload came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// Nothing is different.
    Unchanged,
    /// These keys changed, those wait for a restart.
    Changed {
        /// In force now.
        live: Vec<String>,
        /// Not applied.
        restart: Vec<String>,
    },
    /// Something is wrong; the last good configuration stays. One line a problem.
    Failed(Vec<String>),
}
