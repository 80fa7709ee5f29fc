//! Names and services.

use ms_actor::AnyRef;
use ms_control::proto::{Found, Reply};
use ms_control::{ControlError, codes};
use ms_core::Incarnation;

use super::NodeControl;

impl NodeControl {
    /// Who has a name or provides a service: a name comes first, where they are two.
    pub(super) fn lookup(&self, name: &str) -> Result<Reply, ControlError> {
        let Some(registry) = &self.0.shown.registry else {
            return Err(ControlError::refused("this node shows no registry")
                .why("its program has none, or did not give it to RunConfig")
                .next("`msctl tree` finds actors by their place in the tree"));
        };
        let service = registry.service(name);
        let named = registry.whereis(name);
        let provides = service.as_ref().map(|service| service.key.handle().to_owned());
        let Some(actor) = named.or_else(|| service.map(|service| service.actor)) else {
            let error = ControlError::new(&codes::NO_NAME, format!("nobody has the name {name:?}"));
            return Err(match registry.nearest(name) {
                Some(nearest) => error.next(format!("did you mean {nearest:?}?")),
                None => error.next("GET /api/v1/services lists the names of an ms-server"),
            });
        };
        let live = actor.incarnation();
        let groups = registry.groups_of(&actor).iter().map(ToString::to_string).collect();
        Ok(Reply::Found(Found {
            name: name.to_owned(),
            provides,
            path: actor.path().clone(),
            incarnation: (live != Incarnation::NONE).then_some(live),
            lifecycle: AnyRef::lifecycle(&actor),
            groups,
        }))
    }
}
