//! The listener as an actor.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::time::Duration;

use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, ActorContext, AsyncContext, Handler, Message, ResponseFuture, Running};
use axum::Router;
use ms_actor::{Context, OpenResource, StateValue};
use ms_net::{Connections, KeptListener, Stop};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::accept::HttpService;
use super::admission::{Admission, Gate};
use super::bind::{Access, Bind, BindError};
use super::limits::HttpLimits;

pub use ms_net::Drained;

/// How long requests in progress may take when the gateway is stopped without a [`Drain`].
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// What the gateway and its requests share: limits, and who may come in.
pub(super) struct Shared {
    pub(super) access: Access,
    pub(super) limits: HttpLimits,
    pub(super) room: Semaphore,
    pub(super) streams: Arc<Semaphore>,
    /// Streams end when this is told to drain; others finish.
    pub(super) stop: Stop,
    admission: Option<Arc<dyn Admission>>,
    kept: Arc<Kept>,
}

/// What outlives an incarnation of the gateway.
#[derive(Debug, Default)]
struct Kept {
    gate: AtomicU8,
    /// The port that was given for port 0; zero before.
    port: AtomicU16,
    socket: KeptListener<OpenResource>,
}

impl Shared {
    fn new(spec: &GatewaySpec) -> Self {
        Self {
            access: spec.bind.access.clone(),
            room: Semaphore::new(spec.limits.requests),
            streams: Arc::new(Semaphore::new(spec.limits.streams)),
            limits: spec.limits.clone(),
            stop: Stop::default(),
            admission: spec.admission.clone(),
            kept: Arc::clone(&spec.kept),
        }
    }

    pub(super) fn gate(&self) -> Gate {
        match self.kept.gate.load(Ordering::Acquire) {
            0 => Gate::Starting,
            1 => Gate::Serving,
            _ => Gate::Draining,
        }
    }

    /// Lets a request in that does work; it is inside until what this returns is dropped.
    pub(super) fn enter(&self) -> Result<Option<Box<dyn Any + Send + Sync>>, Gate> {
        match self.gate() {
            Gate::Serving => self.admission.as_ref().map(|admission| admission.enter()).transpose(),
            closed => Err(closed),
        }
    }

    /// Resolves when no more work is taken, and no more will be.
    pub(super) async fn closing(&self) {
        let drained = self.stop.drain.cancelled();
        match &self.admission {
            Some(admission) => tokio::select! {
                () = drained => {}
                () = admission.closed() => {}
            },
            None => drained.await,
        }
    }

    fn set(&self, gate: Gate) {
        self.kept.gate.store(gate as u8, Ordering::Release);
    }
}

/// Makes the routes of an incarnation, around what its requests share.
type Routes = Arc<dyn Fn(&Arc<Shared>) -> Router + Send + Sync>;

/// What a gateway is made of. Cheap to clone: each incarnation gets its own, and all of them
/// the same gate and port.
#[derive(Clone)]
pub struct GatewaySpec {
    bind: Bind,
    limits: HttpLimits,
    admission: Option<Arc<dyn Admission>>,
    kept: Arc<Kept>,
    routes: Routes,
}

impl fmt::Debug for GatewaySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewaySpec")
            .field("bind", &self.bind)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl GatewaySpec {
    /// # Errors
    /// [`BindError::Open`] when the address may not be opened like that.
    pub(super) fn new(
        bind: Bind,
        limits: HttpLimits,
        routes: impl Fn(&Arc<Shared>) -> Router + Send + Sync + 'static,
    ) -> Result<Self, BindError> {
        bind.check()?;
        let (kept, routes) = (Arc::default(), Arc::new(routes));
        Ok(Self { bind, limits, admission: None, kept, routes })
    }

    /// The same, taking work as soon as it listens, without waiting for [`Serve`].
    #[must_use]
    pub fn serving(self) -> Self {
        self.kept.gate.store(Gate::Serving as u8, Ordering::Release);
        self
    }

    /// The same, taking work as `admission` says, without waiting for [`Serve`].
    #[must_use]
    pub fn admitted_by(mut self, admission: impl Admission) -> Self {
        self.admission = Some(Arc::new(admission));
        self.serving()
    }

    /// Closes its listening socket, whatever became of its actor: the kernel refuses
    /// connections from now on. Those that are open live on.
    pub fn close(&self) {
        self.kept.socket.close();
    }

    /// Whether its socket listens.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.kept.socket.is_open()
    }

    /// Where it listens: the address it was given, with the port that a port of 0 came to once
    /// it is bound.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        let mut addr = self.bind.addr;
        let given = self.kept.port.load(Ordering::Acquire);
        if given != 0 {
            addr.set_port(given);
        }
        addr
    }
}

/// An HTTP listener under supervision.
///
/// Its start is done when the address is bound; it answers 503 (but for health) until
/// [`Serve`]. The socket is the spec's: a life after a crash, or after one whose thread was
/// abandoned, goes on listening on it, with the gate it had. An orderly stop closes the
/// socket; a life after that binds the same port again (that which a port of 0 came to,
/// too).
pub struct HttpGateway {
    spec: GatewaySpec,
    shared: Arc<Shared>,
    open: Connections,
    at: Option<SocketAddr>,
    stopping: bool,
}

impl HttpGateway {
    /// A gateway that will listen as `spec` says.
    #[must_use]
    pub fn new(spec: GatewaySpec) -> Self {
        let shared = Arc::new(Shared::new(&spec));
        let open = Connections::new(shared.stop.clone());
        Self { spec, shared, open, at: None, stopping: false }
    }

    /// Where it listens, and what it has in hand: for inspectors.
    #[must_use]
    pub fn view(&self) -> StateValue {
        let at = self.at.map(|at| StateValue::from(at.to_string()));
        StateValue::map([
            ("listens_at", at.into()),
            ("gate", StateValue::from(format!("{:?}", self.shared.gate()).to_lowercase())),
            ("connections", (self.open.len() as u64).into()),
        ])
    }

    fn listen(&mut self, listener: TcpListener, ctx: &mut Context<Self>) -> std::io::Result<()> {
        let at = listener.local_addr()?;
        self.at = Some(at);
        self.spec.kept.port.store(at.port(), Ordering::Release);
        let app = (self.spec.routes)(&self.shared);
        let limits = self.spec.limits.clone();
        let granted = limits.of_listener();
        let service = Arc::new(HttpService { app, limits });
        let taking = ms_net::accept(listener, service, granted, self.open.clone());
        // As a future of the actor: a panic in it is the actor's, and its supervisor's to mend.
        ctx.spawn(wrap_future::<_, Self>(taking));
        tracing::info!(%at, "listening");
        Ok(())
    }

    /// Takes no more, ends streams, and resolves when every request in hand is answered or the
    /// time is over; what is left then is cut.
    fn drain(&mut self, within: Duration) -> impl Future<Output = Drained> + 'static {
        self.spec.kept.socket.close();
        self.open.drain(within)
    }
}

impl Actor for HttpGateway {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (addr, kept) = (self.spec.addr(), Arc::clone(&self.spec.kept));
        let open = ctx.node().resources().clone();
        let list = move |at| open.open(format!("listener at {at}"));
        let binding = wrap_future::<_, Self>(async move { kept.socket.listen(addr, list).await });
        ctx.wait(binding.map(move |bound, gateway, ctx| {
            if let Err(source) = bound.and_then(|listener| gateway.listen(listener, ctx)) {
                ctx.fail(BindError::Listen { addr, source });
            }
        }));
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        self.spec.kept.socket.close();
        if self.stopping || self.open.is_empty() {
            return Running::Stop;
        }
        self.stopping = true;
        let drained = wrap_future::<_, Self>(self.drain(STOP_WITHIN));
        ctx.spawn(drained.map(|_, _, ctx| ctx.stop()));
        Running::Continue
    }
}

impl Drop for HttpGateway {
    /// However it ended, its connections do not outlive it.
    fn drop(&mut self) {
        self.open.cut();
    }
}

/// Begin to take work: the node is up.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Serve;

/// Take no more work and finish what is in hand within this time.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Drained")]
pub struct Drain {
    /// How long requests in progress may take.
    pub within: Duration,
}

/// Where it listens; `None` before its start is done.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Option<SocketAddr>")]
pub struct LocalAddr;

impl Handler<Serve> for HttpGateway {
    type Result = ();
    fn handle(&mut self, _: Serve, _: &mut Self::Context) {
        if self.shared.gate() == Gate::Starting {
            self.shared.set(Gate::Serving);
        }
    }
}

impl Handler<Drain> for HttpGateway {
    type Result = ResponseFuture<Drained>;
    fn handle(&mut self, Drain { within }: Drain, _: &mut Self::Context) -> Self::Result {
        // For all lives to come: one that is only stopped serves again when it is back.
        self.shared.set(Gate::Draining);
        Box::pin(self.drain(within))
    }
}

impl Handler<LocalAddr> for HttpGateway {
    type Result = Option<SocketAddr>;
    fn handle(&mut self, _: LocalAddr, _: &mut Self::Context) -> Self::Result {
        self.at
    }
}
