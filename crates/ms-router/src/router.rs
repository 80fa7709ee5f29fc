//! The handle everybody holds: routing happens here, in the sender.

use std::any::type_name;
use std::fmt;
use std::future::IntoFuture;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use arc_swap::{ArcSwap, ArcSwapOption};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use ms_actor::{Blueprint, Hosted, Node, Placement, Port, Ref, SendError, WeakRef};
use ms_core::time::later;
use ms_core::{ActorPath, IdError};
use tokio::time::Instant;

use crate::actor::{Do, Edit, RouterActor};
use crate::aggregate::Aggregate;
use crate::balance::{FailOver, RouteStrategy, Standing};
use crate::error::{RouteError, RouterError, Unrouted};
use crate::table::{Route, RouteId, Table};

/// How a router is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterConfig {
    /// Most routes of one message type.
    pub max_routes: usize,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self { max_routes: 16_384 }
    }
}

/// How long anything takes at most unless the caller says otherwise.
const DEFAULT_WITHIN: Duration = Duration::from_secs(5);

/// What handles and the actor share: the table, and where the actor is.
pub(crate) struct Shared {
    config: RouterConfig,
    table: ArcSwap<Table>,
    actor: ArcSwapOption<WeakRef<RouterActor>>,
}

impl Shared {
    pub(crate) fn table(&self) -> arc_swap::Guard<Arc<Table>> {
        self.table.load()
    }

    pub(crate) fn publish(&self, table: Table) {
        self.table.store(Arc::new(table));
    }
}

/// What became of a published message at one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The recipient.
    pub path: ActorPath,
    /// Whether it is in its mailbox, or why not.
    pub result: Result<(), RouteError>,
}

/// Routes messages by their type to those that take them.
///
/// Cheap to clone. Routing runs in the sender on the published table: the
/// [`RouterActor`] only changes the table, and drops the routes of actors that have
/// ended for good. Routes follow restarts. A route keeps an actor alive that nothing
/// else ends.
///
/// ```
/// use actix::prelude::*;
/// use ms_actor::{Context, Node, NodeConfig, spawn};
/// use ms_router::{First, Quorum, Router, RouterConfig};
///
/// #[derive(Message, Clone)]
/// #[rtype(result = "u32")]
/// struct Double(u32);
///
/// struct Worker;
/// impl Actor for Worker {
///     type Context = Context<Self>;
/// }
/// impl Handler<Double> for Worker {
///     type Result = u32;
///     fn handle(&mut self, Double(n): Double, _: &mut Context<Self>) -> u32 {
///         2 * n
///     }
/// }
///
/// # actix::System::new().block_on(async {
/// let node = Node::boot(NodeConfig::single_arbiter())?;
/// let router = Router::spawn(&node, "router", RouterConfig::default())?;
/// let workers = [spawn(&node, "w1", Worker)?, spawn(&node, "w2", Worker)?];
/// for worker in &workers {
///     router.add_route::<Double>(worker.port()).await?;
/// }
/// assert_eq!(router.ask_one(Double(2)).await?, 4);
/// assert_eq!(router.route(Double(3)).aggregate(First::new()).await?, 6);
/// assert_eq!(router.route(Double(4)).aggregate(Quorum::of(2)).await?, 8);
/// assert_eq!(router.publish(Double(5))?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
    within: Duration,
    /// Keeps an actor alive that is under no supervisor.
    _keep: Option<Ref<RouterActor>>,
}

impl Router {
    /// A router without routes that is not started: give its [`blueprint`](Self::blueprint) to a supervisor.
    #[must_use]
    pub fn new(config: RouterConfig) -> Self {
        let shared = Shared { config, table: ArcSwap::default(), actor: ArcSwapOption::empty() };
        Self { shared: Arc::new(shared), within: DEFAULT_WITHIN, _keep: None }
    }

    /// A router outside of any tree, at `/local/NAME`, whose actor lives as long as a handle does.
    ///
    /// # Errors
    /// [`IdError`] when the name is no actor id.
    pub fn spawn(node: &Node, name: &str, config: RouterConfig) -> Result<Self, IdError> {
        let mut router = Self::new(config);
        let cell = router.blueprint().cell(node, ActorPath::new(format!("/local/{name}"))?, None);
        // Held before it starts: it would end at once for want of references.
        router._keep = cell.typed();
        cell.launch(Placement::WithParent);
        Ok(router)
    }

    /// How a supervisor makes the router's actor, again and again. A restart loses no route.
    #[must_use]
    pub fn blueprint(&self) -> Blueprint {
        let shared = Arc::clone(&self.shared);
        let factory = move |me: &Ref<RouterActor>| {
            shared.actor.store(Some(Arc::new(me.downgrade())));
            Ok(RouterActor::new(Arc::clone(&shared)))
        };
        Blueprint::with_view(factory, RouterActor::TIER, Some(RouterActor::view))
    }

    /// The same router with another deadline; five seconds otherwise.
    ///
    /// It holds for changes of the table, for [`Router::ask_one`] and, where a call does
    /// not say otherwise, for each recipient of a fan-out.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { within: limit, ..self.clone() }
    }

    // ---- the table -------------------------------------------------------------

    async fn edit<E: Edit>(&self, edit: E) -> Result<E::Answer, RouterError> {
        let actor = self.shared.actor.load().as_ref().and_then(|weak| weak.upgrade());
        let actor = actor.ok_or(RouterError::NotStarted)?;
        actor
            .ask(Do(edit))
            .within(self.within)
            .await
            .map_err(|error| RouterError::from_ask(self.within, error))
    }

    /// Has messages of this type routed to `port`. An actor has one route a type: adding
    /// another gives the one there is.
    ///
    /// # Errors
    /// See [`RouterError`].
    pub async fn add_route<M: Message + Send + 'static>(
        &self,
        port: Port<M>,
    ) -> Result<RouteId, RouterError>
    where
        M::Result: Send,
    {
        self.add_routes(vec![port]).await?.pop().ok_or(RouterError::NoSuchRoute)
    }

    /// As [`Router::add_route`], without waiting for the router to have done it: for the factory of
    /// an actor, which must not wait. The router may refuse it later, which nobody is told then.
    ///
    /// # Errors
    /// [`RouterError::NotStarted`], or [`RouterError::Down`] when it takes no messages.
    pub fn add_route_soon<M: Message + Send + 'static>(
        &self,
        port: Port<M>,
    ) -> Result<(), RouterError>
    where
        M::Result: Send,
    {
        let actor = self.shared.actor.load().as_ref().and_then(|weak| weak.upgrade());
        let actor = actor.ok_or(RouterError::NotStarted)?;
        let edit = AddRoutes { ports: vec![port], max: self.shared.config.max_routes };
        actor.try_tell(Do(edit)).map_err(|error| match error {
            SendError::Closed { reason, .. } => RouterError::Down(reason),
            SendError::Full { .. } | SendError::TimedOut { .. } => RouterError::NotStarted,
        })
    }

    /// As [`Router::add_route`] for many, all or none; their ids in the same order.
    ///
    /// # Errors
    /// As there.
    pub async fn add_routes<M: Message + Send + 'static>(
        &self,
        ports: Vec<Port<M>>,
    ) -> Result<Vec<RouteId>, RouterError>
    where
        M::Result: Send,
    {
        self.edit(AddRoutes { ports, max: self.shared.config.max_routes }).await?
    }

    /// Removes a route.
    ///
    /// # Errors
    /// [`RouterError::NoSuchRoute`] when it is gone already.
    pub async fn remove(&self, route: RouteId) -> Result<(), RouterError> {
        self.edit(RemoveRoute(route)).await?
    }

    /// Says how [`Router::send_one`] and [`Router::ask_one`] choose for this type:
    /// [`RouteStrategy::RoundRobin`] with three further tries otherwise.
    ///
    /// # Errors
    /// Those of a router that does not answer.
    pub async fn balance<M: Message + Send + 'static>(
        &self,
        strategy: RouteStrategy<M>,
        fail_over: FailOver,
    ) -> Result<(), RouterError>
    where
        M::Result: Send,
    {
        self.edit(SetBalance { strategy, fail_over }).await
    }

    /// Living actors with a route for this type, in the order they were added.
    #[must_use]
    pub fn handlers<M: Message + Send + 'static>(&self) -> Vec<ActorPath>
    where
        M::Result: Send,
    {
        self.open::<M>().iter().map(|route| route.actor.path().clone()).collect()
    }

    fn open<M: Message + Send + 'static>(&self) -> Vec<Route<M>>
    where
        M::Result: Send,
    {
        let table = self.shared.table.load();
        let routes = table.of::<M>().map(|routes| routes.list.iter()).unwrap_or_default();
        routes.filter(|route| route.standing() != Standing::Closed).cloned().collect()
    }

    // ---- one to many -----------------------------------------------------------

    /// Sends a message to everybody who takes it, without waiting: what became of it at
    /// each, in the order of the routes.
    ///
    /// # Errors
    /// [`RouteError::NoHandler`].
    pub fn publish<M>(&self, message: M) -> Result<Vec<Delivery>, RouteError>
    where
        M: Message + Clone + Send + 'static,
        M::Result: Send,
    {
        let deliver = |route: &Route<M>| {
            let result = route
                .port
                .try_tell(message.clone())
                .map_err(|error| RouteError::from_send(error).0);
            Delivery { path: route.actor.path().clone(), result }
        };
        some(self.open::<M>().iter().map(deliver).collect(), type_name::<M>())
    }

    /// As [`Router::publish`], waiting at each recipient for room, at most the router's deadline.
    ///
    /// # Errors
    /// As there.
    pub async fn publish_waiting<M>(&self, message: M) -> Result<Vec<Delivery>, RouteError>
    where
        M: Message + Clone + Send + 'static,
        M::Result: Send,
    {
        let within = self.within;
        let deliveries = self.open::<M>().into_iter().map(|route| {
            let message = message.clone();
            async move {
                let result = route
                    .port
                    .tell(message, within)
                    .await
                    .map_err(|error| RouteError::from_send(error).0);
                Delivery { path: route.actor.path().clone(), result }
            }
        });
        some(join_all(deliveries).await, type_name::<M>())
    }

    /// Asks everybody who takes the message, all at once; what is made of the answers says
    /// [`Routing::aggregate`].
    pub fn route<M: Message + Clone + Send + 'static>(&self, message: M) -> Routing<M>
    where
        M::Result: Send,
    {
        Routing { router: self.clone(), message }
    }

    // ---- one of many -----------------------------------------------------------

    /// Sends a message to one of those who take it, without waiting: whom, and whether
    /// another is tried when it is full, says [`Router::balance`].
    ///
    /// # Errors
    /// [`Unrouted`] with the message.
    pub fn send_one<M: Message + Send + 'static>(&self, message: M) -> Result<(), Unrouted<M>>
    where
        M::Result: Send,
    {
        let mut unsent = no_handler(message);
        for route in self.candidates(&unsent) {
            let Some(message) = unsent.message.take() else { break };
            match route.port.try_tell(message) {
                Ok(()) => return Ok(()),
                Err(refused) => {
                    let (error, message) = RouteError::from_send(refused);
                    unsent = Unrouted { error, message: Some(message) };
                }
            }
        }
        Err(unsent)
    }

    /// Asks one of those who take the message; whom, and whether another is tried when it
    /// cannot take it, says [`Router::balance`]. A message that was sent is never sent again.
    ///
    /// The router's deadline is that of the whole call.
    ///
    /// # Errors
    /// [`Unrouted`], with the message where no handler got it.
    pub async fn ask_one<M: Message + Send + 'static>(
        &self,
        message: M,
    ) -> Result<M::Result, Unrouted<M>>
    where
        M::Result: Send,
    {
        let until = later(Instant::now(), self.within);
        let mut unsent = no_handler(message);
        let mut candidates = self.candidates(&unsent);
        // An ask waits for room: so first those that have some. Where none has, the chosen one.
        candidates.sort_by_key(|route| route.actor.is_full());
        for route in candidates {
            let Some(message) = unsent.message.take() else { break };
            let left = until.saturating_duration_since(Instant::now());
            match route.port.ask(message, left).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    let (error, message) = RouteError::from_ask(route.actor.path(), error);
                    unsent = Unrouted { error, message };
                }
            }
        }
        Err(unsent)
    }

    /// Handlers to try for a message, the chosen one first.
    fn candidates<M: Message + Send + 'static>(&self, unsent: &Unrouted<M>) -> Vec<Route<M>>
    where
        M::Result: Send,
    {
        let table = self.shared.table.load();
        match (table.of::<M>(), &unsent.message) {
            (Some(routes), Some(message)) => {
                routes.order(message).into_iter().map(|at| routes.list[at].clone()).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn no_handler<M>(message: M) -> Unrouted<M> {
    Unrouted { error: RouteError::NoHandler { message: type_name::<M>() }, message: Some(message) }
}

fn some(deliveries: Vec<Delivery>, message: &'static str) -> Result<Vec<Delivery>, RouteError> {
    if deliveries.is_empty() { Err(RouteError::NoHandler { message }) } else { Ok(deliveries) }
}

/// A message for all its handlers; see [`Router::route`].
#[must_use = "a message is routed only when what is made of the answers is awaited"]
#[derive(Debug)]
pub struct Routing<M> {
    router: Router,
    message: M,
}

impl<M: Message + Clone + Send + 'static> Routing<M>
where
    M::Result: Send,
{
    /// Makes one result of the answers: [`First`](crate::First), [`All`](crate::All),
    /// [`AnyOk`](crate::AnyOk), [`Quorum`](crate::Quorum), [`Fold`](crate::Fold), or your own.
    pub fn aggregate<G: Aggregate<M::Result>>(self, aggregate: G) -> Aggregating<M, G> {
        let within = self.router.within;
        Aggregating { routing: self, aggregate, within }
    }
}

/// A message for all its handlers, and what is made of their answers; await it.
///
/// # Cancel safety
/// Dropped before it is done, handlers that have not begun skip the message.
#[must_use = "a message is routed only when this is awaited"]
#[derive(Debug)]
pub struct Aggregating<M, G> {
    routing: Routing<M>,
    aggregate: G,
    within: Duration,
}

impl<M, G> Aggregating<M, G> {
    /// Gives each recipient this long. All are asked at once, so it bounds the whole too.
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }
}

impl<M, G> Aggregating<M, G>
where
    M: Message + Clone + Send + 'static,
    M::Result: Send,
    G: Aggregate<M::Result>,
{
    async fn run(self) -> Result<G::Output, RouteError> {
        let Self { routing: Routing { router, message }, mut aggregate, within } = self;
        let routes = router.open::<M>();
        if routes.is_empty() {
            return Err(RouteError::NoHandler { message: type_name::<M>() });
        }
        aggregate.begin(routes.len());
        let mut answers: FuturesUnordered<_> = routes
            .iter()
            .enumerate()
            .map(|(at, route)| {
                let answer = route.port.ask(message.clone(), within);
                async move {
                    (
                        at,
                        answer
                            .await
                            .map_err(|error| RouteError::from_ask(route.actor.path(), error).0),
                    )
                }
            })
            .collect();
        while let Some((at, answer)) = answers.next().await {
            if let ControlFlow::Break(done) = aggregate.take(at, answer) {
                return done;
            }
        }
        aggregate.finish(type_name::<M>())
    }
}

impl<M, G> IntoFuture for Aggregating<M, G>
where
    M: Message + Clone + Send + Sync + 'static,
    M::Result: Send,
    G: Aggregate<M::Result> + Send + 'static,
    G::Output: Send,
{
    type Output = Result<G::Output, RouteError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("within", &self.within).finish_non_exhaustive()
    }
}

// ---- changes, as messages ------------------------------------------------------

struct AddRoutes<M: Message> {
    ports: Vec<Port<M>>,
    max: usize,
}

impl<M: Message + Send + 'static> Edit for AddRoutes<M>
where
    M::Result: Send,
{
    type Answer = Result<Vec<RouteId>, RouterError>;

    fn edit(self, table: &mut Table) -> Self::Answer {
        table.add(self.ports, self.max)
    }
}

struct RemoveRoute(RouteId);

impl Edit for RemoveRoute {
    type Answer = Result<(), RouterError>;

    fn edit(self, table: &mut Table) -> Self::Answer {
        table.remove(self.0)
    }
}

struct SetBalance<M> {
    strategy: RouteStrategy<M>,
    fail_over: FailOver,
}

impl<M: Message + Send + 'static> Edit for SetBalance<M>
where
    M::Result: Send,
{
    type Answer = ();

    fn edit(self, table: &mut Table) {
        table.balance(self.strategy, self.fail_over);
    }
}
