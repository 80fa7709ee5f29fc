//! The messages of the configuration actor.

use std::sync::Arc;

use actix::Message;
use ms_actor::{AnyRef, Port};

/// Subscribes a port to every change from now on. A second subscription of an actor replaces the
/// first.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Subscribe(pub Port<ConfigChanged>);

/// Ends the subscription of an actor. An actor that is gone for good is removed anyway.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Unsubscribe(pub AnyRef);

/// Announces that keys have new values, which are in force already: read them from the
/// [`ConfigHandle`](super::ConfigHandle).
///
/// A subscriber answers whether it applied the change. A refusal changes nothing about the
/// configuration: it is logged and counted.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Refused>")]
pub struct ConfigChanged {
    /// The number of the change. A subscriber that sees a gap has missed one, and should read
    /// everything again.
    pub version: u64,
    /// Full paths of the keys that changed.
    pub keys: Arc<[String]>,
}

impl ConfigChanged {
    /// Returns whether a key in `section` has changed.
    #[must_use]
    pub fn touches(&self, section: &str) -> bool {
        self.keys.iter().any(|key| {
            key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// The reason why a subscriber did not apply a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Makes the actor read everything again now, as it does by itself when the directory changes.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Reloaded")]
pub struct Reload;

/// The result of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// Nothing is different.
    Unchanged,
    /// Some keys changed, or wait for a restart.
    Changed {
        /// Keys whose new values are in force.
        live: Vec<String>,
        /// Keys whose new values are not applied before a restart.
        restart: Vec<String>,
    },
    /// Something is wrong, and the last good configuration stays. One line per problem.
    Failed(Vec<String>),
}
