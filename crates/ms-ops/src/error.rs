//! The error of an operation that was not carried out.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use ms_core::{ActorPath, Incarnation};
use ms_json::JsonError;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codes::{self, Code, Kind};
use crate::request_id::RequestId;

/// Most characters of one text of an error. What a caller sent is quoted in it, and may be long.
const MAX_TEXT: usize = 2_000;

/// Returns a text without what is beyond the bound of an error's texts. What is cut ends with `…`.
#[must_use]
pub fn brief(text: impl Into<String>) -> String {
    let mut text = text.into();
    // Nearly all are shorter, in bytes already.
    if text.len() > MAX_TEXT
        && let Some((end, _)) = text.char_indices().nth(MAX_TEXT)
    {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The error behind another, shared so that both can be cloned.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// The reason why an operation was not carried out: a code, and sentences for a person.
///
/// `what` happened, `why`, and what to do `next` are for an operator, who may see the paths and
/// causes of this machine. `detail` is for everybody else; without it they read `what`.
///
/// It derefs to [`Parts`], which lie in a box: most calls succeed, and their results should not
/// carry the room of eight fields that are not there.
#[derive(Debug, Clone)]
pub struct OpError(Box<Parts>);

/// The contents of an [`OpError`].
#[derive(Debug, Clone)]
pub struct Parts {
    /// The row of the table of codes.
    pub code: &'static Code,
    /// What happened.
    pub what: String,
    /// Why it happened, where that is known.
    pub why: String,
    /// What an operator can do about it.
    pub next: String,
    /// What happened, worded for a caller who is not the operator.
    pub detail: Option<String>,
    /// The mistakes in the request.
    pub places: Vec<Place>,
    /// The delay after which the same may be asked again.
    pub retry_after: Option<Duration>,
    /// Whether it is sure that nothing was done, so that the same request may be tried again. Like
    /// the source, it stays inside the process: a client goes by the code.
    pub not_done: bool,
    /// The error behind it, which stays inside the process.
    pub source: Option<Cause>,
}

impl Deref for OpError {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl DerefMut for OpError {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

/// One mistake in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its place, as a path from the top: `payload.url`, `[3].queue`.
    pub at: String,
    /// What is wrong there.
    pub detail: String,
}

impl OpError {
    /// Creates an error with a code of the table; `what` says what happened this time.
    #[must_use]
    pub fn new(code: &'static Code, what: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            what: brief(what),
            why: String::new(),
            next: String::new(),
            detail: None,
            places: Vec::new(),
            retry_after: None,
            not_done: false,
            source: None,
        }))
    }

    /// Returns its contents.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        *self.0
    }

    /// Returns the kind of failure.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.code.kind()
    }

    /// Adds a cause in words.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = brief(why);
        self
    }

    /// Adds advice for an operator.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = brief(next);
        self
    }

    /// Sets the wording for callers who are not the operator.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(brief(detail));
        self
    }

    /// Adds a mistake at a place of the request.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>, detail: impl Into<String>) -> Self {
        self.places.push(Place { at: brief(at), detail: brief(detail) });
        self
    }

    /// Sets the delay after which the same may be asked again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Notes that nothing was done: a repeat of the request is not a second action.
    #[must_use]
    pub fn not_done(mut self) -> Self {
        self.not_done = true;
        self
    }

    /// Returns whether it is sure that nothing was done.
    #[must_use]
    pub fn was_not_done(&self) -> bool {
        // 503 says that the request did not get to where it would have been carried out.
        self.not_done || self.code.sort.status == 503
    }

    /// Adds the error behind it.
    #[must_use]
    pub fn source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Returns what happened, worded for a caller who is not the operator.
    #[must_use]
    pub fn public(&self) -> &str {
        self.detail.as_deref().unwrap_or(&self.what)
    }

    /// Reports that no actor lives at `path`.
    #[must_use]
    pub fn not_found(path: &ActorPath) -> Self {
        Self::new(&codes::NOT_FOUND, format!("no actor at {path}"))
            .next("`msctl tree` shows the paths of this node")
    }

    /// Reports that another incarnation of an actor lives than the one that was meant.
    #[must_use]
    pub fn another_incarnation(path: &ActorPath, meant: Incarnation, lives: Incarnation) -> Self {
        let what = format!("{path} is {lives} now, and {meant} was meant");
        Self::new(&codes::CONFLICT, what).next("`msctl inspect` shows it as it is; ask again")
    }

    /// Reports that a request has the id of another one.
    #[must_use]
    pub fn id_of_another(id: &RequestId) -> Self {
        let what = format!(
            "the request id {id} was used before, with other fields or for another operation"
        );
        Self::new(&codes::CONFLICT, what).next("give each request an id of its own, such as a UUID")
    }

    /// Reports that the node does not permit what was asked.
    #[must_use]
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(&codes::REFUSED, what)
    }

    /// Reports that the node was not done in time.
    #[must_use]
    pub fn timed_out(what: impl Into<String>) -> Self {
        Self::new(&codes::TIMED_OUT, what)
    }

    /// Reports that the node was not done within the time it was given.
    #[must_use]
    pub fn late(within: Duration) -> Self {
        Self::timed_out(format!("the node was not done within {within:?}"))
            .why(
                "an actor that was asked is busy, hangs, or waits for one that does or is down; a \
                 supervisor on the way is suspended; or the node's own thread is blocked",
            )
            .next("`msctl tree` shows which actors are unresponsive; --timeout grants more")
    }

    /// Reports that the request makes no sense.
    #[must_use]
    pub fn bad_request(what: impl Into<String>) -> Self {
        Self::new(&codes::BAD_REQUEST, what)
    }

    /// Reports a fault inside the node.
    #[must_use]
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(&codes::INTERNAL, what).next("look into the node's log; this is a bug")
    }
}

/// Reports a request that is no JSON, or does not have the shape of its operation.
impl From<JsonError> for OpError {
    fn from(error: JsonError) -> Self {
        let code = if error.is_unfit() { &codes::UNFIT } else { &codes::BAD_REQUEST };
        // Under both names: an operator reads the cause, and other callers read the detail.
        let text = error.to_string();
        let made = Self::new(code, "the request is malformed").why(text.clone()).detail(text);
        match error.at() {
            // The text as a whole: there is no place to name.
            "" => made,
            at => made.at(at, error.what()),
        }
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code.number(), self.what)
    }
}

impl Error for OpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl PartialEq for OpError {
    /// Compares what a caller reads; the errors behind are not compared.
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
            && (&self.what, &self.why, &self.next) == (&other.what, &other.why, &other.next)
            && self.detail == other.detail
            && self.places == other.places
            && self.retry_after == other.retry_after
    }
}

/// An error as part of an answer, such as that of a batch. It borrows what it writes and owns
/// what it reads.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    code: Cow<'a, str>,
    problem: Cow<'a, str>,
    what: Cow<'a, str>,
    #[serde(default)]
    why: Cow<'a, str>,
    #[serde(default)]
    next: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    places: Cow<'a, [Place]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl Serialize for OpError {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Parts { code, what, why, next, detail, places, retry_after, not_done: _, source: _ } =
            &*self.0;
        let delay = retry_after.map(|delay| u64::try_from(delay.as_millis()));
        Written {
            code: code.number().into(),
            problem: code.sort.name.into(),
            what: what.into(),
            why: why.into(),
            next: next.into(),
            detail: detail.as_ref().map(Cow::from),
            places: places.into(),
            retry_after_ms: delay.map(|delay| delay.unwrap_or(u64::MAX)),
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for OpError {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Written { code, problem, what, why, next, detail, places, retry_after_ms } =
            Written::deserialize(from)?;
        // By both names: one number stands for several rows, such as a full queue and a key that
        // belongs to another request.
        let code = codes::row(&code, &problem)
            .ok_or_else(|| D::Error::custom(format!("there is no code {code} {problem}")))?;
        Ok(Self(Box::new(Parts {
            code,
            what: what.into_owned(),
            why: why.into_owned(),
            next: next.into_owned(),
            detail: detail.map(Cow::into_owned),
            places: places.into_owned(),
            retry_after: retry_after_ms.map(Duration::from_millis),
            not_done: false,
            source: None,
        })))
    }
}
