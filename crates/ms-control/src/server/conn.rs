//! One connection: hello, then one call at a time.

use std::sync::Arc;
use std::time::Duration;

use ms_ops::{Caller, OpError, OpKind, Prepared, Written};
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{ControlService, Peer};
use crate::error::ControlError;
use crate::frame::{self, FrameError};
use crate::proto::{AnyRequest, Body, Call, Hello, HelloReply, Named, PROTO_VERSION, Response};
use ms_core::ErrorChain;
use ms_core::time::part;
use ms_core::view::SCHEMA_VERSION;
use ms_json::JsonError;
use ms_net::Stop;

/// Deepest nesting of a request: a task's payload, and the levels around it.
const DEPTH: usize = ms_json::MAX_DEPTH + 8;
/// The part of a request's time that is kept for the answer that it was too short.
const MARGIN: Duration = Duration::from_millis(100);

/// Says that the connection is over: nothing more can be sent on it.
#[derive(Debug)]
pub(super) struct Over;

impl From<FrameError> for Over {
    fn from(error: FrameError) -> Self {
        tracing::debug!(%error, "control connection ended");
        Self
    }
}

pub(super) struct Conn {
    pub(super) stream: UnixStream,
    pub(super) peer: Peer,
    pub(super) service: Arc<ControlService>,
    pub(super) stop: Stop,
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: UnixStream,
    peer: Peer,
    service: Arc<ControlService>,
    stop: Stop,
) {
    let mut conn = Conn { stream, peer, service, stop };
    let Over = conn.run().await;
}

/// Sends the reason to a connection that is not served. Never waits, for this is not its own task.
pub(super) fn refuse(stream: &UnixStream, error: ControlError) {
    let reply = hello_reply(Some(error));
    let frame = frame::encode(&reply, 4096);
    let sent = frame.and_then(|frame| Ok(stream.try_write(&frame)?));
    if let Err(error) = sent {
        let error = ErrorChain::from_error(&error);
        tracing::debug!(%error, "refusal not delivered");
    }
}

const fn hello_reply(error: Option<ControlError>) -> HelloReply {
    HelloReply { proto: PROTO_VERSION, schema: Some(SCHEMA_VERSION), error }
}

impl Conn {
    /// Answers calls one after the other, until the connection is over.
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
        let within = self.service.limits.frame_deadline;
        let error = match self.next_frame(within).await? {
            Ok(frame) => hello_problem(&frame),
            Err(error) => Some(error),
        };
        let refused = error.is_some();
        self.send(&hello_reply(error)).await?;
        if refused { Err(Over) } else { Ok(()) }
    }

    async fn one_call(&mut self) -> Result<(), Over> {
        let within = self.service.limits.idle_deadline;
        let call = match self.next_frame(within).await? {
            Ok(frame) => self.read_call(&frame).map_err(|error| (number_of(&frame), error)),
            Err(error) => Err((None, error)),
        };
        match call {
            Ok(call) => self.answer(call).await,
            // A whole frame whose number can be read: the client knows which of its calls was wrong,
            // and the next one may be right.
            Err((Some(id), error)) => self.respond_err(id, error).await,
            // Where the next frame begins is not certain, or what the client speaks.
            Err((None, error)) => {
                self.respond_err(0, error).await?;
                Err(Over)
            }
        }
    }

    fn read_call(&self, frame: &[u8]) -> Result<Call<Box<dyn Prepared>>, ControlError> {
        let call: Call<AnyRequest> =
            ms_json::from_slice(frame, DEPTH).map_err(|error| malformed(&error))?;
        let Call { id, deadline_ms, request: Named { name, fields } } = call;
        if deadline_ms == Some(0) {
            return Err(ControlError::bad_request("deadline_ms is 0, and must be at least 1")
                .next("leave it out for the node's own"));
        }
        let request = self.service.desk.table().read(&name, fields.into())?;
        Ok(Call { id, deadline_ms, request })
    }

    async fn answer(&mut self, call: Call<Box<dyn Prepared>>) -> Result<(), Over> {
        let within = self.time_for(call.deadline_ms);
        let Call { id, request, .. } = call;
        if request.kind() == OpKind::Watch {
            return self.serve_stream(id, request, within).await;
        }
        let desk = self.service.desk.clone();
        match request.call(desk, self.caller(), for_handler(within)).await {
            Ok(answer) => self.respond(id, "ok", answer).await,
            Err(error) => self.respond_err(id, error.into()).await,
        }
    }

    pub(super) fn caller(&self) -> Caller {
        Caller::local(self.peer.uid, self.peer.pid)
    }

    /// Returns the time that the client asks for, within the limits of the server.
    fn time_for(&self, deadline_ms: Option<u32>) -> Duration {
        let limits = &self.service.limits;
        let asked = deadline_ms.map(|ms| Duration::from_millis(ms.into()));
        asked.map_or(limits.request_deadline, |asked| asked.min(limits.longest_deadline))
    }

    /// Waits `idle` for a frame to begin and the frame deadline for it to end. The inner error can be
    /// sent to the client.
    async fn next_frame(&mut self, idle: Duration) -> Result<Result<Vec<u8>, ControlError>, Over> {
        let limits = self.service.limits.clone();
        let first = tokio::select! {
            () = self.stop.drain.cancelled() => return Err(Over),
            first = timeout(idle, frame::read_first(&mut self.stream)) => match first {
                Ok(first) => first?,
                Err(_) => return Ok(Err(OpError::timed_out("no request came").into())),
            },
        };
        let rest = frame::read_rest(&mut self.stream, first, limits.max_request);
        match timeout(limits.frame_deadline, rest).await {
            Ok(Ok(frame)) => Ok(Ok(frame)),
            Ok(Err(error @ FrameError::Io(_))) => Err(error.into()),
            Ok(Err(error)) => Ok(Err(error.into())),
            Err(_) => Ok(Err(OpError::timed_out("the frame was not complete in time")
                .why(format!("a frame may take {:?}", limits.frame_deadline))
                .into())),
        }
    }

    /// Sends an answer (`what` is `ok`) or an item of one (`item`).
    pub(super) async fn respond(
        &mut self,
        id: u64,
        what: &'static str,
        answer: Written,
    ) -> Result<(), Over> {
        let max = self.service.limits.max_response;
        // The envelope by hand: an answer whose type is not known here can only write itself.
        let frame = frame::encode_with(max, |frame| {
            let io = serde_json::Error::io;
            write!(frame, r#"{{"id":{id},"body":{{"{what}":"#).map_err(io)?;
            answer.write(frame)?;
            frame.write_all(b"}}").map_err(io)
        });
        // It may be large, and is not to be kept while a slow reader takes the frame.
        drop(answer);
        match frame {
            Ok(frame) => self.write(&frame).await,
            Err(error) => {
                let error =
                    ControlError::from(error).next("ask for less: a subtree, --depth, --top");
                self.respond_err(id, error).await
            }
        }
    }

    pub(super) async fn respond_err(&mut self, id: u64, error: ControlError) -> Result<(), Over> {
        self.say(id, Body::Err(error)).await
    }

    /// Sends a body that carries no answer.
    pub(super) async fn say(&mut self, id: u64, body: Body<()>) -> Result<(), Over> {
        self.send(&Response { id, body }).await
    }

    async fn send<T: Serialize>(&mut self, value: &T) -> Result<(), Over> {
        let frame = frame::encode(value, self.service.limits.max_response)?;
        self.write(&frame).await
    }

    async fn write(&mut self, frame: &[u8]) -> Result<(), Over> {
        let within = self.service.limits.write_deadline;
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
    OpError::timed_out(format!("the node was not done within {within:?}"))
        .next("`msctl tree` shows which actors are unresponsive")
        .into()
}

/// Returns the time for a provider, which is less, so that its own error arrives first.
pub(super) fn for_handler(granted: Duration) -> Duration {
    granted.saturating_sub(MARGIN.min(part(granted, 10)))
}

fn malformed(error: &JsonError) -> ControlError {
    ControlError::bad_request("the request is malformed").why(error.to_string())
}

/// Returns the number of a call that is wrong in some other place.
fn number_of(frame: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        id: u64,
    }
    ms_json::from_slice(frame, DEPTH).ok().map(|Numbered { id }| id)
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
