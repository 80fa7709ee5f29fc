//! The wire protocol, version 3.
//!
//! A frame is a `u32` length in network byte order and that many bytes of JSON. A connection starts
//! with one [`Hello`] and its [`HelloReply`]. Then it carries one [`Call`] at a time, each answered by
//! one [`Response`] or, for streams, by many with the same id, the last of which is [`Body::End`] or
//! [`Body::Err`]; after either, the next call may follow. A client ends a stream early by closing the
//! connection.
//!
//! A request gives the name of an operation of `ms-ops`, and its fields beside it:
//! `{"do":"actors.inspect","path":"/root/agents"}`. The answer is that of the operation. Requests are
//! read strictly: an unknown name or field is an error. Such an error has the number of its call, and
//! the next call may follow; the node closes the connection after a frame whose number it cannot read.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use ms_ops::ops::{
    Fault, MAX_LOOKUP, MAX_REASON, MAX_TRACE, MAX_TRACE_FOR, MAX_TREE_FOR, MAX_WHY, MAX_WINDOW,
    PsSort, Verb,
};
pub use ms_ops::views::{
    Found, Injected, NodeInfo, PsRow, PsTable, StateView, StatisticsView, Steered, TaskDetails,
    TaskTaken,
};

use crate::error::ControlError;
use ms_core::task::MAX_PAYLOAD;
use ms_ops::Operation;
use serde_json::{Map, Value};

/// Version of this protocol, raised when an old reader would misunderstand.
///
/// 2: the tree is answered by a stream of rows. 3: a request names an operation, and an answer is
/// the operation's own.
pub const PROTO_VERSION: u32 = 3;
/// Largest frame a client may send: the largest task, and room for its settings.
pub const MAX_REQUEST: usize = 64 * 1024 + MAX_PAYLOAD;
/// Largest frame a node may send.
pub const MAX_RESPONSE: usize = 64 * 1024 * 1024;
/// An idle stream carries a [`Body::Alive`] this often.
pub const KEEPALIVE: Duration = Duration::from_secs(5);

/// First frame of a connection, from the client.
///
/// It is read leniently, so that another version is reported as such and not as malformed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol it speaks.
    pub proto: u32,
    /// The version of the views it reads; absent is "any".
    #[serde(default)]
    pub schema: Option<u32>,
    /// Its name, for the log: `msctl 0.1.0`.
    #[serde(default)]
    pub client: String,
}

/// Answer to a [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloReply {
    /// The protocol the node speaks.
    pub proto: u32,
    /// The version of the views it sends.
    #[serde(default)]
    pub schema: Option<u32>,
    /// Why the node refuses the client; it then closes the connection.
    #[serde(default)]
    pub error: Option<ControlError>,
}

/// One request, with its number and its deadline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call<R> {
    /// Number of the request on this connection, which the answer repeats.
    pub id: u64,
    /// Time the client waits; the node may allow less.
    #[serde(default)]
    pub deadline_ms: Option<u32>,
    /// The request.
    pub request: R,
}

/// An operation on the wire: its name, and its fields beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
// Without `deny_unknown_fields`, which serde does not support beside `flatten`: the fields are read
// strictly by the type of the operation.
pub struct Named<F> {
    /// The name.
    #[serde(rename = "do")]
    pub name: Cow<'static, str>,
    /// The fields.
    #[serde(flatten)]
    pub fields: F,
}

impl<O: Operation> Named<O> {
    /// Names an operation.
    #[must_use]
    pub const fn of(op: O) -> Self {
        Self { name: Cow::Borrowed(O::NAME), fields: op }
    }
}

/// A request whose operation is not known yet.
pub type AnyRequest = Named<Map<String, Value>>;

/// A verb on a durable task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskVerb {
    /// Cancels it, if it has not ended.
    Cancel,
    /// Tries it again with all its attempts, if it failed or is among the dead letters.
    Retry,
}

impl fmt::Display for TaskVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        })
    }
}

/// One frame of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response<A> {
    /// Number of the request; 0 when it could not be read, and the connection is closed.
    pub id: u64,
    /// The answer.
    pub body: Body<A>,
}

/// The contents of a [`Response`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body<A> {
    /// The whole answer.
    Ok(A),
    /// The request failed, or the stream did.
    Err(ControlError),
    /// One item of a stream.
    Item(A),
    /// The stream is idle and its node alive.
    Alive,
    /// The stream is complete.
    End {
        /// Items sent.
        sent: u64,
    },
}

#[cfg(test)]
mod tests {
    use ms_ops::Table;

    use super::*;

    fn parse(text: &str) -> Result<(), String> {
        let call: Call<AnyRequest> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Named { name, fields } = call.request;
        Table::standard().read(&name, fields.into()).map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn requests_are_read_strictly() {
        assert_eq!(parse(r#"{"id":1,"request":{"do":"node.info"}}"#), Ok(()));
        assert_eq!(parse(r#"{"id":1,"request":{"do":"tree.walk"}}"#), Ok(()));
        assert_eq!(parse(r#"{"id":1,"request":{"do":"actors.why","path":"/root"}}"#), Ok(()));
        for bad in [
            r#"{"id":1,"request":{"do":"node.info"},"role":"admin"}"#,
            r#"{"id":1,"request":{"do":"node.info","role":"admin"}}"#,
            r#"{"id":1,"request":{"do":"tree.walk","depht":3}}"#,
            r#"{"id":1,"request":{"do":"shutdown"}}"#,
            r#"{"id":1,"request":"node.info"}"#,
            r#"{"id":1,"request":{"do":"actors.inspect","path":"../etc"}}"#,
            r#"{"id":-1,"request":{"do":"node.info"}}"#,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hello_of_a_later_version_can_still_be_read() {
        let hello: Hello =
            serde_json::from_str(r#"{"proto":999,"new":{"a":[1]}}"#).expect("lenient");
        assert_eq!(hello.proto, 999);
    }
}
