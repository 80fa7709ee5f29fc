//! The builder of dynamic children.

use ms_actor::Hosted;
use ms_actor::host::Blueprint;
use ms_core::{ChildId, IdError};

use super::{DynamicChild, Make, SupervisorSpec};

impl DynamicChild {
    /// Describes one more actor, made by `factory`.
    pub fn actor<A: Hosted>(factory: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self::blueprint(Blueprint::actor(factory))
    }

    /// Describes one more actor, made of a blueprint.
    #[must_use]
    pub fn blueprint(blueprint: Blueprint) -> Self {
        Self { name: None, make: Make::Actor(blueprint) }
    }

    /// Describes one more supervisor, with its own children below it; it is named by its id.
    #[must_use]
    pub fn supervisor(supervisor: SupervisorSpec) -> Self {
        Self { name: Some(supervisor.id.clone()), make: Make::Supervisor(Box::new(supervisor)) }
    }

    /// Sets its name in the tree, unique among the present children; without one it gets a number.
    #[must_use]
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        self.name = Some(ChildId::new(name));
        self
    }

    /// Returns its name, if it has one, and what is made.
    pub(crate) fn into_parts(self) -> (Option<Result<ChildId, IdError>>, Make) {
        (self.name, self.make)
    }
}
