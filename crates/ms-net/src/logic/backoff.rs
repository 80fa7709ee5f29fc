//! How long to pause when a connection cannot be accepted.

use std::io::ErrorKind;
use std::time::Duration;

/// The pause after an accept that failed, and after each further one in a row.
///
/// Whoever holds the descriptors has to let some go first, so trying again at once would
/// spin, and giving up would end a listener that a moment later could accept again.
#[derive(Debug, Clone)]
pub struct AcceptBackoff {
    next: Duration,
}

impl AcceptBackoff {
    /// The first pause.
    pub const FIRST: Duration = Duration::from_millis(10);
    /// The longest pause.
    pub const LONGEST: Duration = Duration::from_secs(1);

    /// Starts without a failure.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// Records a failed accept and returns how long to pause.
    ///
    /// `None` for an error that concerns only the one connection: it is gone, and the next
    /// may be accepted at once.
    pub fn failed(&mut self, error: ErrorKind) -> Option<Duration> {
        use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        let of_one = [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted];
        if of_one.contains(&error) {
            return None;
        }
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(Self::LONGEST);
        Some(pause)
    }

    /// Records an accept that succeeded: the next pause is the first one again.
    pub const fn succeeded(&mut self) {
        self.next = Self::FIRST;
    }
}

impl Default for AcceptBackoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RELIABILITY 58
    #[test]
    fn the_pause_grows_to_a_second_and_starts_again_after_a_success() {
        let mut backoff = AcceptBackoff::new();
        // EMFILE
        let none_left = std::io::Error::from_raw_os_error(24).kind();
        let mut pause = || backoff.failed(none_left).expect("pauses").as_millis();
        let pauses: Vec<_> = (0..9).map(|_| pause()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(backoff.failed(ErrorKind::ConnectionAborted), None);
        backoff.succeeded();
        assert_eq!(backoff.failed(none_left), Some(AcceptBackoff::FIRST));
    }
}
