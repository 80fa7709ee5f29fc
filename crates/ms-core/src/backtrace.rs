//! Backtraces that are put into words only when they are read.
//!
//! Finding names and lines for the addresses of one backtrace takes a hundred times as long
//! as noting the addresses, and most crashes are never asked about.

use std::backtrace::BacktraceStatus;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

/// The backtrace of a panic: its first frames, at most 8 KiB of text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Backtrace(Arc<Inner>);

struct Inner {
    captured: Option<std::backtrace::Backtrace>,
    text: OnceLock<String>,
}

/// Longest text kept, in bytes: records and events are kept by the thousand.
const MAX_TEXT: usize = 8 * 1024;

impl Backtrace {
    /// Captures the stack of the calling thread, if `RUST_BACKTRACE` asks for backtraces.
    #[must_use]
    pub fn capture() -> Option<Self> {
        let captured = std::backtrace::Backtrace::capture();
        let wanted = captured.status() == BacktraceStatus::Captured;
        wanted.then(|| Self(Arc::new(Inner { captured: Some(captured), text: OnceLock::new() })))
    }

    /// Returns this backtrace if nobody has read it yet. Finding the names takes tens of
    /// milliseconds, so code on an arbiter first calls [`Backtrace::as_str`] on another thread.
    #[must_use]
    pub fn unread(&self) -> Option<Self> {
        self.0.text.get().is_none().then(|| self.clone())
    }

    /// Returns the backtrace as text. The first call finds the names, and may read debug
    /// information from disk for it. On an arbiter see [`Backtrace::unread`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        let words = || self.0.captured.as_ref().map(|it| head_of(&it.to_string()));
        self.0.text.get_or_init(|| words().unwrap_or_default())
    }
}

/// Returns the first lines of a backtrace, which are those of the panic.
fn head_of(text: &str) -> String {
    let cut = |line: &str, used: &mut usize| {
        // By whole lines: a frame that is cut names something else.
        *used += line.len() + 1;
        (*used <= MAX_TEXT).then(|| format!("{line}\n"))
    };
    let lines = text.lines().scan(0, |used, line| cut(line, used));
    lines.collect()
}

impl From<String> for Backtrace {
    fn from(text: String) -> Self {
        Self(Arc::new(Inner { captured: None, text: OnceLock::from(text) }))
    }
}

impl From<Backtrace> for String {
    fn from(backtrace: Backtrace) -> Self {
        backtrace.as_str().to_owned()
    }
}

impl PartialEq for Backtrace {
    fn eq(&self, other: &Self) -> bool {
        // The pointer first: comparing the texts would find the names of every frame.
        Arc::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl Eq for Backtrace {}

/// Prints the text only once somebody has read it: finding names is too slow for a log line.
impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.text.get().map_or("a backtrace that nobody has read", String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_is_its_text_on_the_wire() {
        let backtrace = Backtrace::from("0: here\n1: there\n".to_owned());
        let json = serde_json::to_string(&backtrace).unwrap();
        assert_eq!(json, r#""0: here\n1: there\n""#);
        assert_eq!(serde_json::from_str::<Backtrace>(&json).unwrap(), backtrace);
    }

    #[test]
    fn what_is_captured_is_read_later_and_has_a_bound() {
        let captured = Some(std::backtrace::Backtrace::force_capture());
        let backtrace = Backtrace(Arc::new(Inner { captured, text: OnceLock::new() }));
        let debug = format!("{backtrace:?}");
        assert!(!debug.contains("what_is_captured"), "{debug}");
        assert!(backtrace.unread().is_some(), "a log line does not read it");
        assert!(backtrace.as_str().contains("what_is_captured_is_read_later"), "{backtrace:?}");
        assert!(head_of(&"a line of a frame\n".repeat(10_000)).len() <= MAX_TEXT);
        assert_eq!(backtrace.clone(), backtrace);
        assert!(backtrace.unread().is_none());
    }
}
