//! What a user writes.

use std::error::Error;
use std::future::Future;

use actix::Message;
use ms_actor::StateValue;
use ms_core::ExitReason;

use crate::cx::Cx;

/// Why an agent does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// It does not want to run now; that is no error (OTP's `ignore`).
    #[error("the agent chose not to start")]
    Ignore,
    /// It cannot run: a start error for its supervisor.
    #[error("the agent cannot start")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl InitError {
    /// A failure out of any error.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

/// A long-lived worker.
///
/// ```
/// use actix::Message;
/// use ms_worker::{Agent, Cx, Handles, InitError};
///
/// #[derive(Message)]
/// #[rtype(result = "u64")]
/// struct Add(u64);
///
/// struct Counter(u64);
///
/// impl Agent for Counter {
///     type Args = u64;
///     async fn init(start: u64, _: &mut Cx<Self>) -> Result<Self, InitError> {
///         Ok(Counter(start))
///     }
/// }
///
/// impl Handles<Add> for Counter {
///     async fn on(&mut self, Add(n): Add, _: &mut Cx<Self>) -> u64 {
///         self.0 += n; // `&mut self` may be held across an await
///         self.0
///     }
/// }
/// ```
pub trait Agent: Sized + 'static {
    /// What it is made of; cloned for every start.
    type Args: Clone + Send + Sync + 'static;

    /// Makes the agent; runs at every start, on the arbiter it will live on.
    ///
    /// The supervisor starts the next child when this is done.
    ///
    /// # Errors
    /// [`InitError::Ignore`] not to be started, [`InitError::Failed`] when it cannot.
    fn init(args: Self::Args, cx: &mut Cx<Self>) -> impl Future<Output = Result<Self, InitError>>;

    /// Runs on an orderly stop, after the message in hand; not after a crash or a kill.
    fn terminate(&mut self, reason: &ExitReason, cx: &mut Cx<Self>) -> impl Future<Output = ()> {
        let _ = (reason, cx);
        std::future::ready(())
    }

    /// What inspectors may see of its state; nothing by default. Redact here.
    fn state(&self) -> StateValue {
        StateValue::Null
    }
}

/// An agent's code for messages of type `M`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle messages of type `{M}`",
    note = "write `impl Handles<{M}> for {Self} {{ async fn on(&mut self, message: {M}, cx: &mut Cx<Self>) -> .. }}`"
)]
pub trait Handles<M: Message>: Agent {
    /// Handles one message. The answer goes to whoever asked; after a
    /// [`tell`](ms_actor::Ref::tell) it is dropped.
    ///
    /// A panic in here ends this incarnation, and the supervisor is told why.
    fn on(&mut self, message: M, cx: &mut Cx<Self>) -> impl Future<Output = M::Result>;
}
