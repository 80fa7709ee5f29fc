//! A component's way to its surroundings.

use std::ops::Deref;

use ms_actor::AnyRef;
use ms_core::lifecycle::ComponentId;
use ms_core::{ExitReason, Incarnation};

use super::{ComponentFailure, StateSnapshot};
use crate::cleanup::TrackedResource;
use crate::service::ServiceHandle;

/// What a component is given with every call. Cheap to clone, for tasks it spawns.
#[derive(Debug, Clone)]
pub struct ComponentContext {
    pub(crate) id: ComponentId,
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
        &self.id
    }

    /// Lists a resource as open until what this returns is dropped; what is still open at
    /// the end of a shutdown is named in its report.
    pub fn track(&self, resource: impl Into<String>) -> TrackedResource {
        TrackedResource::open(self.service.wiring(), format!("{}: {}", self.id, resource.into()))
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
        StateSnapshot { component: self.id.clone(), schema, bytes }
    }
}
