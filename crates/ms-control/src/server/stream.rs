//! Streams on a connection: items until the provider ends or the client leaves.

use std::time::Duration;

use futures_util::StreamExt;
use ms_ops::{OpError, Prepared, Written, codes};
use tokio::time::sleep;

use super::conn::{Conn, Over, for_handler, out_of_time};
use crate::error::ControlError;
use crate::frame;
use crate::proto::{Body, KEEPALIVE};

/// The next event of a stream.
enum Turn {
    Item(Written),
    Failed(OpError),
    Drained,
    Idle,
    Late,
    Stopped,
    Left,
}

impl Conn {
    /// Serves one stream to its end frame.
    pub(super) async fn serve_stream(
        &mut self,
        id: u64,
        request: Box<dyn Prepared>,
        within: Duration,
    ) -> Result<(), Over> {
        let whole = within.saturating_add(request.takes());
        let mut items = match request.watch(&self.service.desk, self.caller(), for_handler(within))
        {
            Ok(items) => items,
            Err(error) => return self.respond_err(id, error.into()).await,
        };
        let mut sent = 0;
        let deadline = sleep(whole);
        tokio::pin!(deadline);
        loop {
            let turn = tokio::select! {
                _ = &mut deadline => Turn::Late,
                () = self.stop.drain.cancelled() => Turn::Stopped,
                // A client says nothing during a stream: a byte ends it as its leaving does.
                _ = frame::read_first(&mut self.stream) => Turn::Left,
                item = items.next() => match item {
                    Some(Ok(item)) => Turn::Item(item),
                    Some(Err(error)) => Turn::Failed(error),
                    None => Turn::Drained,
                },
                // Anew after each item: only a silent stream needs signs of life.
                () = sleep(KEEPALIVE) => Turn::Idle,
            };
            return match turn {
                Turn::Item(item) => {
                    sent += 1;
                    self.respond(id, "item", item).await?;
                    continue;
                }
                Turn::Idle => {
                    self.say(id, Body::Alive).await?;
                    continue;
                }
                Turn::Left => Err(Over),
                Turn::Late => self.respond_err(id, out_of_time(whole)).await,
                Turn::Stopped => self.respond_err(id, stopping()).await,
                Turn::Failed(error) => self.respond_err(id, error.into()).await,
                Turn::Drained => self.say(id, Body::End { sent }).await,
            };
        }
    }
}

fn stopping() -> ControlError {
    ControlError::new(&codes::UNREACHABLE, "the node is stopping, and the stream ends here")
}
