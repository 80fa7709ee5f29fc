//! The values that components provide to each other, by type.
//!
//! A component declares what it provides and what it requires
//! ([`ComponentSpec`](crate::ComponentSpec)). It needs the provider of what it requires: it starts
//! after it and stops before it. A requirement that nobody meets is found when the components are
//! planned (`resolve.rs`), so that no component learns at run time that something was left out.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use ms_core::lifecycle::ComponentId;

/// A type that is provided or required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypeKey {
    pub(super) id: TypeId,
    pub(crate) name: &'static str,
}

impl TypeKey {
    pub(crate) fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>(), name: type_name::<T>() }
    }
}

pub(super) type Value = Arc<dyn Any + Send + Sync>;

/// Something that a component provides: with its spec, or by each incarnation.
#[derive(Clone)]
pub(crate) struct Provision {
    pub(crate) key: TypeKey,
    pub(super) value: Option<Value>,
}

impl Provision {
    pub(crate) fn now<T: Clone + Send + Sync + 'static>(value: T) -> Self {
        Self { key: TypeKey::of::<T>(), value: Some(Arc::new(value)) }
    }

    pub(crate) fn later<T: Clone + Send + Sync + 'static>() -> Self {
        Self { key: TypeKey::of::<T>(), value: None }
    }
}

/// A component that was left out, and would provide a type.
#[derive(Debug, Clone)]
pub(crate) struct Absent {
    pub(crate) key: TypeKey,
    pub(crate) component: String,
    pub(crate) remedy: String,
}

/// The reason why a component does not get what it requires.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DependencyError {
    /// Nobody provides it.
    #[error("the component {component} requires {wanted}, {remedy}")]
    Missing {
        /// Who requires it.
        component: ComponentId,
        /// The name of the type.
        wanted: &'static str,
        /// Who would provide it, and what is to be done.
        remedy: String,
    },
    /// Two components provide it.
    #[error(
        "the components {first} and {second} both provide {what}; take it from one of them, or give one a type of its own"
    )]
    Twice {
        /// The one declared first.
        first: ComponentId,
        /// The other.
        second: ComponentId,
        /// The name of the type.
        what: &'static str,
    },
    /// It was requested or given without being declared.
    #[error(
        "the component {component} uses {what} but does not declare it; add {declare} to its spec"
    )]
    Undeclared {
        /// Who.
        component: ComponentId,
        /// The name of the type.
        what: &'static str,
        /// What is missing in its spec.
        declare: String,
    },
    /// Its provider has not given a value.
    #[error(
        "the component {component} requires {wanted}, which {provider} declares but has not provided yet; have {provider} call `provide` in its init or start, and request it in your own init or start"
    )]
    NotGiven {
        /// Who requires it.
        component: ComponentId,
        /// The name of the type.
        wanted: &'static str,
        /// Who is to give it.
        provider: ComponentId,
    },
}

/// All errors in what components require and provide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyErrors(pub Vec<DependencyError>);

impl fmt::Display for DependencyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DependencyErrors {}

/// The provider of a type.
pub(super) struct Provider {
    pub(super) by: ComponentId,
    pub(super) value: ArcSwapOption<Value>,
}

/// What the components of a service provide. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Dependencies(pub(super) Arc<BTreeMap<TypeId, Provider>>);

/// The access of one component to what it requires and provides.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(super) id: ComponentId,
    pub(super) requires: Arc<[TypeId]>,
    pub(super) provides: Arc<[TypeId]>,
    pub(super) all: Dependencies,
}

impl Scope {
    pub(crate) fn id(&self) -> &ComponentId {
        &self.id
    }

    pub(crate) fn require<T: Clone + Send + Sync + 'static>(&self) -> Result<T, DependencyError> {
        let TypeKey { id, name } = TypeKey::of::<T>();
        let undeclared = || self.undeclared(name, format!("`requires::<{name}>()`"));
        if !self.requires.contains(&id) {
            return Err(undeclared());
        }
        // A declared requirement has a provider, or the plan would have failed. The same error is
        // the best answer should that ever be wrong.
        let provider = self.all.0.get(&id).ok_or_else(undeclared)?;
        let value = provider.value.load_full();
        let value = value.and_then(|value| value.downcast_ref::<T>().cloned());
        value.ok_or_else(|| DependencyError::NotGiven {
            component: self.id.clone(),
            wanted: name,
            provider: provider.by.clone(),
        })
    }

    pub(crate) fn provide<T: Clone + Send + Sync + 'static>(
        &self,
        value: T,
    ) -> Result<(), DependencyError> {
        let TypeKey { id, name } = TypeKey::of::<T>();
        let declared = self.provides.contains(&id).then(|| self.all.0.get(&id)).flatten();
        let Some(provider) = declared else {
            return Err(self.undeclared(name, format!("`provides_later::<{name}>()`")));
        };
        let value: Value = Arc::new(value);
        provider.value.store(Some(Arc::new(value)));
        Ok(())
    }

    fn undeclared(&self, what: &'static str, declare: String) -> DependencyError {
        DependencyError::Undeclared { component: self.id.clone(), what, declare }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("id", &self.id).finish_non_exhaustive()
    }
}
