//! The router's actor: it owns the table and prunes it. Messages do not pass through it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use actix::{Actor, Handler, Message, MessageResult};
use ms_actor::{AnyRef, Context, LifeChange, LifecycleEvent, StateValue};

use crate::router::Shared;
use crate::table::Table;

/// The actor behind a [`Router`](crate::Router).
///
/// Start it with [`Router::spawn`](crate::Router::spawn), or hand
/// [`Router::blueprint`](crate::Router::blueprint) to a supervisor. When it crashes, the
/// routes stay: they are in the published table, which its next incarnation goes on from.
pub struct RouterActor {
    shared: Arc<Shared>,
    table: Table,
    followed: HashSet<AnyRef>,
}

impl RouterActor {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let table = Table::clone(&shared.table());
        Self { shared, table, followed: HashSet::new() }
    }

    /// What an inspector is shown: who takes which type of message.
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

    /// Publishes the table, and follows exactly those a route leads to.
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
        self.publish(ctx);
    }
}

impl Handler<LifecycleEvent> for RouterActor {
    type Result = ();

    fn handle(&mut self, news: LifecycleEvent, ctx: &mut Self::Context) {
        if matches!(news.change, LifeChange::Gone(_)) && self.table.drop_actor(&news.of) {
            self.publish(ctx);
        }
    }
}

/// One change of the table; what it returns is the answer.
pub(crate) trait Edit: Send + 'static {
    type Answer: Send + 'static;

    fn edit(self, table: &mut Table) -> Self::Answer;
}

/// A change on its way to the actor.
pub(crate) struct Do<E>(pub(crate) E);

impl<E: Edit> Message for Do<E> {
    type Result = E::Answer;
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
