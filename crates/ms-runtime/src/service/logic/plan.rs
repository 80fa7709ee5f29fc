//! The plan of a boot: which components start in which phase and level.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ms_core::lifecycle::{ComponentId, Phase};

use super::graph::{DependencyGraph, GraphError, OrderHint};

/// What a plan needs to know of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedComponent {
    /// Its id.
    pub id: ComponentId,
    /// Components that must run before it starts.
    pub needs: Vec<ComponentId>,
    /// The phase in which it starts.
    pub phase: Phase,
    /// The time for its start.
    pub start_within: Duration,
    /// The time for its stop.
    pub stop_within: Duration,
}

/// A checked boot: which components start in which phase and level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootPlan {
    levels: BTreeMap<Phase, Vec<Vec<ComponentId>>>,
    components: BTreeMap<ComponentId, PlannedComponent>,
    order: Vec<ComponentId>,
}

impl BootPlan {
    /// Sorts components into phases and levels.
    ///
    /// # Errors
    /// [`GraphError`], which names the components at fault.
    pub fn new(components: Vec<PlannedComponent>, hint: &OrderHint) -> Result<Self, GraphError> {
        let declared = components.iter().map(|one| (one.id.clone(), one.needs.clone()));
        let graph = DependencyGraph::new(declared)?;
        graph.check_hint(hint)?;
        let components: BTreeMap<_, _> =
            components.into_iter().map(|one| (one.id.clone(), one)).collect();
        components.values().try_for_each(|one| check_phase(one, &components))?;
        let levels: BTreeMap<_, _> = Phase::ALL
            .into_iter()
            .map(|phase| {
                let here = components.values().filter(|one| one.phase == phase);
                let here: BTreeSet<_> = here.map(|one| one.id.clone()).collect();
                (phase, graph.levels_of(&here, hint))
            })
            .collect();
        let order = levels.values().flatten().flatten().cloned().collect();
        Ok(Self { levels, components, order })
    }

    /// Returns the levels of a phase.
    #[must_use]
    pub fn levels(&self, phase: Phase) -> &[Vec<ComponentId>] {
        self.levels.get(&phase).map_or(&[], Vec::as_slice)
    }

    /// Returns all components in start order. The reverse is the stop order.
    #[must_use]
    pub fn start_order(&self) -> &[ComponentId] {
        &self.order
    }

    /// Returns what is planned for one component.
    #[must_use]
    pub fn component(&self, id: &ComponentId) -> Option<&PlannedComponent> {
        self.components.get(id)
    }
}

fn check_phase(
    one: &PlannedComponent,
    all: &BTreeMap<ComponentId, PlannedComponent>,
) -> Result<(), GraphError> {
    let (component, phase) = (one.id.clone(), one.phase);
    if !phase.starts_components() {
        return Err(GraphError::NoComponentsIn { component, phase });
    }
    // Sorting by phase comes before sorting by need, so a need in a later phase could never be met.
    let later = one.needs.iter().filter_map(|need| all.get(need)).find(|need| need.phase > phase);
    match later {
        Some(need) => {
            let (dependency, later) = (need.id.clone(), need.phase);
            Err(GraphError::LaterPhase { component, phase, dependency, later })
        }
        None => Ok(()),
    }
}
