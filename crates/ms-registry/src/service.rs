//! Typed service keys, by which actors are found at run time.
//!
//! A dependency that a component cannot start without does not belong here: it is declared in the
//! component's spec and checked before the start (`ComponentSpec::requires` of `ms-runtime`).

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use actix::Message;
use ms_actor::{AnyRef, Hosted, Port, Ref};
use ms_core::{ActorPath, ExitReason};

use crate::error::Unavailable;

/// The form in which a service is handed out: a [`Ref`] to a known actor, or a [`Port`]
/// for a message type, whichever actor takes it.
pub trait ServiceHandle: Clone + Send + Sync + 'static {
    /// Returns the actor behind the handle.
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

// For callers that inspect or watch the provider, and send it no messages.
impl ServiceHandle for AnyRef {
    fn actor(&self) -> AnyRef {
        self.clone()
    }
}

/// The typed name of a service: a constant that both sides share.
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
    // `fn() -> H` and not `H`: a key owns no handle, and is `Send` and `Sync` whatever that is.
    handle: PhantomData<fn() -> H>,
}

impl<H: ServiceHandle> ServiceKey<H> {
    /// Returns the key of this name. The type is part of it.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, handle: PhantomData }
    }

    /// Returns the name of the key.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the key without its type parameter.
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

/// A service key without its type parameter: its name, and its type as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId {
    name: &'static str,
    handle: &'static str,
}

impl KeyId {
    /// Returns the name of the key.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the name of the type the service is handed out as.
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

/// A service that is needed and that nobody provides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{needed_by} needs the service {key}, {}", Instead(.provided_as))]
pub struct MissingDependency {
    pub(crate) needed_by: String,
    pub(crate) key: KeyId,
    /// The key of another type under the same name, and its provider.
    pub(crate) provided_as: Option<(KeyId, ActorPath)>,
}

impl MissingDependency {
    /// Returns the key of the service that is missing.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// Returns the name of the part that needs the service.
    #[must_use]
    pub fn needed_by(&self) -> &str {
        &self.needed_by
    }

    /// Returns the provider of a service with the same name and another type, and its key.
    #[must_use]
    pub fn provided_as(&self) -> Option<(KeyId, &ActorPath)> {
        self.provided_as.as_ref().map(|(key, provider)| (*key, provider))
    }
}

struct Instead<'a>(&'a Option<(KeyId, ActorPath)>);

impl fmt::Display for Instead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((key, by)) => write!(f, "but {by} provides it as {}", key.handle),
            None => f.write_str("which nobody provides; start its provider first, or add one"),
        }
    }
}

/// Why a service was not provided or not withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// Another living actor provides it.
    #[error(
        "the service {key} is already provided by {holder}; give a second provider another key"
    )]
    AlreadyProvided {
        /// The key.
        key: KeyId,
        /// The path of its provider.
        holder: ActorPath,
    },
    /// This actor does not provide it.
    #[error("the service {key} is not provided by {owner}")]
    NotProvided {
        /// The key.
        key: KeyId,
        /// The path of the actor.
        owner: ActorPath,
    },
    /// The actor has ended for good.
    #[error("{owner} has ended for good ({reason}), so it cannot provide anything")]
    OwnerGone {
        /// The path of the actor.
        owner: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The registry is at its bound.
    #[error(
        "the registry has reached its limit of {max} entries; raise max_entries, or find the leak"
    )]
    Full {
        /// The bound.
        max: usize,
    },
    /// The registry's actor did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A service as the registry stores it.
#[derive(Clone)]
pub(crate) struct Provided {
    pub(crate) key: KeyId,
    pub(crate) handle: Arc<dyn Any + Send + Sync>,
    pub(crate) owner: AnyRef,
}
