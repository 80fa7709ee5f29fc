//! The router's actor, which owns and prunes the table. Messages do not pass through it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use actix::{Actor, Handler, MessageResult};
use ms_actor::{AnyRef, Context, LifeChange, LifecycleEvent, StateValue};

use crate::messages::{Do, Edit};
use crate::state::Shared;
use crate::table::Table;

/// The actor behind a [`Router`](crate::Router).
///
/// Start it with [`Router::spawn`](crate::Router::spawn), or hand
/// [`Router::blueprint`](crate::Router::blueprint) to a supervisor. When it crashes, the
/// routes stay: its next incarnation goes on from the published table.
pub struct RouterActor {
    shared: Arc<Shared>,
    /// The working copy. It is published as a whole after each change.
    table: Table,
    /// Actors whose end this actor is notified of.
    followed: HashSet<AnyRef>,
}

impl RouterActor {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let table = Table::clone(&shared.table());
        Self { shared, table, followed: HashSet::new() }
    }

    /// Returns the state for inspectors: the handlers of each message type.
    pub(crate) fn view(&self) -> StateValue {
        let paths = |actors: Vec<AnyRef>| {
            StateValue::list(actors.iter().map(|actor| actor.path().as_str().into()))
        };
        let routes: BTreeMap<_, _> = self.table.types().collect();
        let routes = routes.into_iter().filter(|(_, actors)| !actors.is_empty());
        StateValue::map([
            ("handlers", StateValue::from(self.followed.len() as u64)),
            ("routes", StateValue::map(routes.map(|(message, actors)| (message, paths(actors))))),
        ])
    }

    /// Publishes the table, and follows exactly the actors that are in it.
    fn publish(&mut self, ctx: &mut Context<Self>) {
        self.shared.publish(self.table.clone());
        let wanted: HashSet<_> = self.table.actors().collect();
        for fresh in wanted.difference(&self.followed) {
            ctx.follow(fresh);
        }
        for stale in self.followed.difference(&wanted) {
            ctx.unfollow(stale);
        }
        self.followed = wanted;
    }
}

impl Actor for RouterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // The mailbox of the life before may have had the end of a handler in it. Following anew
        // tells at once of those that are gone.
        self.publish(ctx);
    }
}

impl Handler<LifecycleEvent> for RouterActor {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, ctx: &mut Self::Context) {
        if matches!(event.change, LifeChange::Gone(_)) && self.table.drop_actor(&event.of) {
            self.publish(ctx);
        }
    }
}

impl<E: Edit> Handler<Do<E>> for RouterActor {
    type Result = MessageResult<Do<E>>;

    fn handle(&mut self, Do(edit): Do<E>, ctx: &mut Self::Context) -> Self::Result {
        let answer = edit.edit(&mut self.table);
        self.publish(ctx);
        MessageResult(answer)
    }
}

impl std::fmt::Debug for RouterActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouterActor")
            .field("handlers", &self.followed.len())
            .finish_non_exhaustive()
    }
}
