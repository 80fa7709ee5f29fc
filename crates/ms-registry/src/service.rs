//! Typed service keys: actors that are found by what they do, while the system runs.
//!
//! What a component cannot start without is no question of the running system: it is declared
//! with its spec and checked before the start (`ComponentSpec::requires` of `ms-runtime`).

use std::any::{Any, type_name};
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

    /// The same without its type, for errors.
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
#[non_exhaustive]
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
