//! The payload and the result of a task of the kind `http`.

use std::collections::BTreeMap;

use ms_transport::{Incoming, Outgoing};
use serde::{Deserialize, Serialize};

/// A call to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpCall {
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// The URL, `http://HOST:PORT/PATH`, of an allowed service.
    pub url: String,
    /// Headers; the client sets those about the connection.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, as text.
    #[serde(default)]
    pub body: String,
    /// Longest time of the call in milliseconds, if it should be less than `outside.deadline`.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
}

fn get() -> String {
    "GET".to_owned()
}

impl HttpCall {
    pub(super) fn outgoing(&self) -> Outgoing {
        Outgoing {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: self.body.clone().into_bytes(),
        }
    }
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpReply {
    /// The status; below 500.
    pub status: u16,
    /// Headers that are text.
    pub headers: BTreeMap<String, String>,
    /// The body; bytes that are not UTF-8 are replaced.
    pub body: String,
    /// Where the answer comes from.
    pub source: HttpSource,
    /// The age of a stale answer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub age_ms: Option<u64>,
}

/// The source of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpSource {
    /// The service that was called.
    Origin,
    /// Its last good answer to the same call, which may be out of date.
    Stale,
    /// The default answer of the configuration.
    Default,
    /// The alternative service of the configuration.
    Alternative,
}

impl HttpSource {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Stale => "stale",
            Self::Default => "default",
            Self::Alternative => "alternative",
        }
    }
}

impl HttpReply {
    pub(super) fn of(answer: Incoming, source: HttpSource) -> Self {
        let Incoming { status, headers, body } = answer;
        let body = String::from_utf8(body)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Self { status, headers, body, source, age_ms: None }
    }

    /// Returns the default answer, for a call that no service answers.
    pub(super) fn default_of(body: &str) -> Self {
        Self {
            status: 200,
            headers: BTreeMap::new(),
            body: body.to_owned(),
            source: HttpSource::Default,
            age_ms: None,
        }
    }
}
