//! A component's way to its surroundings.

use ms_actor::{AnyRef, Node};
use ms_core::lifecycle::ComponentId;
use ms_core::{ExitReason, Incarnation};

use super::{ComponentFailure, StateSnapshot};
use crate::cleanup::TrackedResource;
use crate::emergency::EmergencyRef;
use crate::gate::WorkGate;
use crate::health::HealthRef;
use crate::service::Wiring;

/// What a component is given with every call. Cheap to clone, for tasks it spawns.
#[derive(Debug, Clone)]
pub struct ComponentContext {
    pub(crate) id: ComponentId,
    pub(crate) me: AnyRef,
    pub(crate) life: Incarnation,
    pub(crate) node: Node,
    pub(crate) wiring: Wiring,
}

impl ComponentContext {
    /// The component's id.
    #[must_use]
    pub fn id(&self) -> &ComponentId {
        &self.id
    }

    /// The node it lives on.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The gate that work has to pass.
    #[must_use]
    pub fn gate(&self) -> &WorkGate {
        self.wiring.gate()
    }

    /// Answers for the health of the service.
    #[must_use]
    pub fn health(&self) -> HealthRef {
        HealthRef::new(self.wiring.clone())
    }

    /// The way to report what the service cannot live with.
    #[must_use]
    pub fn emergency(&self) -> EmergencyRef {
        EmergencyRef::new(self.wiring.clone())
    }

    /// Resolves when the service begins to shut down; for tasks of the component.
    pub async fn shutting_down(&self) {
        self.wiring.shutting_down().await;
    }

    /// Lists a resource as open until what this returns is dropped; what is still open at
    /// the end of a shutdown is named in its report.
    pub fn track(&self, resource: impl Into<String>) -> TrackedResource {
        TrackedResource::open(&self.wiring, format!("{}: {}", self.id, resource.into()))
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
