//! What each phase of a boot has started.

use ms_core::ActorPath;
use ms_core::lifecycle::{ComponentId, Phase};

use super::tree::Planned;

/// One phase, and the paths of its components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseContext {
    /// The phase, 1 to 9.
    pub phase: Phase,
    /// Its components, in start order.
    pub components: Vec<(ComponentId, ActorPath)>,
}

/// The nine contexts of a service: runtime, configuration, observability, data, security, core,
/// transport, supervision and applications.
// Paths and no references: a bag of shared handles would let everybody call everybody, which is
// what components declare with `requires` instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemContext {
    /// One context for each phase from 1 to 9.
    pub phases: Vec<PhaseContext>,
}

impl SystemContext {
    /// Lists the components of a plan and the service's own actors by phase.
    pub(super) fn of(planned: &Planned) -> Self {
        let within = Phase::ALL.into_iter().filter(|phase| (1..=9).contains(&phase.number()));
        let phases = within.map(|phase| {
            let ids = planned.plan.levels(phase).iter().flatten().cloned();
            let located = ids.map(|id| {
                let path = planned.components.child(id.as_child());
                (id, path)
            });
            let mut components: Vec<_> = located.collect();
            components
                .extend(planned.own.iter().filter(|own| own.0 == phase).map(|own| own.1.clone()));
            PhaseContext { phase, components }
        });
        Self { phases: phases.collect() }
    }

    /// Returns the context of a phase.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> Option<&PhaseContext> {
        self.phases.iter().find(|one| one.phase == phase)
    }
}
