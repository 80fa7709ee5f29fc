//! Names of tasks, queues, agent kinds and repeated requests.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{checked_text, segment};

/// Longest queue name or agent kind, in bytes.
pub const MAX_TASK_NAME: usize = crate::id::MAX_CHILD_ID;
/// Longest idempotency key, in bytes.
pub const MAX_KEY: usize = 128;

/// The error for a text that is not a task id or not an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskIdError {
    /// The text is no UUID.
    #[error(
        "a task id is a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057; this text is not one"
    )]
    NotUuid,
    /// An idempotency key that is empty or too long.
    #[error("an idempotency key has 1 to 128 characters, this one has {0}")]
    KeyLength(usize),
    /// An idempotency key with a character that is not printable ASCII.
    #[error("an idempotency key is printable ASCII without spaces; byte {0} is not")]
    KeyChar(usize),
}

/// The id of a task: a UUID, of version 7 where the framework makes it, so that ids sort by age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(Uuid);

impl TaskId {
    /// Makes an id out of a UUID, which the caller makes (`Uuid::now_v7()`).
    #[must_use]
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Returns the UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl FromStr for TaskId {
    type Err = TaskIdError;

    fn from_str(text: &str) -> Result<Self, TaskIdError> {
        // It takes the forms of a URN and with braces, too; written is only the one with hyphens.
        Uuid::try_parse(text).map(Self).map_err(|_| TaskIdError::NotUuid)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

segment! {
    /// The name of a queue: what limits of concurrency and rate belong to.
    QueueName
}

segment! {
    /// The kind of agent that can do a task.
    AgentKind
}

impl Default for QueueName {
    /// Returns the queue named `default`.
    fn default() -> Self {
        Self("default".into())
    }
}

/// Names one request, so that sending it again does not make a second task.
///
/// 1 to 128 characters of printable ASCII without spaces. It is known while its task is kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// Checks `text` and makes a key of it.
    ///
    /// # Errors
    /// [`TaskIdError`] says what is wrong with it.
    pub fn new(text: impl AsRef<str>) -> Result<Self, TaskIdError> {
        let text = text.as_ref();
        if text.is_empty() || text.len() > MAX_KEY {
            return Err(TaskIdError::KeyLength(text.len()));
        }
        // A key travels as the value of a header, where other characters have no safe form.
        match text.bytes().position(|byte| !byte.is_ascii_graphic()) {
            Some(at) => Err(TaskIdError::KeyChar(at)),
            None => Ok(Self(text.into())),
        }
    }

    /// Returns the key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

checked_text!(IdempotencyKey, TaskIdError);

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S2.2-14
    #[test]
    fn a_task_id_is_a_uuid_and_prints_as_one() {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057";
        let id: TaskId = text.parse().expect("valid");
        assert_eq!(id.to_string(), text);
        assert_eq!(serde_json::to_string(&id).expect("json"), format!("{text:?}"));
        for bad in ["", "1", "../../etc/passwd", "01890a5d-ac96-774b-bcce-b302099a805g"] {
            assert_eq!(bad.parse::<TaskId>(), Err(TaskIdError::NotUuid), "{bad}");
        }
    }

    #[test]
    fn names_and_keys_are_narrow() {
        assert!(QueueName::new("mail-out_2").is_ok());
        for bad in ["", "Mail", "a/b", "..", "a b", "ä"] {
            assert!(QueueName::new(bad).is_err(), "{bad:?}");
            assert!(serde_json::from_str::<AgentKind>(&format!("{bad:?}")).is_err(), "{bad:?}");
        }
        assert!(IdempotencyKey::new("Order:17/a").is_ok());
        assert_eq!(IdempotencyKey::new(""), Err(TaskIdError::KeyLength(0)));
        assert_eq!(IdempotencyKey::new("a\nb"), Err(TaskIdError::KeyChar(1)));
        assert!(IdempotencyKey::new("x".repeat(129)).is_err());
    }
}
