//! Typed service keys: dependency injection whose gaps are found before the start.

use std::any::{Any, type_name};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use actix::Message;
use ms_actor::{AnyRef, Hosted, Port, Ref};
use ms_core::{ActorPath, ExitReason};

use crate::error::Unavailable;

/// What a service can be handed out as: a [`Ref`] to a known actor, or a [`Port`] for
/// a message type whoever takes it.
pub trait ServiceHandle: Clone + Send + Sync + 'static {
    /// The actor behind it.
    fn actor(&self) -> AnyRef;
}

impl<A: Hosted> ServiceHandle for Ref<A> {
    fn actor(&self) -> AnyRef {
        self.any()
    }
}

impl<M: Message + Send + 'static> ServiceHandle for Port<M>
where
    M::Result: Send,
{
    fn actor(&self) -> AnyRef {
        self.any()
    }
}

/// Who provides it, for those who look, steer or watch, and have nothing to say to it.
impl ServiceHandle for AnyRef {
    fn actor(&self) -> AnyRef {
        self.clone()
    }
}

/// The typed name of a service; a constant both sides share.
///
/// ```
/// use actix::Message;
/// use ms_actor::Port;
/// use ms_registry::ServiceKey;
///
/// #[derive(Message)]
/// #[rtype(result = "()")]
/// pub struct SendMail(pub String);
///
/// pub const MAILER: ServiceKey<Port<SendMail>> = ServiceKey::new("mailer");
/// assert_eq!(MAILER.name(), "mailer");
/// ```
pub struct ServiceKey<H> {
    name: &'static str,
    handle: PhantomData<fn() -> H>,
}

impl<H: ServiceHandle> ServiceKey<H> {
    /// The key of this name; the type is part of it.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, handle: PhantomData }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The same without its type, for [`Wiring`] and errors.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId { name: self.name, handle: type_name::<H>() }
    }
}

impl<H> Clone for ServiceKey<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for ServiceKey<H> {}

impl<H> fmt::Debug for ServiceKey<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceKey<{}>({:?})", type_name::<H>(), self.name)
    }
}

/// A service key without its type parameter: name and type in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId {
    name: &'static str,
    handle: &'static str,
}

impl KeyId {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The type it is handed out as.
    #[must_use]
    pub const fn handle(&self) -> &'static str {
        self.handle
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.name, self.handle)
    }
}

/// A needed service nobody provides; names both sides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{needed_by} needs the service {key}, {}", Instead(.provided_as))]
pub struct MissingDependency {
    /// Who needs it.
    pub needed_by: String,
    /// What is needed.
    pub key: KeyId,
    /// Another type the same name is provided as, and by whom.
    pub provided_as: Option<(KeyId, String)>,
}

struct Instead<'a>(&'a Option<(KeyId, String)>);

impl fmt::Display for Instead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((key, by)) => write!(f, "but {by} provides it as {}", key.handle),
            None => f.write_str("which nobody provides; start its provider before, or add one"),
        }
    }
}

/// Why a service was not provided or not withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A living actor provides it.
    #[error("the service {key} is provided by {holder} already; two providers need two keys")]
    AlreadyProvided {
        /// The key.
        key: KeyId,
        /// Who provides it.
        holder: ActorPath,
    },
    /// It is not provided by this actor.
    #[error("the service {key} is not provided by {owner}")]
    NotProvided {
        /// The key.
        key: KeyId,
        /// Who wanted to withdraw it.
        owner: ActorPath,
    },
    /// The actor has ended for good.
    #[error("{owner} has ended for good ({reason}), so it can provide nothing")]
    OwnerGone {
        /// Who was to provide it.
        owner: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The registry is at its bound.
    #[error(
        "the registry holds its maximum of {max} entries; raise max_entries, or find who leaks them"
    )]
    Full {
        /// The bound.
        max: usize,
    },
    /// The registry's actor did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A service as it is kept.
#[derive(Clone)]
pub(crate) struct Provided {
    pub(crate) key: KeyId,
    pub(crate) handle: Arc<dyn Any + Send + Sync>,
    pub(crate) owner: AnyRef,
}

/// What components need and provide, checked before anything starts.
///
/// ```
/// use actix::Message;
/// use ms_actor::Port;
/// use ms_registry::{ServiceKey, Wiring};
/// # #[derive(Message)] #[rtype(result = "()")] struct SendMail(String);
/// # #[derive(Message)] #[rtype(result = "()")] struct Query(String);
/// const MAILER: ServiceKey<Port<SendMail>> = ServiceKey::new("mailer");
/// const DATABASE: ServiceKey<Port<Query>> = ServiceKey::new("database");
///
/// let wiring = Wiring::new()
///     .component("mail", |c| c.provides(MAILER).needs(DATABASE))
///     .component("billing", |c| c.needs(MAILER).needs(DATABASE));
/// let error = wiring.check().expect_err("nobody provides a database");
/// assert_eq!(error.missing.len(), 2);
/// assert!(error.to_string().contains("billing needs the service \"database\""));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Wiring {
    components: Vec<Component>,
}

/// One component's part of a [`Wiring`].
#[derive(Debug, Clone)]
pub struct Component {
    name: String,
    needs: Vec<KeyId>,
    provides: Vec<KeyId>,
}

impl Component {
    /// It cannot work without this.
    #[must_use]
    pub fn needs<H: ServiceHandle>(mut self, key: ServiceKey<H>) -> Self {
        self.needs.push(key.id());
        self
    }

    /// It offers this to others.
    #[must_use]
    pub fn provides<H: ServiceHandle>(mut self, key: ServiceKey<H>) -> Self {
        self.provides.push(key.id());
        self
    }
}

impl Wiring {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component.
    #[must_use]
    pub fn component(
        mut self,
        name: impl Into<String>,
        describe: impl FnOnce(Component) -> Component,
    ) -> Self {
        let empty = Component { name: name.into(), needs: Vec::new(), provides: Vec::new() };
        self.components.push(describe(empty));
        self
    }

    /// Checks that every need has exactly one provider, of the right type.
    ///
    /// # Errors
    /// [`WiringError`] with everything that is wrong, in the order of the components.
    pub fn check(&self) -> Result<(), WiringError> {
        self.check_beside(&BTreeMap::new())
    }

    /// As [`Wiring::check`], beside services that are provided already.
    pub(crate) fn check_beside(
        &self,
        running: &BTreeMap<&'static str, Provided>,
    ) -> Result<(), WiringError> {
        let mut providers: BTreeMap<&'static str, (KeyId, String)> = running
            .values()
            .filter(|provided| !provided.owner.is_closed())
            .map(|provided| (provided.key.name, (provided.key, provided.owner.path().to_string())))
            .collect();
        let mut error = WiringError::default();
        let mut names = BTreeSet::new();
        for component in &self.components {
            if !names.insert(component.name.as_str()) {
                error.repeated.push(component.name.clone());
            }
            for key in &component.provides {
                if let Some((_, first)) = providers.get(key.name) {
                    let (first, second) = (first.clone(), component.name.clone());
                    error.duplicates.push(DuplicateProvider { key: *key, first, second });
                } else {
                    providers.insert(key.name, (*key, component.name.clone()));
                }
            }
        }
        for component in &self.components {
            for key in &component.needs {
                let provider = providers.get(key.name);
                if provider.is_none_or(|(provided, _)| provided != key) {
                    let needed_by = component.name.clone();
                    error.missing.push(MissingDependency {
                        needed_by,
                        key: *key,
                        provided_as: provider.cloned(),
                    });
                }
            }
        }
        if error == WiringError::default() { Ok(()) } else { Err(error) }
    }
}

/// Everything that is wrong with a [`Wiring`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WiringError {
    /// Needs nobody provides, or as another type.
    pub missing: Vec<MissingDependency>,
    /// Services two components provide.
    pub duplicates: Vec<DuplicateProvider>,
    /// Names two components have.
    pub repeated: Vec<String>,
}

/// A service two components provide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("both {first} and {second} provide the service {key}; two providers need two keys")]
pub struct DuplicateProvider {
    /// The key.
    pub key: KeyId,
    /// The one named first.
    pub first: String,
    /// The other.
    pub second: String,
}

impl fmt::Display for WiringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.missing.len() + self.duplicates.len() + self.repeated.len();
        write!(f, "the wiring has {count} fault{}", if count == 1 { "" } else { "s" })?;
        self.missing.iter().try_for_each(|fault| write!(f, "\n- {fault}"))?;
        self.duplicates.iter().try_for_each(|fault| write!(f, "\n- {fault}"))?;
        self.repeated.iter().try_for_each(|name| write!(f, "\n- two components are named {name}"))
    }
}

impl std::error::Error for WiringError {}
