//! The handle of a router. Routing happens here, in the sender.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use futures_util::future::join_all;
use ms_actor::{AskError, Blueprint, Hosted, Node, Placement, Port, Ref, SendFailure, Slot};
use ms_core::time::later;
use ms_core::{ActorPath, IdError};
use tokio::time::Instant;

use crate::actor::RouterActor;
use crate::config::RouterConfig;
use crate::error::{RouteError, RouterError, Unrouted};
use crate::logic::balance::{FailOver, RouteStrategy};
use crate::messages::{AddRoutes, Do, Edit, RemoveRoute, SetBalance};
use crate::routing::Routing;
use crate::state::Shared;
use crate::table::{Route, RouteId};

/// Deadline of changes, calls and recipients, unless the caller sets another.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

/// The outcome of a published message at one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The path of the recipient.
    pub path: ActorPath,
    /// `Ok` when the message is in its mailbox, otherwise why it is not.
    pub result: Result<(), RouteError>,
}

/// A router of messages by their type to the actors that handle them.
///
/// Cheap to clone. Routing runs in the sender, on the published table. The
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
    /// Filled at each start of the actor.
    actor: Slot<RouterActor>,
    within: Duration,
    /// Keeps an actor alive that is under no supervisor.
    _keep: Option<Ref<RouterActor>>,
}

impl Router {
    /// Returns a router without routes that is not started: give its [`blueprint`](Self::blueprint)
    /// to a supervisor.
    #[must_use]
    pub fn new(config: RouterConfig) -> Self {
        let shared = Arc::new(Shared::new(config));
        Self { shared, actor: Slot::new(), within: DEFAULT_DEADLINE, _keep: None }
    }

    /// Starts a router outside of any tree, at `/local/NAME`. Its actor lives as long as a handle
    /// does.
    ///
    /// # Errors
    /// [`IdError`] when the name is not a valid actor id.
    pub fn spawn(node: &Node, name: &str, config: RouterConfig) -> Result<Self, IdError> {
        let mut router = Self::new(config);
        let cell = router.blueprint().cell(node, ActorPath::new(format!("/local/{name}"))?, None);
        // Held before it is launched: an actor without references ends at once.
        router._keep = cell.typed();
        cell.launch(Placement::WithParent);
        Ok(router)
    }

    /// Returns the blueprint of the router's actor, for a supervisor. A restart loses no route.
    #[must_use]
    pub fn blueprint(&self) -> Blueprint {
        let (shared, actor) = (Arc::clone(&self.shared), self.actor.clone());
        let factory = move |me: &Ref<RouterActor>| {
            actor.fill(me);
            Ok(RouterActor::new(Arc::clone(&shared)))
        };
        Blueprint::with_view(factory, RouterActor::TIER, Some(RouterActor::view))
    }

    /// Returns the same router with another deadline. The default is five seconds.
    ///
    /// It applies to changes of the table, to [`Router::ask_one`], and to each recipient of
    /// a fan-out, unless a call sets another.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { within: limit, ..self.clone() }
    }

    // ---- the table -------------------------------------------------------------

    /// Returns the actor, once it has started.
    fn running(&self) -> Result<Ref<RouterActor>, RouterError> {
        self.actor.get().ok_or(RouterError::NotStarted)
    }

    async fn edit<E: Edit>(&self, edit: E) -> Result<E::Answer, RouterError> {
        self.running()?
            .ask(Do(edit))
            .within(self.within)
            .await
            .map_err(|error| RouterError::from_ask(self.within, &error))
    }

    /// Routes messages of this type to `port`. An actor has one route for each type: adding
    /// another returns the existing one.
    ///
    /// # Errors
    /// [`RouterError`] when the actor has ended, the type has too many routes, or the router does
    /// not answer.
    pub async fn add_route<M: Message + Send + 'static>(
        &self,
        port: Port<M>,
    ) -> Result<RouteId, RouterError>
    where
        M::Result: Send,
    {
        // Never `NoSuchRoute`: one port gives one id.
        self.add_routes(vec![port]).await?.pop().ok_or(RouterError::NoSuchRoute)
    }

    /// Asks for a route without waiting for it, for the factory of an actor, which must not wait.
    /// If the router refuses it later, nobody is notified.
    ///
    /// # Errors
    /// [`RouterError::NotStarted`] when the router has not started or its mailbox is full, and
    /// [`RouterError::Down`] when it takes no messages.
    pub fn add_route_soon<M: Message + Send + 'static>(
        &self,
        port: Port<M>,
    ) -> Result<(), RouterError>
    where
        M::Result: Send,
    {
        let edit = AddRoutes { ports: vec![port], max: self.shared.config.max_routes };
        self.running()?.try_tell(Do(edit)).map_err(|error| match error.failure {
            SendFailure::Closed { reason, .. } => RouterError::Down(reason),
            _ => RouterError::NotStarted,
        })
    }

    /// Adds several routes, all or none, and returns their ids in the same order.
    ///
    /// # Errors
    /// [`RouterError`], in the cases of [`Router::add_route`].
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
    /// [`RouterError::NoSuchRoute`] when it does not exist any more.
    pub async fn remove(&self, route: RouteId) -> Result<(), RouterError> {
        self.edit(RemoveRoute(route)).await?
    }

    /// Sets how [`Router::send_one`] and [`Router::ask_one`] choose a handler for this type. The
    /// default is [`RouteStrategy::RoundRobin`] with three further tries.
    ///
    /// # Errors
    /// [`RouterError`] when the router does not answer.
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

    /// Returns the living actors with a route for this type, in the order they were added.
    #[must_use]
    pub fn handlers<M: Message + Send + 'static>(&self) -> Vec<ActorPath>
    where
        M::Result: Send,
    {
        self.shared.table().open::<M>().iter().map(|route| route.actor.path().clone()).collect()
    }

    // ---- one to many -----------------------------------------------------------

    /// Sends a message to all its handlers without waiting. Returns the outcome at each, in the
    /// order of the routes.
    ///
    /// # Errors
    /// [`RouteError::NoHandler`] when there is no handler.
    pub fn publish<M>(&self, message: M) -> Result<Vec<Delivery>, RouteError>
    where
        M: Message + Clone + Send + 'static,
        M::Result: Send,
    {
        let deliver = |route: &Route<M>| {
            let result = route
                .port
                .try_tell(message.clone())
                .map_err(|error| RouteError::from_send(route.actor.path(), error.failure));
            Delivery { path: route.actor.path().clone(), result }
        };
        some(self.shared.table().open::<M>().iter().map(deliver).collect(), type_name::<M>())
    }

    /// Sends a message to all its handlers, and waits for room in each mailbox, for at most the
    /// router's deadline. Returns the outcome at each, in the order of the routes.
    ///
    /// # Errors
    /// [`RouteError::NoHandler`] when there is no handler.
    pub async fn publish_waiting<M>(&self, message: M) -> Result<Vec<Delivery>, RouteError>
    where
        M: Message + Clone + Send + 'static,
        M::Result: Send,
    {
        let within = self.within;
        let deliveries = self.shared.table().open::<M>().into_iter().map(|route| {
            let message = message.clone();
            async move {
                let result = route
                    .port
                    .tell(message, within)
                    .await
                    .map_err(|error| RouteError::from_send(route.actor.path(), error.failure));
                Delivery { path: route.actor.path().clone(), result }
            }
        });
        // All at once: the deadline bounds the whole, and one full mailbox delays no other recipient.
        some(join_all(deliveries).await, type_name::<M>())
    }

    /// Prepares to ask all handlers of a message at once. [`Routing::aggregate`] sets how their
    /// answers become one result.
    pub fn route<M: Message + Clone + Send + 'static>(&self, message: M) -> Routing<M>
    where
        M::Result: Send,
    {
        Routing::new(Arc::clone(&self.shared), self.within, message)
    }

    // ---- one of many -----------------------------------------------------------

    /// Sends a message to one of its handlers without waiting. [`Router::balance`] decides which
    /// one, and whether another is tried when that is full.
    ///
    /// # Errors
    /// [`Unrouted`] with the message, when no handler took it.
    pub fn send_one<M: Message + Send + 'static>(&self, message: M) -> Result<(), Unrouted<M>>
    where
        M::Result: Send,
    {
        let mut unsent = no_handler(message);
        for route in self.candidates(&unsent) {
            // Only a message that came back may be sent to another handler.
            let Some(message) = unsent.message.take() else { break };
            match route.port.try_tell(message) {
                Ok(()) => return Ok(()),
                Err(refused) => {
                    let error = RouteError::from_send(route.actor.path(), refused.failure);
                    unsent = Unrouted { error, message: Some(refused.message) };
                }
            }
        }
        Err(unsent)
    }

    /// Asks one of the handlers of a message. [`Router::balance`] decides which one, and whether
    /// another is tried when that cannot take it. A message that was sent is never sent again.
    ///
    /// The router's deadline bounds the whole call.
    ///
    /// # Errors
    /// [`Unrouted`] when there is no answer; with the message when no handler got it.
    pub async fn ask_one<M: Message + Send + 'static>(
        &self,
        message: M,
    ) -> Result<M::Result, Unrouted<M>>
    where
        M::Result: Send,
    {
        // One deadline for all tries: the caller's time does not grow with the number of handlers.
        let until = later(Instant::now(), self.within);
        let mut unsent = no_handler(message);
        let mut candidates = self.candidates(&unsent);
        // An ask waits for room, so handlers that have some come first. The sort is stable: when
        // none has room, the chosen one is the one to wait for.
        candidates.sort_by_key(|route| route.actor.is_full());
        for route in candidates {
            let Some(message) = unsent.message.take() else { break };
            let left = until.saturating_duration_since(Instant::now());
            match route.port.ask(message, left).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    let AskError { failure, message, .. } = error;
                    let error = RouteError::from_ask(route.actor.path(), failure);
                    unsent = Unrouted { error, message };
                }
            }
        }
        Err(unsent)
    }

    /// Returns the handlers to try for a message, in this order.
    fn candidates<M: Message + Send + 'static>(&self, unsent: &Unrouted<M>) -> Vec<Route<M>>
    where
        M::Result: Send,
    {
        let table = self.shared.table();
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

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("within", &self.within).finish_non_exhaustive()
    }
}
