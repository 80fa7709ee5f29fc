//! How long to pause when connections cannot be accepted.

use std::io;
use std::time::Duration;

/// The pause after an accept that failed, and after each further one in a row: what holds
/// descriptors has to let go of some first. Never a busy loop, and never an end.
#[derive(Debug, Clone)]
pub struct AcceptBackoff {
    next: Duration,
}

impl AcceptBackoff {
    /// The first pause.
    pub const FIRST: Duration = Duration::from_millis(10);
    /// The longest.
    pub const LONGEST: Duration = Duration::from_secs(1);

    /// No failure yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// An accept failed: how long to pause. `None` for an error of that one connection,
    /// which is gone: go on at once.
    pub fn failed(&mut self, error: &io::Error) -> Option<Duration> {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        let of_one = [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted];
        if of_one.contains(&error.kind()) {
            return None;
        }
        let pause = self.next;
        self.next = (pause * 2).min(Self::LONGEST);
        Some(pause)
    }

    /// An accept succeeded.
    pub fn succeeded(&mut self) {
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
        let none_left = io::Error::from_raw_os_error(24);
        let mut pause = || backoff.failed(&none_left).expect("pauses").as_millis();
        let pauses: Vec<_> = (0..9).map(|_| pause()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(backoff.failed(&io::ErrorKind::ConnectionAborted.into()), None);
        backoff.succeeded();
        assert_eq!(backoff.failed(&none_left), Some(AcceptBackoff::FIRST));
    }
}
