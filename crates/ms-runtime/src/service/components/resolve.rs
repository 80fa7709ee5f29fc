//! Matches what specs require with what others provide.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use ms_core::lifecycle::ComponentId;

use super::ComponentSpec;
use super::dependencies::{
    Absent, Dependencies, DependencyError, DependencyErrors, Provider, Provision, Scope, TypeKey,
};

impl Dependencies {
    /// Collects what components provide that were resolved before.
    pub(crate) fn of(specs: &[ComponentSpec]) -> Self {
        let provided = specs.iter().filter_map(|spec| Some((spec.id.as_ref().ok()?, spec)));
        let provided = provided.flat_map(|(id, spec)| {
            spec.provides.iter().map(|one| {
                let value = ArcSwapOption::from(one.value.clone().map(Arc::new));
                (one.key.id, Provider { by: id.clone(), value })
            })
        });
        Self(Arc::new(provided.collect()))
    }

    /// Returns the access of one component.
    pub(crate) fn scope(&self, spec: &ComponentSpec, id: &ComponentId) -> Scope {
        let keys = |keys: &mut dyn Iterator<Item = TypeKey>| keys.map(|key| key.id).collect();
        Scope {
            id: id.clone(),
            requires: keys(&mut spec.requires.iter().copied()),
            provides: keys(&mut spec.provides.iter().map(|one| one.key)),
            all: self.clone(),
        }
    }
}

/// Returns the components that each component needs for what it requires.
///
/// # Errors
/// Names all requirements without a provider, and all types with two.
pub(crate) fn resolve(
    specs: &[ComponentSpec],
    absent: &[Absent],
) -> Result<BTreeMap<ComponentId, Vec<ComponentId>>, DependencyErrors> {
    // Collected, not returned at the first: an operator who left out a component sees all that miss
    // it at once.
    let mut errors = Vec::new();
    let mut providers: BTreeMap<TypeId, &ComponentId> = BTreeMap::new();
    let named = || specs.iter().filter_map(|spec| Some((spec.id.as_ref().ok()?, spec)));
    for (id, spec) in named() {
        for Provision { key, .. } in &spec.provides {
            if let Some(first) = providers.insert(key.id, id) {
                let (first, second) = (first.clone(), id.clone());
                errors.push(DependencyError::Twice { first, second, what: key.name });
            }
        }
    }
    let mut needs: BTreeMap<ComponentId, Vec<ComponentId>> = BTreeMap::new();
    for (id, spec) in named() {
        for key in &spec.requires {
            match providers.get(&key.id) {
                Some(by) => needs.entry(id.clone()).or_default().push((*by).clone()),
                None => errors.push(missing(id, *key, absent)),
            }
        }
    }
    if errors.is_empty() { Ok(needs) } else { Err(DependencyErrors(errors)) }
}

fn missing(component: &ComponentId, key: TypeKey, absent: &[Absent]) -> DependencyError {
    let known = absent.iter().find(|one| one.key == key);
    let remedy = match known {
        Some(Absent { component, remedy, .. }) => {
            format!("which the component {component} would provide and is left out: {remedy}")
        }
        None => "which no component provides; add one that does, or drop the requirement".into(),
    };
    DependencyError::Missing { component: component.clone(), wanted: key.name, remedy }
}
