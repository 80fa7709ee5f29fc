//! Operations that go on, and the streams of their items.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Desk;
use super::provider::Sends;
use super::steps::{Admitted, Inside};
use crate::caller::Caller;
use crate::error::OpError;
use crate::operation::Ongoing;

/// Items that wait for a slow reader before their provider has to.
const SINK: usize = 256;
/// Longest time from the moment a provider drops its sink to its end.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// The items of an operation that goes on. An error is the last item. Dropping this aborts the
/// provider.
pub struct Watching<T>(BoxStream<'static, Result<T, OpError>>);

impl<T: Send + 'static> Watching<T> {
    /// Changes each item.
    #[must_use]
    pub fn map_items<U: 'static>(self, change: impl Fn(T) -> U + Send + 'static) -> Watching<U> {
        Watching(self.0.map(move |item| item.map(&change)).boxed())
    }
}

impl<T> Stream for Watching<T> {
    type Item = Result<T, OpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl<T> fmt::Debug for Watching<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watching")
    }
}

/// The task of a stream's provider, which does not outlive its reader.
struct Providing {
    task: JoinHandle<Result<(), OpError>>,
    _inside: Inside,
}

impl Drop for Providing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Providing {
    async fn end(&mut self) -> Result<(), OpError> {
        match timeout(ENDS_WITHIN, &mut self.task).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(OpError::internal("the handler of the stream panicked")),
            Err(_) => {
                Err(OpError::timed_out(format!("the stream did not end within {ENDS_WITHIN:?}"))
                    .next("`msctl tree` shows which actors are unresponsive"))
            }
        }
    }
}

impl Desk {
    /// Begins an operation that goes on and returns its items. Its provider has `within` to begin.
    ///
    /// # Errors
    /// Those of the steps, and `NOT_BUILT_IN`. An error of the provider comes as the last item.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn watch<O: Ongoing>(
        &self,
        caller: Caller,
        within: Duration,
        op: O,
    ) -> Result<Watching<O::Answer>, OpError> {
        let Admitted { asked, inside } = self.admit(caller, within, &op)?;
        let provider = self.provider::<O>()?;
        let Some(sends) = provider.get::<Sends<O>>() else {
            return Err(OpError::internal(format!("{} has no provider of its kind", O::NAME)));
        };
        // Not timed, unlike a call: how long a stream lasts tells of its reader and not of the
        // node.
        let (sink, items) = mpsc::channel(SINK);
        // A task of its own, because a stream is polled only when its connection can take an item.
        let task = tokio::spawn(sends.call(asked, op, sink));
        Ok(Watching(stream_of(items, Providing { task, _inside: inside })))
    }
}

fn stream_of<T: Send + 'static>(
    items: mpsc::Receiver<T>,
    providing: Providing,
) -> BoxStream<'static, Result<T, OpError>> {
    let next = |state: Option<(mpsc::Receiver<T>, Providing)>| async {
        let (mut items, mut providing) = state?;
        match items.recv().await {
            Some(item) => Some((Ok(item), Some((items, providing)))),
            // A closed sink is no outcome yet: a provider that failed or panicked has dropped it,
            // too.
            None => providing.end().await.err().map(|error| (Err(error), None)),
        }
    };
    stream::unfold(Some((items, providing)), next).boxed()
}
