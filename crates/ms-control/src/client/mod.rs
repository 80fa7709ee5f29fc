//! The client: connects, calls, reads streams. Every wait has a deadline.

mod typed;

use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ms_core::ActorPath;
use ms_core::time::total;
use ms_core::tree::{NoTree, TreeBuilder, TreeRow};
use ms_core::view::{SCHEMA_VERSION, TreeNode};
use ms_ops::ops::WalkTree;
use ms_ops::{Once, Ongoing, OpError, codes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::error::ControlError;
use crate::frame::{self, FrameError};
use crate::proto::{
    Body, Call, Hello, HelloReply, KEEPALIVE, MAX_REQUEST, MAX_RESPONSE, Named, PROTO_VERSION,
    Response,
};

/// The client waits this much longer than it allows the node, so that the node's own error, which
/// says more, arrives first.
const MARGIN: Duration = Duration::from_millis(500);
/// A stream that is silent for this long is dead.
const SILENCE: Duration = Duration::from_secs(3 * KEEPALIVE.as_secs());

/// A connection to a node.
///
/// It carries one call at a time. After a failure of the connection itself every further call fails
/// as well, and only a new connection helps.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    path: PathBuf,
    deadline: Duration,
    last_id: u64,
    lost: bool,
}

impl Client {
    /// Connects to the node at `path` and exchanges versions.
    ///
    /// `deadline` applies to the connection and to each later call.
    ///
    /// # Errors
    /// `Unreachable` when nobody listens, `Refused` for another user's socket or
    /// a busy node, `VersionMismatch`, `TimedOut`.
    pub async fn connect(path: &Path, deadline: Duration) -> Result<Self, ControlError> {
        let stream = match timeout(deadline, UnixStream::connect(path)).await {
            Ok(stream) => stream.map_err(|error| unreachable(path, &error))?,
            Err(_) => return Err(late(path, deadline)),
        };
        let path = path.to_owned();
        let mut client = Self { stream, path, deadline, last_id: 0, lost: false };
        match timeout(deadline, client.hello()).await {
            Ok(done) => done.map(|()| client),
            Err(_) => Err(late(&client.path, deadline)),
        }
    }

    /// Asks for an operation and waits for its whole answer.
    ///
    /// # Errors
    /// The node's own error, or one of the connection.
    pub async fn call<O: Once>(&mut self, op: O) -> Result<O::Answer, ControlError> {
        let within = total([self.deadline, op.takes(), MARGIN]);
        self.usable()?;
        // Unset only by an answer in time. When the call is cancelled, its late answer would be taken
        // for that of the next one.
        self.lost = true;
        let body = match timeout(within, self.exchange::<_, O::Answer>(Named::of(op))).await {
            Ok(body) => body?,
            Err(_) => return Err(late(&self.path, within)),
        };
        self.lost = false;
        match body {
            Body::Ok(answer) => Ok(answer),
            Body::Err(error) => Err(error),
            Body::Item(_) | Body::Alive | Body::End { .. } => {
                Err(OpError::internal("the node sent an answer that was not asked for").into())
            }
        }
    }

    /// Reads the supervision tree, or a part of it, and puts it together from its rows.
    ///
    /// The deadline applies to each batch of rows.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn tree(
        &mut self,
        root: Option<ActorPath>,
        depth: Option<usize>,
    ) -> Result<TreeNode, ControlError> {
        self.usable()?;
        // As in a call: rows that were not read would be taken for the next answer.
        self.lost = true;
        let within = self.deadline.saturating_add(MARGIN);
        let mut tree = TreeBuilder::default();
        let walk = Named::of(WalkTree { root, depth });
        let mut next = timeout(within, self.exchange::<_, Vec<TreeRow>>(walk)).await;
        loop {
            match next {
                Ok(Ok(Body::Item(rows))) => {
                    rows.into_iter().try_for_each(|row| tree.push(row)).map_err(no_tree)?;
                }
                Ok(Ok(Body::Alive)) => {}
                Ok(Ok(Body::End { .. })) => break,
                Ok(Ok(Body::Err(error))) => {
                    self.lost = false;
                    return Err(error);
                }
                Ok(Ok(Body::Ok(_))) => {
                    return Err(OpError::internal(
                        "the node sent an answer that was not asked for",
                    )
                    .into());
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(late(&self.path, within)),
            }
            next = timeout(within, self.receive()).await;
        }
        self.lost = false;
        tree.finish().map_err(no_tree)
    }

    /// Asks for a stream. It takes the connection with it.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn stream<O: Ongoing>(self, op: O) -> Result<Items<O::Answer>, ControlError> {
        self.begin(Named::of(op)).await
    }

    /// Asks for an operation by its name. A single answer comes as the only item.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn named(
        self,
        name: String,
        fields: Map<String, Value>,
    ) -> Result<Items<Value>, ControlError> {
        self.begin(Named { name: name.into(), fields }).await
    }

    async fn begin<F, A>(mut self, request: Named<F>) -> Result<Items<A>, ControlError>
    where
        F: Serialize,
        A: DeserializeOwned,
    {
        self.usable()?;
        match timeout(self.deadline, self.send::<_, A>(request)).await {
            Ok(sent) => sent?,
            Err(_) => return Err(late(&self.path, self.deadline)),
        }
        Ok(Items { client: self, ended: false, item: PhantomData })
    }

    /// Returns the path of the socket it is connected to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn usable(&self) -> Result<(), ControlError> {
        if !self.lost {
            return Ok(());
        }
        Err(ControlError::new(&codes::UNREACHABLE, "the connection was lost in an earlier call")
            .next("connect again"))
    }

    async fn hello(&mut self) -> Result<(), ControlError> {
        let hello = Hello {
            proto: PROTO_VERSION,
            schema: Some(SCHEMA_VERSION),
            client: concat!("msctl ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        // A node that refuses answers without reading: its answer is worth more than the failure to
        // write to it.
        let sent = frame::write(&mut self.stream, &frame::encode(&hello, MAX_REQUEST)?).await;
        let frame = match (frame::read(&mut self.stream, MAX_REQUEST).await, sent) {
            (Ok(frame), _) => frame,
            (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(self.broken(error)),
        };
        judge(&frame)
    }

    async fn exchange<F, A>(&mut self, request: Named<F>) -> Result<Body<A>, ControlError>
    where
        F: Serialize,
        A: DeserializeOwned,
    {
        self.send::<_, A>(request).await?;
        self.receive().await
    }

    async fn send<F, A>(&mut self, request: Named<F>) -> Result<(), ControlError>
    where
        F: Serialize,
        A: DeserializeOwned,
    {
        self.last_id += 1;
        let deadline_ms = u32::try_from(self.deadline.as_millis()).ok();
        let call = Call { id: self.last_id, deadline_ms, request };
        let frame = frame::encode(&call, MAX_REQUEST)?;
        match frame::write(&mut self.stream, &frame).await {
            Ok(()) => Ok(()),
            // The node may have said why before it closed.
            Err(error) => match self.receive::<A>().await {
                Ok(Body::Err(said)) => Err(said),
                _ => Err(self.broken(error)),
            },
        }
    }

    async fn receive<A: DeserializeOwned>(&mut self) -> Result<Body<A>, ControlError> {
        let frame = frame::read(&mut self.stream, MAX_RESPONSE).await;
        let frame = frame.map_err(|error| self.broken(error))?;
        let Response { id, body } = serde_json::from_slice(&frame).map_err(|error| {
            OpError::internal("the node's answer cannot be read").why(error.to_string())
        })?;
        // 0 is about no request: the node could not read one, or closes an idle connection.
        if id != self.last_id && id != 0 {
            return Err(OpError::internal(format!("answer {id} came out of turn")).into());
        }
        Ok(body)
    }

    fn broken(&self, error: FrameError) -> ControlError {
        if let FrameError::TooLarge { .. } = error {
            return error.into();
        }
        let what = format!("the node at {} closed the connection", self.path.display());
        ControlError::new(&codes::UNREACHABLE, what)
            .why(ControlError::from(error).what)
            .next("check that the node is still running")
    }
}

/// The items of a stream.
#[derive(Debug)]
pub struct Items<A> {
    client: Client,
    ended: bool,
    item: PhantomData<fn() -> A>,
}

impl<A: DeserializeOwned> Items<A> {
    /// Waits for the next item; returns `None` after the last.
    ///
    /// A node may be silent for 15 seconds.
    ///
    /// # Errors
    /// The node's own error, or one of the connection; nothing follows either.
    pub async fn next(&mut self) -> Option<Result<A, ControlError>> {
        while !self.ended {
            let body = match timeout(SILENCE, self.client.receive::<A>()).await {
                Ok(body) => body,
                Err(_) => Err(late(&self.client.path, SILENCE)),
            };
            match body {
                // The wait begins anew: only silence counts as death, however rare the items are.
                Ok(Body::Alive) => continue,
                Ok(Body::Item(item)) => return Some(Ok(item)),
                Ok(Body::End { .. }) => self.ended = true,
                Ok(Body::Ok(answer)) => {
                    self.ended = true;
                    return Some(Ok(answer));
                }
                Ok(Body::Err(error)) | Err(error) => return self.fail(error),
            }
        }
        None
    }

    fn fail(&mut self, error: ControlError) -> Option<Result<A, ControlError>> {
        self.ended = true;
        Some(Err(error))
    }
}

/// Reads the answer to a hello: the version first, because the rest may have another shape in it.
fn judge(frame: &[u8]) -> Result<(), ControlError> {
    #[derive(Deserialize)]
    struct Version {
        proto: u32,
    }
    let unreadable = |error: serde_json::Error| {
        ControlError::new(
            &codes::UNREACHABLE,
            "the process that listens there is not a node of this framework",
        )
        .why(error.to_string())
    };
    let Version { proto } = serde_json::from_slice(frame).map_err(unreadable)?;
    if proto != PROTO_VERSION {
        return Err(ControlError::version_mismatch("protocol", PROTO_VERSION, proto));
    }
    let reply: HelloReply = serde_json::from_slice(frame).map_err(unreadable)?;
    match (reply.error, reply.schema) {
        (Some(error), _) => Err(error),
        (None, Some(schema)) if schema != SCHEMA_VERSION => {
            Err(ControlError::version_mismatch("schema", SCHEMA_VERSION, schema))
        }
        _ => Ok(()),
    }
}

fn no_tree(error: NoTree) -> ControlError {
    OpError::internal("the node's rows do not form a tree").why(error.to_string()).into()
}

/// Returns what is there in place of a socket. The kernel refuses a connection to a regular file with
/// the same error as one to a socket on which nobody listens.
fn no_socket(path: &Path) -> Option<&'static str> {
    let kind = std::fs::metadata(path).ok()?.file_type();
    match () {
        () if kind.is_socket() => None,
        () if kind.is_dir() => Some("it is a directory, not a socket"),
        () if kind.is_file() => Some("it is a regular file, not a socket"),
        () => Some("it is not a socket"),
    }
}

fn unreachable(path: &Path, error: &io::Error) -> ControlError {
    // Looked at only after the failure: a check before it could be out of date by the time of use.
    if let Some(why) = no_socket(path) {
        let what = format!("no node can be reached at {}", path.display());
        return ControlError::new(&codes::BAD_PATH, what)
            .why(why)
            .next("pass the path of the socket that the node printed with --control PATH");
    }
    let (info, why, next) = match error.kind() {
        io::ErrorKind::NotFound => (
            &codes::UNREACHABLE,
            "there is no such socket".to_owned(),
            "start the node, or pass the path it printed with --control PATH",
        ),
        io::ErrorKind::ConnectionRefused => (
            &codes::UNREACHABLE,
            "no process listens on it; its node has ended".to_owned(),
            "start the node again; it replaces the socket",
        ),
        io::ErrorKind::WouldBlock => (
            &codes::UNREACHABLE,
            "its backlog is full: the node does not accept".to_owned(),
            "check whether the node is stopped or hung",
        ),
        io::ErrorKind::PermissionDenied => {
            (&codes::NOT_YOU, error.to_string(), "run msctl as the node's user")
        }
        io::ErrorKind::InvalidInput => {
            (&codes::BAD_PATH, error.to_string(), "use a shorter --control PATH")
        }
        _ => (&codes::UNREACHABLE, error.to_string(), "check that the node is still running"),
    };
    ControlError::new(info, format!("no node can be reached at {}", path.display()))
        .why(why)
        .next(next)
}

fn late(path: &Path, within: Duration) -> ControlError {
    let what = format!("the node at {} did not answer within {within:?}", path.display());
    OpError::timed_out(what)
        .next("check whether the node is stopped or hung; --timeout grants more")
        .into()
}
