//! The wire protocol, version 2.
//!
//! A frame is a `u32` length in network byte order and that many bytes of JSON.
//! A connection starts with one [`Hello`] and its [`HelloReply`]; then it carries
//! one [`Call`] at a time, each answered by one [`Response`] or, for streams, by
//! many with the same id, the last of which is [`Body::End`] or [`Body::Err`];
//! after either, the next call may follow.
//! A client ends a stream early by closing the connection.
//!
//! Requests are read strictly: an unknown request or field is an error.

mod flat;
mod reply;
mod request;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use reply::{
    Found, Injected, NodeInfo, PsRow, PsTable, Reply, StateView, StatisticsView, Steered,
    TaskShown, TaskTaken,
};
pub use request::{
    Fault, MAX_LOOKUP, MAX_REASON, MAX_TRACE, MAX_TRACE_FOR, MAX_TREE_FOR, MAX_WHY, MAX_WINDOW,
    PsSort, Request, TaskVerb, Verb,
};

use crate::error::ControlError;
use ms_core::stream::StreamEvent;
use ms_core::task::MAX_PAYLOAD;
use ms_core::tree::TreeRow;
use ms_core::view::TraceLine;

/// Version of this protocol; raised when an old reader would misunderstand.
///
/// 2: [`Request::Tree`] is answered by a stream of rows.
pub const PROTO_VERSION: u32 = 2;
/// Largest frame a client may send: the largest task, and room for what is around it.
pub const MAX_REQUEST: usize = 64 * 1024 + MAX_PAYLOAD;
/// Largest frame a node may send.
pub const MAX_RESPONSE: usize = 64 * 1024 * 1024;
/// An idle stream carries a [`Body::Alive`] this often.
pub const KEEPALIVE: Duration = Duration::from_secs(5);

/// First frame of a connection, from the client.
///
/// Read leniently, so that a mismatch is told as a mismatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol it speaks.
    pub proto: u32,
    /// The version of the views it reads; absent is "any".
    #[serde(default)]
    pub schema: Option<u32>,
    /// Who it is, for the log: `msctl 0.1.0`.
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
    /// Why the node will not talk; it closes the connection then.
    #[serde(default)]
    pub error: Option<ControlError>,
}

/// One request, with its number and its deadline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Number of the request on this connection; the answer repeats it.
    pub id: u64,
    /// How long the client waits; the node may allow less.
    #[serde(default)]
    pub deadline_ms: Option<u32>,
    /// What is asked.
    pub request: Request,
}

/// One frame of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Number of the request; 0 when it could not be read.
    pub id: u64,
    /// The answer.
    pub body: Body,
}

/// What a [`Response`] carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The whole answer.
    Ok(Reply),
    /// The request failed, or the stream did.
    Err(ControlError),
    /// One item of a stream.
    Item(StreamItem),
    /// The stream is idle and its node alive.
    Alive,
    /// The stream is complete.
    End {
        /// Items sent.
        sent: u64,
    },
}

/// One item of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamItem {
    /// Of [`Request::Tree`]: the next rows, depth first.
    Rows(Vec<TreeRow>),
    /// Of [`Request::Trace`].
    Trace(TraceLine),
    /// Of [`Request::Events`].
    Event(Box<StreamEvent>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Call, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn requests_are_read_strictly() {
        assert!(parse(r#"{"id":1,"request":"info"}"#).is_ok());
        assert!(parse(r#"{"id":1,"request":{"tree":{}}}"#).is_ok());
        assert!(parse(r#"{"id":1,"request":{"why":{"path":"/root"}}}"#).is_ok());
        for bad in [
            r#"{"id":1,"request":"info","role":"admin"}"#,
            r#"{"id":1,"request":{"tree":{"depht":3}}}"#,
            r#"{"id":1,"request":"shutdown"}"#,
            r#"{"id":1,"request":{"inspect":{"path":"../etc"}}}"#,
            r#"{"id":-1,"request":"info"}"#,
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
