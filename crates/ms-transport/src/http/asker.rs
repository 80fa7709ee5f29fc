//! Callers over HTTP, as the desk knows them.

use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use ms_ops::{Caller, Credential, Desk, Door, Once, Ongoing, OpKind, Principal, Role, Watching};

use super::accept::Peer;
use super::gateway::Shared;
use super::problem::Problem;

/// Counts a request as inside, past the end of its connection if its work goes on.
#[derive(Clone)]
pub(super) struct Pass {
    _inside: Option<Arc<dyn Any + Send + Sync>>,
}

impl Pass {
    pub(super) fn new(inside: Option<Box<dyn Any + Send + Sync>>) -> Self {
        Self { _inside: inside.map(Arc::from) }
    }
}

/// The state of every route: its listener, and the desk.
#[derive(Clone)]
pub(super) struct Routes {
    pub(super) shared: Arc<Shared>,
    pub(super) desk: Desk,
}

impl FromRef<Routes> for Arc<Shared> {
    fn from_ref(routes: &Routes) -> Self {
        Self::clone(&routes.shared)
    }
}

/// A caller that the guard has let in, and the desk it asks.
pub(super) struct Asker {
    desk: Desk,
    caller: Caller,
    within: Duration,
}

impl FromRequestParts<Routes> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, routes: &Routes) -> Result<Self, Infallible> {
        let credential = match (parts.extensions.get::<Pass>(), parts.extensions.get::<Peer>()) {
            (Some(_), Some(Peer(peer))) => {
                let name = format!("http {}", peer.ip());
                Credential::Known(Principal::new(name, Role::Client))
            }
            // The guard lets probes pass without credentials.
            _ => Credential::Nothing,
        };
        // The address is all that HTTP knows of a caller: a token is that of the node, not of a user.
        let mut caller = Caller::new(Door::Http, credential);
        if let Some(pass) = parts.extensions.get::<Pass>() {
            caller = caller.inside(Box::new(pass.clone()));
        }
        // Whatever takes longer is answered by the guard.
        let limits = &routes.shared.limits;
        let within = limits.body_within.saturating_add(limits.answer_within);
        Ok(Self { desk: routes.desk.clone(), caller, within })
    }
}

impl Asker {
    /// Asks the desk.
    pub(super) async fn ask<O: Once>(self, op: O) -> Result<O::Answer, Problem> {
        Ok(self.desk.call(self.caller, self.within, op).await?)
    }

    /// Asks the desk for the items of an operation that goes on.
    pub(super) fn watch<O: Ongoing>(self, op: O) -> Result<Watching<O::Answer>, Problem> {
        // A stream is no work that a node which stops waits for: held until its end, the pass of
        // this request would keep the node from draining.
        let caller = self.caller.inside(Box::new(()));
        Ok(self.desk.watch(caller, self.within, op)?)
    }

    /// Returns the kind of the operation with this name, if there is one.
    pub(super) fn kind_of(&self, name: &str) -> Option<OpKind> {
        self.desk.table().row(name).ok().map(|row| row.kind)
    }

    /// Asks the desk for an operation by its name.
    pub(super) async fn ask_named(
        self,
        name: &str,
        fields: serde_json::Value,
    ) -> Result<ms_ops::Written, Problem> {
        Ok(self.desk.call_named(self.caller, self.within, name, fields).await?)
    }
}
