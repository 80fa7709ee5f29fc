//! The access of a component to its surroundings.

use std::ops::Deref;

use ms_actor::{AnyRef, OpenResource};
use ms_core::lifecycle::ComponentId;
use ms_core::{ExitReason, Incarnation};

use super::{ComponentFailure, DependencyError, Scope, StateSnapshot};
use crate::service::ServiceHandle;

/// The surroundings of a component, passed to each of its methods. Cheap to clone, for tasks that
/// it spawns.
#[derive(Debug, Clone)]
pub struct ComponentContext {
    pub(crate) scope: Scope,
    pub(crate) me: AnyRef,
    pub(crate) life: Incarnation,
    pub(crate) service: ServiceHandle,
}

/// Gives access to the service: its node, its gate, its health.
impl Deref for ComponentContext {
    type Target = ServiceHandle;

    fn deref(&self) -> &ServiceHandle {
        &self.service
    }
}

impl ComponentContext {
    /// Returns the component's id.
    #[must_use]
    pub fn id(&self) -> &ComponentId {
        self.scope.id()
    }

    /// Returns what another component provides as a `T`. The spec of this component has to declare
    /// [`requires::<T>`](crate::ComponentSpec::requires): then a provider exists, or nothing would
    /// have started. A provider that makes the value in its start makes a new one after a restart:
    /// ask again, or let the supervisor restart both (`RestForOne`).
    ///
    /// # Errors
    /// [`DependencyError`]: the type is not declared, or its provider has not given a value.
    pub fn require<T: Clone + Send + Sync + 'static>(&self) -> Result<T, DependencyError> {
        self.scope.require()
    }

    /// Gives a value that this component declared with
    /// [`provides_later`](crate::ComponentSpec::provides_later). Call it in init or start, so that
    /// the components that need it find it. A value given before is replaced.
    ///
    /// # Errors
    /// [`DependencyError`]: the type is not declared.
    pub fn provide<T: Clone + Send + Sync + 'static>(
        &self,
        value: T,
    ) -> Result<(), DependencyError> {
        self.scope.provide(value)
    }

    /// Lists a resource as open until the returned guard is dropped. The report of a shutdown names
    /// what is still open at its end.
    pub fn track(&self, resource: impl Into<String>) -> OpenResource {
        self.service.node().resources().open(format!("{}: {}", self.id(), resource.into()))
    }

    /// Ends this incarnation of the component with an error, from a task of it. Its supervisor
    /// decides what comes next.
    pub fn fail(&self, error: impl Into<ComponentFailure>) {
        // A task may outlive its incarnation. It must not end the next one, which is healthy.
        if self.me.incarnation() == self.life {
            self.me.exit(ExitReason::from_error(&*error.into()));
        }
    }

    /// Returns a snapshot of this component's state.
    #[must_use]
    pub fn snapshot(&self, schema: u32, bytes: Vec<u8>) -> StateSnapshot {
        StateSnapshot { component: self.id().clone(), schema, bytes }
    }
}

/// The surroundings of a component that is a tree, for its maker ([`ComponentSpec::tree_of`]).
///
/// [`ComponentSpec::tree_of`]: crate::ComponentSpec::tree_of
#[derive(Debug, Clone)]
pub struct TreeContext {
    pub(crate) scope: Scope,
    pub(crate) service: ServiceHandle,
}

/// Gives access to the service: its node, its gate, its health.
impl Deref for TreeContext {
    type Target = ServiceHandle;

    fn deref(&self) -> &ServiceHandle {
        &self.service
    }
}

impl TreeContext {
    /// Returns the component's id.
    #[must_use]
    pub fn id(&self) -> &ComponentId {
        self.scope.id()
    }

    /// Returns what another component provides as a `T`; see [`ComponentContext::require`]. A tree
    /// is composed before anything starts: for a value that its provider makes in its start, ask in
    /// the actors of the tree.
    ///
    /// # Errors
    /// [`DependencyError`]: the type is not declared, or its provider has not given a value yet.
    pub fn require<T: Clone + Send + Sync + 'static>(&self) -> Result<T, DependencyError> {
        self.scope.require()
    }
}
