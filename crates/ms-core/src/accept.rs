//! Accepting connections until told to stop, with pauses when they cannot be accepted.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
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
        self.next = pause.saturating_mul(2).min(Self::LONGEST);
        Some(pause)
    }

    /// An accept succeeded.
    pub fn succeeded(&mut self) {
        self.next = Self::FIRST;
    }

    /// The next connection that `accept` gives; `None` once `stop` is done, which is looked at
    /// first, also during pauses. A failure with a pause is told to `sleep`, which pauses.
    ///
    /// # Cancel safety
    /// As that of `accept`'s future; a pause that is cut short is not made up for.
    pub async fn next<T, A, S>(
        &mut self,
        stop: impl Future<Output = ()>,
        mut accept: impl FnMut() -> A,
        mut sleep: impl FnMut(io::Error, Duration) -> S,
    ) -> Option<T>
    where
        A: Future<Output = io::Result<T>>,
        S: Future<Output = ()>,
    {
        let mut stop = pin!(stop);
        let mut accepted = pin!(async {
            loop {
                match accept().await {
                    Ok(connection) => {
                        self.succeeded();
                        break connection;
                    }
                    Err(error) => {
                        let Some(pause) = self.failed(&error) else { continue };
                        sleep(error, pause).await;
                    }
                }
            }
        });
        poll_fn(|cx| match stop.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => accepted.as_mut().poll(cx).map(Some),
        })
        .await
    }
}

impl Default for AcceptBackoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{Ready, pending, ready};
    use std::task::{Context, Waker};

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

    /// Polls once: with these futures that is all there is to do.
    fn at_once<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn failures_are_paused_for_and_a_stop_is_heard_before_and_during_pauses() {
        let emfile = || io::Error::from_raw_os_error(24);
        let mut backoff = AcceptBackoff::new();
        let mut script = vec![Ok(7), Err(io::ErrorKind::ConnectionReset.into()), Err(emfile())];
        let mut pauses = Vec::new();
        let got = at_once(backoff.next(
            pending(),
            || ready(script.pop().expect("not asked after a success")),
            |_, pause| {
                pauses.push(pause);
                ready(())
            },
        ));
        assert_eq!((got, pauses), (Poll::Ready(Some(7)), vec![AcceptBackoff::FIRST]));
        let never = || -> Ready<io::Result<u8>> { panic!("stopped before it was asked") };
        assert_eq!(at_once(backoff.next(ready(()), never, |_, _| ready(()))), Poll::Ready(None));
        // The success has ended the row of failures; this pause lasts, and the stop comes.
        let (stop, paused) = (Cell::new(false), Cell::new(None));
        let mut next = pin!(backoff.next::<u8, _, _>(
            poll_fn(|_| if stop.get() { Poll::Ready(()) } else { Poll::Pending }),
            || ready(Err(emfile())),
            |_, pause| {
                paused.set(Some(pause));
                pending()
            },
        ));
        assert_eq!(at_once(next.as_mut()), Poll::Pending);
        assert_eq!(paused.get(), Some(AcceptBackoff::FIRST));
        stop.set(true);
        assert_eq!(at_once(next), Poll::Ready(None));
    }
}
