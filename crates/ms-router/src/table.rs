//! The routing table: the handlers of each message type. Immutable once published.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::Message;
use ms_actor::{AnyRef, Port};
use ms_core::ExitReason;
use ms_core::view::Lifecycle;

use crate::error::RouterError;
use crate::logic::balance::{Balance, FailOver, RouteStrategy, Standing, stable_hash};

/// The number of one route, unique within the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteId {
    // With the type, `remove` finds the list without a walk over all types.
    message: TypeId,
    number: u64,
}

impl RouteId {
    fn next<M: 'static>() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { message: TypeId::of::<M>(), number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

/// One handler of a message type.
#[derive(Debug)]
pub(crate) struct Route<M: Message> {
    pub(crate) id: RouteId,
    pub(crate) port: Port<M>,
    pub(crate) actor: AnyRef,
}

impl<M: Message> Route<M> {
    /// Returns how the handler can be reached right now.
    pub(crate) fn standing(&self) -> Standing {
        if self.actor.is_closed() {
            return Standing::Closed;
        }
        match self.actor.lifecycle() {
            Lifecycle::Running | Lifecycle::Starting => Standing::Serving,
            _ => Standing::Down,
        }
    }
}

impl<M: Message> Clone for Route<M> {
    fn clone(&self) -> Self {
        Self { id: self.id, port: self.port.clone(), actor: self.actor.clone() }
    }
}

/// All handlers of a message type.
#[derive(Debug)]
pub(crate) struct Routes<M: Message> {
    pub(crate) list: Vec<Route<M>>,
    pub(crate) balance: Balance<M>,
}

impl<M: Message + Send + 'static> Routes<M>
where
    M::Result: Send,
{
    fn with(list: Vec<Route<M>>, balance: &Balance<M>) -> Self {
        // Hashes of paths, which are the same after a restart: no key moves because of one.
        let balance =
            balance.over(list.iter().map(|route| stable_hash(route.actor.path().as_str())));
        Self { list, balance }
    }

    /// Returns the indices of the handlers to try for one message, in this order.
    pub(crate) fn order(&self, message: &M) -> Vec<usize> {
        let standing = |at: usize| self.list[at].standing();
        self.balance.order(message, self.list.len(), standing, |at| self.list[at].actor.depth())
    }
}

/// [`Routes`] of a message type that the holder does not know.
pub(crate) trait AnyRoutes: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    /// Returns the name of the message type.
    fn message(&self) -> &'static str;
    fn actors(&self) -> Vec<AnyRef>;
    /// Returns the routes without those that `which` selects; `None` when it selects none.
    fn without(&self, which: &dyn Fn(RouteId, &AnyRef) -> bool) -> Option<Arc<dyn AnyRoutes>>;
}

impl<M: Message + Send + 'static> AnyRoutes for Routes<M>
where
    M::Result: Send,
{
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn message(&self) -> &'static str {
        type_name::<M>()
    }

    fn actors(&self) -> Vec<AnyRef> {
        self.list.iter().map(|route| route.actor.clone()).collect()
    }

    fn without(&self, which: &dyn Fn(RouteId, &AnyRef) -> bool) -> Option<Arc<dyn AnyRoutes>> {
        let left: Vec<_> =
            self.list.iter().filter(|route| !which(route.id, &route.actor)).cloned().collect();
        (left.len() < self.list.len())
            .then(|| Arc::new(Self::with(left, &self.balance)) as Arc<dyn AnyRoutes>)
    }
}

/// Routes by message type. A clone copies one pointer for each type.
#[derive(Clone, Default)]
pub(crate) struct Table(HashMap<TypeId, Arc<dyn AnyRoutes>>);

impl Table {
    pub(crate) fn of<M: Message + Send + 'static>(&self) -> Option<&Routes<M>>
    where
        M::Result: Send,
    {
        self.0.get(&TypeId::of::<M>())?.as_any().downcast_ref()
    }

    /// Returns the routes of this type whose handler has not ended for good. It may have ended since
    /// the table was published, and must not get messages until the actor has pruned it.
    pub(crate) fn open<M: Message + Send + 'static>(&self) -> Vec<Route<M>>
    where
        M::Result: Send,
    {
        let routes = self.of::<M>().map(|routes| routes.list.iter()).unwrap_or_default();
        routes.filter(|route| route.standing() != Standing::Closed).cloned().collect()
    }

    fn put<M: Message + Send + 'static>(&mut self, routes: Routes<M>)
    where
        M::Result: Send,
    {
        self.0.insert(TypeId::of::<M>(), Arc::new(routes));
    }

    /// Adds routes, all or none. An actor that already has one keeps it.
    pub(crate) fn add<M: Message + Send + 'static>(
        &mut self,
        ports: Vec<Port<M>>,
        max: usize,
    ) -> Result<Vec<RouteId>, RouterError>
    where
        M::Result: Send,
    {
        let fresh = Balance::default();
        let (mut list, balance) = match self.of::<M>() {
            Some(known) => (known.list.clone(), &known.balance),
            None => (Vec::new(), &fresh),
        };
        // By actor: with a walk over the list for each, adding n routes at once would cost n².
        let mut numbers: HashMap<AnyRef, RouteId> =
            list.iter().map(|route| (route.actor.clone(), route.id)).collect();
        let mut ids = Vec::with_capacity(ports.len());
        for port in ports {
            let actor = port.any();
            if actor.is_closed() {
                let reason = actor.last_exit().unwrap_or(ExitReason::NoProc);
                return Err(RouterError::HandlerGone { handler: actor.path().clone(), reason });
            }
            ids.push(*numbers.entry(actor.clone()).or_insert_with(|| {
                let id = RouteId::next::<M>();
                list.push(Route { id, port, actor });
                id
            }));
        }
        if list.len() > max {
            return Err(RouterError::TooManyRoutes { message: type_name::<M>(), max });
        }
        // Only now, after every port has been checked: all or none.
        let routes = Routes::with(list, balance);
        self.put(routes);
        Ok(ids)
    }

    /// Removes a route.
    pub(crate) fn remove(&mut self, id: RouteId) -> Result<(), RouterError> {
        let routes = self.0.get_mut(&id.message).ok_or(RouterError::NoSuchRoute)?;
        *routes = routes.without(&|known, _| known == id).ok_or(RouterError::NoSuchRoute)?;
        Ok(())
    }

    /// Removes all routes to an actor. Returns false when there were none.
    pub(crate) fn drop_actor(&mut self, actor: &AnyRef) -> bool {
        let mut dropped = false;
        for routes in self.0.values_mut() {
            if let Some(left) = routes.without(&|_, known| known == actor) {
                *routes = left;
                dropped = true;
            }
        }
        dropped
    }

    /// Sets how a handler of this type is chosen.
    pub(crate) fn balance<M: Message + Send + 'static>(
        &mut self,
        strategy: RouteStrategy<M>,
        fail_over: FailOver,
    ) where
        M::Result: Send,
    {
        let list = self.of::<M>().map(|known| known.list.clone()).unwrap_or_default();
        let balance = Balance::new(strategy, fail_over);
        self.put(Routes::with(list, &balance));
    }

    /// Returns the message types, each with its handlers.
    pub(crate) fn types(&self) -> impl Iterator<Item = (&'static str, Vec<AnyRef>)> {
        self.0.values().map(|routes| (routes.message(), routes.actors()))
    }

    /// Returns the handlers of all types, some of them more than once.
    pub(crate) fn actors(&self) -> impl Iterator<Item = AnyRef> {
        self.0.values().flat_map(|routes| routes.actors())
    }
}
