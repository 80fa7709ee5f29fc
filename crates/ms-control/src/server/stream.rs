//! A stream on a connection: items until the handler ends or the client leaves.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::conn::{Conn, Over, out_of_time};
use crate::codes;
use crate::error::ControlError;
use crate::frame;
use crate::proto::{Body, KEEPALIVE, Request, StreamItem};

/// Items that may wait for a slow client before its handler does.
const SINK: usize = 256;
/// A handler that has dropped its sink must end within this.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

type Task = JoinSet<Result<(), ControlError>>;

/// What happens next on a stream.
enum Turn {
    Item(StreamItem),
    Drained,
    Idle,
    Late,
    Stopped,
    Left,
}

impl Conn {
    /// Serves one stream to its end frame.
    pub(super) async fn serve_stream(&mut self, id: u64, request: Request) -> Result<(), Over> {
        let (sink, mut items) = mpsc::channel(SINK);
        let (peer, handler) = (self.peer, Arc::clone(&self.shared.handler));
        let mut task = Task::new();
        task.spawn(async move { handler.stream(peer, request, sink).await });
        let mut sent = 0;
        let deadline = sleep(peer.within);
        tokio::pin!(deadline);
        loop {
            let turn = tokio::select! {
                _ = &mut deadline => Turn::Late,
                () = self.stop.drain.cancelled() => Turn::Stopped,
                // Nothing may be said during a stream: a byte or its end both end it.
                _ = frame::read_first(&mut self.stream) => Turn::Left,
                item = items.recv() => item.map_or(Turn::Drained, Turn::Item),
                () = sleep(KEEPALIVE) => Turn::Idle,
            };
            let end = match turn {
                Turn::Item(item) => {
                    sent += 1;
                    self.respond(id, Body::Item(item)).await?;
                    continue;
                }
                Turn::Idle => {
                    self.respond(id, Body::Alive).await?;
                    continue;
                }
                Turn::Left => return Err(Over),
                Turn::Late => Err(out_of_time(peer.within)),
                Turn::Stopped => Err(stopping()),
                Turn::Drained => outcome(&mut task).await,
            };
            return self.respond(id, end.map_or_else(Body::Err, |()| Body::End { sent })).await;
        }
    }
}

fn stopping() -> ControlError {
    ControlError::new(&codes::UNREACHABLE, "the node is stopping, and the stream ends here")
}

async fn outcome(task: &mut Task) -> Result<(), ControlError> {
    match timeout(ENDS_WITHIN, task.join_next()).await {
        Ok(Some(Ok(outcome))) => outcome,
        Ok(_) => Err(ControlError::internal("the handler of the stream panicked")),
        Err(_) => Err(out_of_time(ENDS_WITHIN)),
    }
}
