//! Bringing the tree of a service up, on the actix system of the caller.

use ms_actor::Node;
use tokio::sync::mpsc;

use super::builder::Builder;
use super::health::HealthRef;
use super::logic::emergency::EmergencyReason;
use super::logic::plan::BootPlan;
use super::preflight::PreFlightReport;
use super::tree::{self, Planned};
use super::wiring::Wiring;
use super::{Raised, Service, TREE_WITHIN};
use crate::control::NodeControl;
use crate::node::{RunError, Runtime};

impl Builder {
    /// Puts the components in order, without starting anything.
    ///
    /// # Errors
    /// Ids, dependencies, what is required and not provided, phases, the wished order or
    /// settings at fault, named.
    pub fn plan(&self) -> Result<BootPlan, RunError> {
        self.settings.check()?;
        Ok(Planned::new(self)?.plan)
    }

    /// Starts the service on the actix system of this thread: for tests, and for programs
    /// with a main loop of their own. No signal is looked at.
    ///
    /// # Errors
    /// As [`Builder::run`].
    pub async fn start(self) -> Result<Service, RunError> {
        let checked = self.clone();
        let preflight = tokio::task::spawn_blocking(move || checked.check()).await;
        let preflight = preflight.map_err(|_| RunError::Panicked)??;
        let node = Node::boot(self.settings.run.node.clone())?;
        let (wiring, emergencies) = Wiring::new(self.settings.health);
        let raised = self.raise(node, preflight, wiring, emergencies).await?;
        Service::boot(raised).await
    }

    /// Brings the tree up; its components wait for the boot.
    pub(super) async fn raise(
        self,
        node: Node,
        preflight: PreFlightReport,
        wiring: Wiring,
        emergencies: mpsc::Receiver<EmergencyReason>,
    ) -> Result<Raised, RunError> {
        self.settings.check()?;
        let plan = Planned::new(&self)?;
        let run = self.settings.run.clone();
        let control = NodeControl::new(node.clone(), run.allow_faults, run.exposed.clone());
        let desk = control.desk();
        control.provide_health(&desk, HealthRef::new(wiring.clone()));
        wiring.open(desk.clone());
        let tree = tree::tree(&self, &plan, &wiring, &node)?;
        let runtime = Runtime::start_with(node, run, (control, desk), |_| tree).await?;
        if let Err(error) = tree::connect(runtime.node(), runtime.root(), &wiring).await {
            let _ = runtime.stop(TREE_WITHIN).await;
            return Err(tree::lost(&error).into());
        }
        let boot_within = plan.longest_boot();
        let shutdown = self.settings.shutdown;
        Ok(Raised { runtime, wiring, emergencies, preflight, plan, shutdown, boot_within })
    }
}
