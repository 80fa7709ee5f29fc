//! The trace that something belongs to: the header `traceparent` of W3C Trace Context.
//!
//! The specification is <https://www.w3.org/TR/trace-context/>; what this module takes and writes
//! is its version `00`, and of later versions the part that they must share with it. The header
//! `tracestate` is not carried: nothing here adds to it, and no request is sent on.
//!
//! Ids are random numbers, which the caller draws and passes in.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Length of a version `00`: 2 + 32 + 16 + 2 hex digits and three dashes.
const LENGTH: usize = 55;
/// The one version that is never valid.
const FORBIDDEN: u64 = 0xff;
/// Flags that are known: sampled, and random (Level 2).
const KNOWN_FLAGS: u8 = 0b11;
const SAMPLED: u8 = 0b01;

/// The id of a trace: everything that one cause led to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(NonZeroU128);

/// The id of one operation within a trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(NonZeroU64);

impl TraceId {
    /// Makes an id of a random number.
    #[must_use]
    pub const fn new(random: NonZeroU128) -> Self {
        Self(random)
    }
}

impl SpanId {
    /// Makes an id of a random number.
    #[must_use]
    pub const fn new(random: NonZeroU64) -> Self {
        Self(random)
    }
}

/// A place in a trace: the trace, the operation within it, and the flags.
///
/// ```
/// use ms_core::traceparent::TraceContext;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let caller: TraceContext = text.parse().expect("valid");
/// assert_eq!(caller.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert!(caller.is_sampled());
/// assert_eq!(caller.to_string(), text);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceContext {
    trace: TraceId,
    span: SpanId,
    flags: u8,
}

impl TraceContext {
    /// Begins a trace. It is not marked as sampled: a collector decides whether it is kept.
    #[must_use]
    pub const fn begin(trace: TraceId, span: SpanId) -> Self {
        Self { trace, span, flags: 0 }
    }

    /// Returns the context of another operation of the same trace, below this one.
    #[must_use]
    pub const fn child(self, span: SpanId) -> Self {
        Self { span, ..self }
    }

    /// Returns the trace.
    #[must_use]
    pub const fn trace_id(self) -> TraceId {
        self.trace
    }

    /// Returns the operation, which is the `parent-id` of those it calls.
    #[must_use]
    pub const fn span_id(self) -> SpanId {
        self.span
    }

    /// Returns whether the caller may have recorded it.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// The error for a text that is not a `traceparent`. A server that gets such a header begins a
/// trace of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceparentError {
    /// Not of the form.
    #[error("a traceparent has the form 00-TRACE-SPAN-FLAGS in lower-case hex, 55 characters")]
    Form,
    /// Version `ff`.
    #[error("ff is not a valid traceparent version")]
    Version,
    /// An id of zeros.
    #[error("an id in a traceparent must not be all zeros")]
    Zero,
}

impl FromStr for TraceContext {
    type Err = TraceparentError;

    fn from_str(text: &str) -> Result<Self, TraceparentError> {
        // As bytes: cutting a `str` within a character panics, and the text is a stranger's.
        let bytes = text.as_bytes();
        let version = hex(bytes, 0, 2)?;
        if version == u128::from(FORBIDDEN) {
            return Err(TraceparentError::Version);
        }
        // A later version may say more, behind another dash.
        let ends = match bytes.get(LENGTH) {
            None => bytes.len() == LENGTH,
            Some(next) => version > 0 && *next == b'-',
        };
        let dashes = [2, 35, 52].iter().all(|&at| bytes.get(at) == Some(&b'-'));
        if !ends || !dashes {
            return Err(TraceparentError::Form);
        }
        let (trace, span, flags) = (hex(bytes, 3, 35)?, hex(bytes, 36, 52)?, hex(bytes, 53, 55)?);
        let trace = NonZeroU128::new(trace).ok_or(TraceparentError::Zero)?;
        let span = u64::try_from(span).ok().and_then(NonZeroU64::new);
        let span = span.ok_or(TraceparentError::Zero)?;
        // Unknown flags must be zero in what is sent on.
        let flags = u8::try_from(flags).map_err(|_| TraceparentError::Form)? & KNOWN_FLAGS;
        Ok(Self { trace: TraceId(trace), span: SpanId(span), flags })
    }
}

/// Reads hex digits, which must be lower-case.
fn hex(bytes: &[u8], from: usize, to: usize) -> Result<u128, TraceparentError> {
    let digits = bytes.get(from..to).ok_or(TraceparentError::Form)?;
    // Not `from_str_radix`: it takes a sign and upper-case digits, which are forbidden here.
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return Err(TraceparentError::Form),
        };
        Ok(number << 4 | u128::from(value))
    })
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Always `00`: of a later version only what both share was kept.
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

// As `Display`: a log line has the ids as people search for them, however it records them.
impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for TraceContext {
    type Error = TraceparentError;

    fn try_from(text: String) -> Result<Self, TraceparentError> {
        text.parse()
    }
}

impl From<TraceContext> for String {
    fn from(context: TraceContext) -> Self {
        context.to_string()
    }
}
