//! One connection: hello, then one call at a time.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{ControlHandler, Limits, Peer};
use crate::error::ControlError;
use crate::frame::{self, FrameError};
use crate::proto::{Body, Call, Hello, HelloReply, PROTO_VERSION, Reply, Request, Response};
use ms_core::view::SCHEMA_VERSION;
use ms_json::{self, JsonError};
use ms_net::Stop;

/// Nesting of a request: that of a task's payload, and what is around it.
const DEPTH: usize = ms_json::MAX_DEPTH + 8;

/// The connection is over: nothing more can be said on it.
#[derive(Debug)]
pub(super) struct Over;

impl From<FrameError> for Over {
    fn from(error: FrameError) -> Self {
        tracing::debug!(%error, "control connection ended");
        Self
    }
}

/// What every connection shares.
pub(super) struct Shared {
    pub(super) handler: Arc<dyn ControlHandler>,
    pub(super) limits: Limits,
}

pub(super) struct Conn {
    pub(super) stream: UnixStream,
    pub(super) peer: Peer,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: Stop,
}

/// Serves one connection to its end.
pub(super) async fn serve(stream: UnixStream, peer: Peer, shared: Arc<Shared>, stop: Stop) {
    let mut conn = Conn { stream, peer, shared, stop };
    let Over = conn.run().await;
}

/// Tells a connection that is not served why; never waits.
pub(super) fn refuse(stream: &UnixStream, error: ControlError) {
    let reply = hello_reply(Some(error));
    match frame::encode(&reply, 4096).map(|frame| stream.try_write(&frame)) {
        Ok(Ok(_)) => {}
        failed => tracing::debug!(?failed, "refusal not delivered"),
    }
}

const fn hello_reply(error: Option<ControlError>) -> HelloReply {
    HelloReply { proto: PROTO_VERSION, schema: Some(SCHEMA_VERSION), error }
}

impl Conn {
    /// Calls, one after the other; the return is the end of the connection.
    async fn run(&mut self) -> Over {
        if let Err(over) = self.hello().await {
            return over;
        }
        loop {
            if let Err(over) = self.one_call().await {
                return over;
            }
        }
    }

    async fn hello(&mut self) -> Result<(), Over> {
        let within = self.shared.limits.frame_deadline;
        let error = match self.next_frame(within).await? {
            Ok(frame) => hello_problem(&frame),
            Err(error) => Some(error),
        };
        let refused = error.is_some();
        self.send(&hello_reply(error)).await?;
        if refused { Err(Over) } else { Ok(()) }
    }

    async fn one_call(&mut self) -> Result<(), Over> {
        let within = self.shared.limits.idle_deadline;
        let call = match self.next_frame(within).await? {
            Ok(frame) => {
                ms_json::from_slice::<Call>(&frame, DEPTH).map_err(|error| malformed(&error))
            }
            Err(error) => Err(error),
        };
        match call {
            // The framing, or the reader's idea of it, cannot be trusted any more.
            Err(error) => {
                self.respond(0, Body::Err(error)).await?;
                Err(Over)
            }
            Ok(call) => self.answer(call).await,
        }
    }

    async fn answer(&mut self, call: Call) -> Result<(), Over> {
        if let Err(error) = call.request.check() {
            return self.respond(call.id, Body::Err(error)).await;
        }
        self.peer.within = self.time_for(&call);
        if call.request.is_stream() {
            return self.serve_stream(call.id, call.request).await;
        }
        let steering = call.request.is_steering().then(|| call.request.told());
        let outcome = self.handle(call.request).await;
        if let Some(request) = steering {
            let Peer { uid, pid, .. } = self.peer;
            let outcome = outcome.as_ref().map_or_else(ToString::to_string, |_| "ok".into());
            tracing::info!(target: "ms_control::audit", uid, pid, request, outcome, "steered");
        }
        let body = outcome.map_or_else(Body::Err, Body::Ok);
        self.respond(call.id, body).await
    }

    /// What the client asked for, within what the server grants.
    fn time_for(&self, call: &Call) -> Duration {
        let limits = &self.shared.limits;
        let asked = call.deadline_ms.map(|ms| Duration::from_millis(ms.into()));
        let granted =
            asked.map_or(limits.request_deadline, |asked| asked.min(limits.longest_deadline));
        match call.request.takes() {
            Some(takes) => takes.saturating_add(granted),
            None => Duration::MAX,
        }
    }

    /// Runs the handler in a task of its own: a panic there is an answer, too.
    async fn handle(&self, request: Request) -> Result<Reply, ControlError> {
        let (peer, handler) = (self.peer, Arc::clone(&self.shared.handler));
        let mut task = JoinSet::new();
        task.spawn(async move { handler.call(peer, request).await });
        match timeout(peer.within, task.join_next()).await {
            Ok(Some(Ok(outcome))) => outcome,
            Ok(_) => Err(ControlError::internal("the handler of the request panicked")),
            Err(_) => Err(out_of_time(peer.within)),
        }
    }

    /// Waits `idle` for a frame to begin and the frame deadline for it to end.
    /// The inner error can be told to the client.
    async fn next_frame(&mut self, idle: Duration) -> Result<Result<Vec<u8>, ControlError>, Over> {
        let limits = self.shared.limits.clone();
        let first = tokio::select! {
            () = self.stop.drain.cancelled() => return Err(Over),
            first = timeout(idle, frame::read_first(&mut self.stream)) => match first {
                Ok(first) => first?,
                Err(_) => return Ok(Err(ControlError::timed_out("no request came"))),
            },
        };
        let rest = frame::read_rest(&mut self.stream, first, limits.max_request);
        match timeout(limits.frame_deadline, rest).await {
            Ok(Ok(frame)) => Ok(Ok(frame)),
            Ok(Err(error @ FrameError::Io(_))) => Err(error.into()),
            Ok(Err(error)) => Ok(Err(error.into())),
            Err(_) => Ok(Err(ControlError::timed_out("the frame was not complete in time")
                .why(format!("a frame may take {:?}", limits.frame_deadline)))),
        }
    }

    pub(super) async fn respond(&mut self, id: u64, body: Body) -> Result<(), Over> {
        let response = Response { id, body };
        match frame::encode(&response, self.shared.limits.max_response) {
            Ok(frame) => self.write(&frame).await,
            Err(error) => {
                let error =
                    ControlError::from(error).next("ask for less: a subtree, --depth, --top");
                self.send(&Response { id, body: Body::Err(error) }).await
            }
        }
    }

    async fn send<T: Serialize>(&mut self, value: &T) -> Result<(), Over> {
        let frame = frame::encode(value, self.shared.limits.max_response)?;
        self.write(&frame).await
    }

    async fn write(&mut self, frame: &[u8]) -> Result<(), Over> {
        let within = self.shared.limits.write_deadline;
        match timeout(within, frame::write(&mut self.stream, frame)).await {
            Ok(done) => Ok(done?),
            Err(_) => {
                tracing::warn!(?within, "control client reads too slowly; connection closed");
                Err(Over)
            }
        }
    }
}

pub(super) fn out_of_time(within: Duration) -> ControlError {
    ControlError::timed_out(format!("the node was not done within {within:?}"))
        .next("`msctl tree` shows who is unresponsive")
}

fn malformed(error: &JsonError) -> ControlError {
    ControlError::bad_request("the request is malformed").why(error.to_string())
}

fn unreadable(error: serde_json::Error) -> ControlError {
    ControlError::bad_request("the request is malformed").why(error.to_string())
}

fn hello_problem(frame: &[u8]) -> Option<ControlError> {
    let hello: Hello = match serde_json::from_slice(frame) {
        Ok(hello) => hello,
        Err(error) => return Some(unreadable(error)),
    };
    tracing::debug!(client = hello.client, "control client");
    if hello.proto != PROTO_VERSION {
        return Some(ControlError::version_mismatch("protocol", hello.proto, PROTO_VERSION));
    }
    let schema = hello.schema.filter(|&schema| schema != SCHEMA_VERSION)?;
    Some(ControlError::version_mismatch("schema", schema, SCHEMA_VERSION))
}
