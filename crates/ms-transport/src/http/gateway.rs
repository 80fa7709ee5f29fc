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

/// Time for requests in progress when the gateway is stopped without a [`Drain`].
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// The state that the gateway shares with its requests.
pub(super) struct Shared {
    pub(super) access: Access,
    pub(super) limits: HttpLimits,
    pub(super) room: Semaphore,
    pub(super) streams: Arc<Semaphore>,
    /// Its drain ends streams; other requests finish.
    pub(super) stop: Stop,
    admission: Option<Arc<dyn Admission>>,
    kept: Arc<Kept>,
}

/// The state that outlives an incarnation of the gateway.
#[derive(Debug, Default)]
struct Kept {
    gate: AtomicU8,
    /// The port that was bound for port 0; zero before.
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

    /// Lets a request in that does work. It is inside until the value is dropped.
    pub(super) fn enter(&self) -> Result<Option<Box<dyn Any + Send + Sync>>, Gate> {
        match self.gate() {
            Gate::Serving => self.admission.as_ref().map(|admission| admission.enter()).transpose(),
            closed => Err(closed),
        }
    }

    /// Resolves when no more work will be taken.
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

/// Makes the routes of an incarnation around its shared state.
type Routes = Arc<dyn Fn(&Arc<Shared>) -> Router + Send + Sync>;

/// The specification of a gateway. Cheap to clone: each incarnation gets a clone, and all share one
/// gate and one port.
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

    /// Lets the gateway take work as soon as it listens, without waiting for [`Serve`].
    #[must_use]
    pub fn serving(self) -> Self {
        self.kept.gate.store(Gate::Serving as u8, Ordering::Release);
        self
    }

    /// Lets `admission` decide when the gateway takes work, without waiting for [`Serve`].
    #[must_use]
    pub fn admitted_by(mut self, admission: impl Admission) -> Self {
        self.admission = Some(Arc::new(admission));
        self.serving()
    }

    /// Closes its listening socket, even when its actor hangs: the kernel refuses connections from
    /// now on. Open ones live on.
    pub fn close(&self) {
        self.kept.socket.close();
    }

    /// Returns whether its socket listens.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.kept.socket.is_open()
    }

    /// Returns the address it listens on, with the real port in place of port 0 once it is bound.
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
/// Its start is done when the address is bound. Until [`Serve`] it answers 503, except to probes. The
/// socket belongs to the spec: an incarnation after a crash, or after one whose thread was abandoned,
/// goes on listening on it with the same gate. An orderly stop closes the socket, and the next
/// incarnation binds the same port again (also the one that was bound for port 0).
pub struct HttpGateway {
    spec: GatewaySpec,
    shared: Arc<Shared>,
    open: Connections,
    at: Option<SocketAddr>,
    stopping: bool,
}

impl HttpGateway {
    /// Creates a gateway from its specification.
    #[must_use]
    pub fn new(spec: GatewaySpec) -> Self {
        let shared = Arc::new(Shared::new(&spec));
        let open = Connections::new(shared.stop.clone());
        Self { spec, shared, open, at: None, stopping: false }
    }

    /// Returns its address, gate and number of connections, for inspection.
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
        // A future of the actor, so that a panic in it crashes the actor and its supervisor restarts it.
        ctx.spawn(wrap_future::<_, Self>(taking));
        tracing::info!(%at, "listening");
        Ok(())
    }

    /// Takes no more, ends streams, and resolves when every request in progress is answered or the
    /// time is over; what is left then is cut.
    fn drain(&mut self, within: Duration) -> impl Future<Output = Drained> + 'static {
        self.spec.kept.socket.close();
        self.open.drain(within)
    }
}

impl Actor for HttpGateway {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // With the port of the first start: clients must find the next incarnation where the last
        // was.
        let (addr, kept) = (self.spec.addr(), Arc::clone(&self.spec.kept));
        let open = ctx.node().resources().clone();
        let list = move |at| open.open(format!("listener at {at}"));
        let binding = wrap_future::<_, Self>(async move { kept.socket.listen(addr, list).await });
        // Nothing else is handled before, so that the start is done when the address is bound.
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
        // The actor runs on until its connections are drained, and then stops for good.
        self.stopping = true;
        let drained = wrap_future::<_, Self>(self.drain(STOP_WITHIN));
        ctx.spawn(drained.map(|_, _, ctx| ctx.stop()));
        Running::Continue
    }
}

impl Drop for HttpGateway {
    /// Cuts its connections, which do not outlive it however it ended.
    fn drop(&mut self) {
        self.open.cut();
    }
}

/// Lets the gateway take work, because the node is up.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Serve;

/// Lets the gateway take no more work and finish requests in progress within this time.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Drained")]
pub struct Drain {
    /// Time for requests in progress.
    pub within: Duration,
}

/// Asks for the address it listens on; `None` before its start is done.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Option<SocketAddr>")]
pub struct LocalAddr;

impl Handler<Serve> for HttpGateway {
    type Result = ();
    fn handle(&mut self, _: Serve, _: &mut Self::Context) {
        // A node that drains must not be opened again by a late `Serve`.
        if self.shared.gate() == Gate::Starting {
            self.shared.set(Gate::Serving);
        }
    }
}

impl Handler<Drain> for HttpGateway {
    type Result = ResponseFuture<Drained>;
    fn handle(&mut self, Drain { within }: Drain, _: &mut Self::Context) -> Self::Result {
        // Unlike a stop, after which it serves again, this holds for all incarnations to come.
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
