//! A service as its own components see it.

use std::time::Duration;

use ms_actor::Node;
use ms_ops::Desk;
use ms_supervisor::SupervisorRef;

use super::stage::ServiceStage;
use super::wiring::Wiring;
use crate::service::emergency::EmergencyRef;
use crate::service::gate::WorkGate;
use crate::service::health::HealthRef;
use crate::service::interactions::InteractionsRef;
use crate::service::logic::emergency::EmergencyReason;

/// Raises an emergency if its thread panics.
// By its drop, during the unwinding: nobody joins such a thread, so nobody else would notice.
struct Watched {
    name: String,
    wiring: Wiring,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let why = format!("the thread {} panicked, outside any actor", self.name);
            self.wiring.emergency(EmergencyReason::Panic(why));
        }
    }
}

/// A reference to a service for its own components: endpoints show the tree that they are part of,
/// ask for its health, and let work in through its gate.
///
/// Cheap to clone. Usable from any thread, and before the tree is up.
#[derive(Debug, Clone)]
pub struct ServiceHandle {
    node: Node,
    wiring: Wiring,
}

impl ServiceHandle {
    pub(crate) fn new(node: Node, wiring: Wiring) -> Self {
        Self { node, wiring }
    }

    /// Returns the node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Returns the root supervisor, while the tree is up.
    #[must_use]
    pub fn root(&self) -> Option<SupervisorRef> {
        self.wiring.handles().map(|handles| handles.root.clone())
    }

    /// Returns the gate that all work has to pass.
    #[must_use]
    pub fn gate(&self) -> &WorkGate {
        self.wiring.gate()
    }

    /// Returns the desk, through which every operation on the node goes, for endpoints that are
    /// components; `None` once the service has ended.
    #[must_use]
    pub fn desk(&self) -> Option<Desk> {
        self.wiring.desk()
    }

    /// Returns a reference to the health of the service.
    #[must_use]
    pub fn health(&self) -> HealthRef {
        HealthRef::new(self.wiring.clone())
    }

    /// Returns a reference to the statistics of calls between its components.
    #[must_use]
    pub fn interactions(&self) -> InteractionsRef {
        InteractionsRef::new(self.wiring.clone())
    }

    /// Returns a reference that reports emergencies.
    #[must_use]
    pub fn emergency(&self) -> EmergencyRef {
        EmergencyRef::new(self.wiring.clone())
    }

    /// Starts a thread of the program itself, which nobody supervises. A panic of it is an
    /// emergency with exit code 101. Work that can be started again belongs into an actor.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn thread(
        &self,
        name: impl Into<String>,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        let (name, wiring) = (name.into(), self.wiring.clone());
        let watched = Watched { name: name.clone(), wiring };
        std::thread::Builder::new().name(name).spawn(move || {
            let _watched = watched;
            work();
        })
    }

    /// Waits until the service begins to shut down.
    pub async fn shutting_down(&self) {
        self.wiring.shutting_down().await;
    }

    /// Returns how long the boot took; `None` until it is done.
    #[must_use]
    pub fn boot_took(&self) -> Option<Duration> {
        self.wiring.published().booted
    }

    /// Returns the stage that the service has reached.
    #[must_use]
    pub fn stage(&self) -> ServiceStage {
        self.wiring.stage()
    }
}
