//! The line on which calls are reported.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::service::logic::interactions::CallOutcome;

/// Calls that may wait to be counted: at ten looks a second, 40,000 calls a second.
const ROOM: usize = 4_096;

/// Where calls between components are reported. Cheap to clone; made before the service
/// (`Builder::calls`), good over restarts of the actor that counts.
#[derive(Clone, Default)]
pub struct Calls(Arc<Line>);

#[derive(Default)]
struct Line {
    /// The way to the living actor, which takes a new one at each start.
    way: ArcSwapOption<mpsc::Sender<Call>>,
    lost: AtomicU64,
    /// Rings when there is something to count: nobody looks where nobody calls.
    news: Notify,
}

impl Calls {
    /// A line that nobody listens to yet: until a service does, reports are lost and counted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports calls of the component `from` to the component `to`.
    #[must_use]
    pub fn between(&self, from: impl Into<String>, to: impl Into<String>) -> CallReporter {
        let pair = Arc::new(Pair { from: from.into(), to: to.into() });
        CallReporter { line: self.clone(), pair }
    }

    /// Calls that found no room, or nobody.
    pub(super) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Something else that found no room.
    pub(crate) fn lose(&self) {
        self.0.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// For the actor that counts: from now on reports come here.
    pub(super) fn listen(&self) -> mpsc::Receiver<Call> {
        let (way, calls) = mpsc::channel(ROOM);
        self.0.way.store(Some(Arc::new(way)));
        calls
    }

    /// Ends when a call was reported since this was last awaited.
    pub(super) fn news(&self) -> impl Future<Output = ()> + 'static {
        let calls = self.clone();
        async move { calls.0.news.notified().await }
    }

    fn put(&self, call: Call) {
        let taken = self.0.way.load().as_ref().is_some_and(|way| way.try_send(call).is_ok());
        match taken {
            true => self.0.news.notify_one(),
            false => self.lose(),
        }
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("lost", &self.lost()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Pair {
    from: String,
    to: String,
}

/// One call of a component to another, when it is over.
#[derive(Debug, Clone)]
pub struct Call {
    pair: Arc<Pair>,
    /// How long it took.
    pub took: Duration,
    /// What became of it.
    pub outcome: CallOutcome,
}

impl Call {
    /// Who called.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.pair.from
    }

    /// Who was called.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.pair.to
    }

    /// A health check, which is a call like any other.
    pub(super) fn check(component: &str, took: Duration, outcome: CallOutcome) -> Self {
        let pair = Pair { from: "health".to_owned(), to: component.to_owned() };
        Self { pair: Arc::new(pair), took, outcome }
    }
}

/// Reports the calls of one component to another. Cheap to clone; usable from any thread,
/// never waits.
///
/// ```
/// use ms_runtime::Calls;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let calls = Calls::new();
/// let to_store = calls.between("api", "store");
/// let answer = to_store.time(async { Ok::<_, std::io::Error>(7) }).await;
/// assert_eq!(answer.unwrap(), 7);
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct CallReporter {
    line: Calls,
    pair: Arc<Pair>,
}

impl CallReporter {
    /// Reports a call that is over.
    pub fn report(&self, took: Duration, outcome: CallOutcome) {
        self.line.put(Call { pair: Arc::clone(&self.pair), took, outcome });
    }

    /// Begins a call; its end is reported, and also that it was given up.
    fn begin(&self) -> CallTimer {
        CallTimer { reporter: self.clone(), began: Instant::now(), over: false }
    }

    /// Waits for a call and reports it; an error is a failure.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn time<T, E>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let timer = self.begin();
        let answer = call.await;
        timer.end(if answer.is_ok() { CallOutcome::Done } else { CallOutcome::Failed });
        answer
    }
}

/// A call under way.
#[derive(Debug)]
#[must_use = "dropped, the call counts as given up"]
struct CallTimer {
    reporter: CallReporter,
    began: Instant,
    over: bool,
}

impl CallTimer {
    /// The call is over.
    fn end(mut self, outcome: CallOutcome) {
        self.over = true;
        self.reporter.report(self.began.elapsed(), outcome);
    }
}

impl Drop for CallTimer {
    fn drop(&mut self) {
        if !self.over {
            self.reporter.report(self.began.elapsed(), CallOutcome::GivenUp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S10.2-02: what finds no room is lost and counted; nobody waits.
    #[test]
    fn reports_beyond_the_room_are_counted_as_lost() {
        let calls = Calls::new();
        let reporter = calls.between("a", "b");
        reporter.report(Duration::ZERO, CallOutcome::Done);
        assert_eq!(calls.lost(), 1, "nobody listens yet");
        let mut heard = calls.listen();
        (0..ROOM + 3).for_each(|_| reporter.report(Duration::ZERO, CallOutcome::Done));
        assert_eq!(calls.lost(), 4);
        assert_eq!(std::iter::from_fn(|| heard.try_recv().ok()).count(), ROOM);
        drop(heard);
        reporter.report(Duration::ZERO, CallOutcome::Done);
        assert_eq!(calls.lost(), 5, "who listened is gone");
    }

    #[test]
    fn a_call_that_is_given_up_is_no_failure() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let calls = Calls::new();
            let mut heard = calls.listen();
            let reporter = calls.between("a", "b");
            let never = reporter.time(std::future::pending::<Result<(), ()>>());
            let given_up = tokio::time::timeout(Duration::ZERO, never).await;
            assert!(given_up.is_err());
            assert_eq!(reporter.time(async { Ok::<_, ()>(1) }).await, Ok(1));
            assert_eq!(reporter.time(async { Err::<(), _>(2) }).await, Err(2));
            let outcomes: Vec<_> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
            use CallOutcome::{Done, Failed, GivenUp};
            let became: Vec<_> = outcomes.iter().map(|call| call.outcome).collect();
            assert_eq!(became, [GivenUp, Done, Failed]);
            assert_eq!((outcomes[0].from(), outcomes[0].to()), ("a", "b"));
        });
    }
}
