//! A service as its endpoints see it.

use std::time::Duration;

use ms_actor::Node;
use ms_ops::Desk;
use ms_supervisor::SupervisorRef;

use super::wiring::{ServiceStage, Wiring};
use crate::service::emergency::EmergencyRef;
use crate::service::gate::WorkGate;
use crate::service::health::HealthRef;
use crate::service::interactions::InteractionsRef;
use crate::service::logic::emergency::EmergencyReason;

/// Says that a thread has panicked, when it has.
struct Watched {
    name: String,
    wiring: Wiring,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let why = format!("the thread {}, which is no actor's, panicked", self.name);
            self.wiring.emergency(EmergencyReason::Panic(why));
        }
    }
}

/// A way to a service from within, for trees that are components of it: endpoints show the
/// tree they are part of, ask for its health, and let work in through its gate.
///
/// Cheap to clone; usable from any thread, before the tree is up too.
#[derive(Debug, Clone)]
pub struct ServiceHandle {
    node: Node,
    wiring: Wiring,
}

impl ServiceHandle {
    pub(crate) fn new(node: Node, wiring: Wiring) -> Self {
        Self { node, wiring }
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The root supervisor, while the tree is up.
    #[must_use]
    pub fn root(&self) -> Option<SupervisorRef> {
        self.wiring.handles().map(|handles| handles.root.clone())
    }

    /// The gate that work has to pass.
    #[must_use]
    pub fn gate(&self) -> &WorkGate {
        self.wiring.gate()
    }

    /// The way to every operation on the node, for endpoints that are components; `None` once the
    /// service has ended.
    #[must_use]
    pub fn desk(&self) -> Option<Desk> {
        self.wiring.desk()
    }

    /// Answers for the health of the service.
    #[must_use]
    pub fn health(&self) -> HealthRef {
        HealthRef::new(self.wiring.clone())
    }

    /// Tells how its components get along.
    #[must_use]
    pub fn interactions(&self) -> InteractionsRef {
        InteractionsRef::new(self.wiring.clone())
    }

    /// The way to report what the service cannot live with.
    #[must_use]
    pub fn emergency(&self) -> EmergencyRef {
        EmergencyRef::new(self.wiring.clone())
    }

    /// Starts a thread of the program's own, which nobody supervises: a panic of it is an
    /// emergency, exit code 101. A thread whose work may be done again belongs into an actor.
    ///
    /// # Errors
    /// There is no thread to be had.
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

    /// Resolves when the service begins to shut down.
    pub async fn shutting_down(&self) {
        self.wiring.shutting_down().await;
    }

    /// How long the boot took; `None` until it is done.
    #[must_use]
    pub fn boot_took(&self) -> Option<Duration> {
        self.wiring.published().booted
    }

    /// How far the service has come.
    #[must_use]
    pub fn stage(&self) -> ServiceStage {
        self.wiring.stage()
    }
}
