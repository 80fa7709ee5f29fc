//! The actor as a child of a supervisor, or as a component of a service.

use ms_actor::host::Blueprint;
use ms_config::Settings;
use ms_core::lifecycle::Phase;
use ms_supervisor::{ChildSpec, SupervisorSpec};

use super::actor::ConfigActor;
use super::handle::ConfigHandle;
use super::messages::Reloaded;
use crate::service::components::{ComponentFailure, ComponentSpec, ReloadOutcome};

impl<C: Settings> ConfigHandle<C> {
    /// Returns the actor as a child for a supervisor. Use it once per handle.
    #[must_use]
    pub fn child(&self, id: impl AsRef<str>) -> ChildSpec {
        ChildSpec::blueprint(id, self.blueprint())
    }

    /// Returns the actor as a component of a service, in phase 2. SIGHUP makes it read everything
    /// again, whether it noticed a change or not. It is the child `watcher` of the supervisor `id`.
    #[must_use]
    pub fn component(&self, id: impl AsRef<str>) -> ComponentSpec {
        let handle = self.clone();
        ComponentSpec::tree(SupervisorSpec::one_for_one(id).child(self.child("watcher")))
            .phase(Phase::Configuration)
            .provides(self.clone())
            .on_reload(move |within| {
                let handle = handle.clone();
                async move { outcome(handle.reload(within).await?) }
            })
    }

    /// Returns the blueprint of the actor.
    #[must_use]
    pub fn blueprint(&self) -> Blueprint {
        let handle = self.clone();
        let factory = move |_: &_| Ok(ConfigActor::new(handle.clone()));
        Blueprint::with_view(
            factory,
            <ConfigActor<C> as ms_actor::Hosted>::TIER,
            Some(ConfigActor::view),
        )
    }
}

/// Translates a reload of the files into the outcome of the component.
fn outcome(read: Reloaded) -> Result<ReloadOutcome, ComponentFailure> {
    match read {
        Reloaded::Unchanged => Ok(ReloadOutcome::Unchanged),
        Reloaded::Changed { live, restart } => {
            let lists = [("in force", live), ("waiting for a restart", restart)];
            let lists = lists.iter().filter(|(_, keys)| !keys.is_empty());
            let texts: Vec<_> =
                lists.map(|(what, keys)| format!("{what}: {}", keys.join(", "))).collect();
            Ok(ReloadOutcome::Changed(texts.join("; ")))
        }
        Reloaded::Failed(problems) => {
            Err(format!("keeping the last good configuration; {}", problems.join("; ")).into())
        }
    }
}
