//! A component's way to its surroundings.

use std::ops::Deref;

use ms_actor::{AnyRef, OpenResource};
use ms_core::lifecycle::ComponentId;
use ms_core::{ExitReason, Incarnation};

use super::{ComponentFailure, DependencyError, Scope, StateSnapshot};
use crate::service::ServiceHandle;

/// What a component is given with every call. Cheap to clone, for tasks it spawns.
#[derive(Debug, Clone)]
pub struct ComponentContext {
    pub(crate) scope: Scope,
    pub(crate) me: AnyRef,
    pub(crate) life: Incarnation,
    pub(crate) service: ServiceHandle,
}

/// The service it is part of: its node, its gate, its health.
impl Deref for ComponentContext {
    type Target = ServiceHandle;

    fn deref(&self) -> &ServiceHandle {
        &self.service
    }
}

impl ComponentContext {
    /// The component's id.
    #[must_use]
    pub fn id(&self) -> &ComponentId {
        self.scope.id()
    }

    /// What another component provides as a `T`. The spec of this one has to say
    /// [`requires::<T>`](crate::ComponentSpec::requires): then there is a provider, or nothing
    /// would have started. A provider that gives what each of its lives opens gives a new one
    /// after its restart: ask again, or be restarted with it (`RestForOne`).
    ///
    /// # Errors
    /// [`DependencyError`]: it is not declared, or its provider did not give it.
    pub fn require<T: Clone + Send + Sync + 'static>(&self) -> Result<T, DependencyError> {
        self.scope.require()
    }

    /// Gives what this component has said that it
    /// [provides later](crate::ComponentSpec::provides_later): in its init or start, so that
    /// those who need it find it. What was given before is replaced.
    ///
    /// # Errors
    /// [`DependencyError`]: it is not declared.
    pub fn provide<T: Clone + Send + Sync + 'static>(
        &self,
        value: T,
    ) -> Result<(), DependencyError> {
        self.scope.provide(value)
    }

    /// Lists a resource as open until what this returns is dropped; what is still open at
    /// the end of a shutdown is named in its report.
    pub fn track(&self, resource: impl Into<String>) -> OpenResource {
        self.service.node().resources().open(format!("{}: {}", self.id(), resource.into()))
    }

    /// Ends this life of the component with an error, from a task of it: its supervisor
    /// decides what comes next. A task that outlived its life's end changes nothing.
    pub fn fail(&self, error: impl Into<ComponentFailure>) {
        if self.me.incarnation() == self.life {
            self.me.exit(ExitReason::from_error(&*error.into()));
        }
    }

    /// A snapshot of this component's state.
    #[must_use]
    pub fn snapshot(&self, schema: u32, bytes: Vec<u8>) -> StateSnapshot {
        StateSnapshot { component: self.id().clone(), schema, bytes }
    }
}

/// What the maker of a component that is a tree is given ([`ComponentSpec::tree_of`]).
///
/// [`ComponentSpec::tree_of`]: crate::ComponentSpec::tree_of
#[derive(Debug, Clone)]
pub struct TreeContext {
    pub(crate) scope: Scope,
    pub(crate) service: ServiceHandle,
}

/// The service it is part of: its node, its gate, its health.
impl Deref for TreeContext {
    type Target = ServiceHandle;

    fn deref(&self) -> &ServiceHandle {
        &self.service
    }
}

impl TreeContext {
    /// The component's id.
    #[must_use]
    pub fn id(&self) -> &ComponentId {
        self.scope.id()
    }

    /// What another component provides as a `T`, as [`ComponentContext::require`]. A tree is put
    /// together before anything starts: what its provider gives only when it starts is to be
    /// asked for by the actors of the tree.
    ///
    /// # Errors
    /// [`DependencyError`]: it is not declared, or its provider has not given it yet.
    pub fn require<T: Clone + Send + Sync + 'static>(&self) -> Result<T, DependencyError> {
        self.scope.require()
    }
}
