//! The handle of a registry: it reads the published snapshot, and sends changes as messages.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::{AnyRef, Blueprint, Hosted, Node, Placement, Port, Ref, Slot};
use ms_core::{ActorPath, IdError, Incarnation};

use crate::actor::RegistryActor;
use crate::config::RegistryConfig;
use crate::error::{GroupError, LookupError, NotFound, RegisterError, Unavailable, WatchError};
use crate::logic::nearest::nearest;
use crate::logic::table::Snapshot;
use crate::messages::{
    Do, Join, Leave, Provide, Register, Unregister, Unwatch, Watch, Withdraw, Write,
};
use crate::name::{IntoName, Name};
use crate::service::{KeyId, MissingDependency, Provided, ServiceError, ServiceHandle, ServiceKey};
use crate::state::Shared;
use crate::watch::{RegistryEvent, Subscription, Watched};

/// Deadline of a change, unless [`Registry::within`] sets another.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

/// A registered actor, as [`Registry::find`] returns it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The actor that has the name.
    pub actor: AnyRef,
    /// Its live incarnation; `None` between two, when messages wait as its mailbox is set to.
    pub incarnation: Option<Incarnation>,
}

/// A provided service, as [`Registry::services`] returns it.
#[derive(Debug, Clone)]
pub struct FoundService {
    /// Its key: name and type.
    pub key: KeyId,
    /// The actor that provides it.
    pub actor: AnyRef,
}

impl FoundService {
    fn of(provided: &Provided) -> Self {
        Self { key: provided.key, actor: provided.owner.clone() }
    }
}

/// A registry: names, groups and services of actors.
///
/// Cheap to clone. Lookups run in the caller on an immutable snapshot and take no
/// lock. Changes are messages to the [`RegistryActor`]; once one is answered, every
/// later lookup on any thread sees it.
///
/// The entries of an actor follow it over restarts, and are removed when it has ended
/// for good. Names and groups do not keep an actor alive. Services and watchers do,
/// where nothing else ends them.
///
/// ```
/// use actix::prelude::*;
/// use ms_actor::{Context, Node, NodeConfig, spawn};
/// use ms_registry::{Registry, RegistryConfig};
///
/// struct Mailer;
/// impl Actor for Mailer {
///     type Context = Context<Self>;
/// }
///
/// # actix::System::new().block_on(async {
/// let node = Node::boot(NodeConfig::single_arbiter())?;
/// let registry = Registry::spawn(&node, RegistryConfig::default())?;
/// let mailer = spawn(&node, "mailer", Mailer)?;
/// registry.register("services/mailer", &mailer).await?;
///
/// assert_eq!(registry.lookup::<Mailer>("services/mailer")?, mailer);
/// let error = registry.lookup::<Mailer>("services/maler").expect_err("misspelt");
/// assert!(error.to_string().contains("did you mean \"services/mailer\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    /// Filled at each start of the actor.
    actor: Slot<RegistryActor>,
    within: Duration,
    /// Keeps an actor alive that is under no supervisor.
    _keep: Option<Ref<RegistryActor>>,
}

impl Registry {
    /// Returns an empty registry that is not started: give its [`blueprint`](Self::blueprint) to a
    /// supervisor.
    #[must_use]
    pub fn new(config: RegistryConfig) -> Self {
        let shared = Arc::new(Shared::new(config));
        Self { shared, actor: Slot::new(), within: DEFAULT_DEADLINE, _keep: None }
    }

    /// Starts a registry outside of any tree. Its actor lives as long as a handle does.
    ///
    /// # Errors
    /// [`IdError`] when the scope is not a valid actor id.
    pub fn spawn(node: &Node, config: RegistryConfig) -> Result<Self, IdError> {
        let mut registry = Self::new(config);
        let path = ActorPath::new(format!("/local/registry-{}", registry.scope()))?;
        let cell = registry.blueprint().cell(node, path, None);
        // Held before it is launched: an actor without references ends at once.
        registry._keep = cell.typed();
        cell.launch(Placement::WithParent);
        Ok(registry)
    }

    /// Returns the blueprint of the registry's actor, for a supervisor. A restart loses nothing
    /// that was acknowledged.
    #[must_use]
    pub fn blueprint(&self) -> Blueprint {
        let (shared, actor) = (Arc::clone(&self.shared), self.actor.clone());
        Blueprint::fallible(move |me: &Ref<RegistryActor>| {
            actor.fill(me);
            Ok(RegistryActor::new(Arc::clone(&shared)))
        })
    }

    /// Returns the same registry with another deadline for changes. The default is five seconds.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { within: limit, ..self.clone() }
    }

    /// Returns the name of the registry.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.shared.config().scope
    }

    async fn write<W: Write>(&self, write: W) -> Result<W::Answer, Unavailable> {
        let Some(actor) = self.actor.get() else {
            return Err(Unavailable::NotStarted { scope: self.scope().to_owned() });
        };
        let asked = actor.ask(Do(write)).within(self.within).await;
        asked.map_err(|error| Unavailable::from_ask(self.scope(), self.within, &error))
    }

    // ---- names -----------------------------------------------------------------

    /// Registers an actor under a name. A repetition changes nothing.
    ///
    /// # Errors
    /// [`RegisterError::AlreadyRegistered`] when another living actor has the name, also one that
    /// is being restarted. See [`RegisterError`] for the other cases.
    pub async fn register<A: Hosted>(
        &self,
        name: impl IntoName,
        owner: &Ref<A>,
    ) -> Result<(), RegisterError> {
        self.register_any(name, &owner.any()).await
    }

    /// Registers an actor by a reference without a type.
    ///
    /// # Errors
    /// [`RegisterError`], in the cases of [`Registry::register`].
    pub async fn register_any(
        &self,
        name: impl IntoName,
        owner: &AnyRef,
    ) -> Result<(), RegisterError> {
        self.write(Register { name: name.into_name()?, owner: owner.clone() }).await?
    }

    /// Takes a name back from the actor that has it.
    ///
    /// # Errors
    /// [`RegisterError::NotRegistered`] when nobody has the name, and
    /// [`RegisterError::AlreadyRegistered`] when another actor has it.
    pub async fn unregister<A: Hosted>(
        &self,
        name: impl IntoName,
        owner: &Ref<A>,
    ) -> Result<(), RegisterError> {
        self.write(Unregister { name: name.into_name()?, owner: owner.any() }).await?
    }

    /// Returns the actor of this name. Takes no lock and allocates nothing.
    ///
    /// # Errors
    /// [`LookupError::NotFound`], which suggests the nearest known name, and
    /// [`LookupError::WrongType`] when the actor is not an `A`.
    #[inline]
    pub fn lookup<A: Hosted>(&self, name: impl AsRef<str>) -> Result<Ref<A>, LookupError> {
        let (snapshot, name) = (self.shared.snapshot(), name.as_ref());
        match snapshot.names.get(name) {
            // The snapshot may still have an actor that has ended: the kernel knows an end before the
            // registry is notified of it.
            Some(any) if !any.is_closed() => any.typed().ok_or_else(|| wrong_type::<A>(name, any)),
            _ => Err(self.not_found(name, &snapshot)),
        }
    }

    /// Returns the actor of this name, whatever its type.
    #[must_use]
    #[inline]
    pub fn whereis(&self, name: impl AsRef<str>) -> Option<AnyRef> {
        let snapshot = self.shared.snapshot();
        snapshot.names.get(name.as_ref()).filter(|any| !any.is_closed()).cloned()
    }

    /// Returns the actor of this name, and its live incarnation.
    #[must_use]
    pub fn find(&self, name: impl AsRef<str>) -> Option<Found> {
        let actor = self.whereis(name)?;
        let live = actor.incarnation();
        Some(Found { incarnation: (live != Incarnation::NONE).then_some(live), actor })
    }

    fn not_found(&self, name: &str, snapshot: &Snapshot) -> LookupError {
        LookupError::NotFound(NotFound {
            scope: self.scope().to_owned(),
            name: name.to_owned(),
            // One pointer. The search in it is left to whoever displays the error.
            known: snapshot.names.clone(),
        })
    }

    /// Returns the names at and below `prefix` (by whole segments), sorted. All for `""`.
    #[must_use]
    pub fn names(&self, prefix: &str) -> Vec<(Name, AnyRef)> {
        names_within(&self.shared.snapshot(), prefix)
    }

    /// Returns how many names are registered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.snapshot().names.len()
    }

    /// Returns whether no name is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // ---- groups ----------------------------------------------------------------

    /// Joins an actor to a group, once more if it is a member already (OTP's `pg:join`).
    ///
    /// # Errors
    /// [`GroupError`] when the name is invalid, the actor has ended, or the registry is full.
    pub async fn join<A: Hosted>(
        &self,
        group: impl IntoName,
        member: &Ref<A>,
    ) -> Result<(), GroupError> {
        self.join_any(group, &member.any()).await
    }

    /// Joins an actor to a group by a reference without a type.
    ///
    /// # Errors
    /// [`GroupError`], in the cases of [`Registry::join`].
    pub async fn join_any(&self, group: impl IntoName, member: &AnyRef) -> Result<(), GroupError> {
        self.write(Join { group: group.into_name()?, member: member.clone() }).await?
    }

    /// Undoes the latest join of an actor. One that joined twice must leave twice.
    ///
    /// # Errors
    /// [`GroupError::NotJoined`] when the actor has left as often as it joined.
    pub async fn leave<A: Hosted>(
        &self,
        group: impl IntoName,
        member: &Ref<A>,
    ) -> Result<(), GroupError> {
        self.write(Leave { group: group.into_name()?, member: member.any() }).await?
    }

    /// Returns the members of a group that are an `A`, in the order they joined, each as often as
    /// it did.
    #[must_use]
    pub fn members<A: Hosted>(&self, group: impl AsRef<str>) -> Vec<Ref<A>> {
        self.members_any(group).iter().filter_map(AnyRef::typed).collect()
    }

    /// Returns the members of a group in the order they joined, each as often as it did.
    #[must_use]
    pub fn members_any(&self, group: impl AsRef<str>) -> Vec<AnyRef> {
        members_of(&self.shared.snapshot(), group.as_ref())
    }

    /// Returns the groups that have members, sorted.
    #[must_use]
    pub fn which_groups(&self) -> Vec<Name> {
        let snapshot = self.shared.snapshot();
        let mut groups: Vec<_> = snapshot.groups.iter().map(|(group, _)| group.clone()).collect();
        groups.sort();
        groups
    }

    // ---- services --------------------------------------------------------------

    /// Provides a service under its key. A repetition changes nothing.
    ///
    /// # Errors
    /// [`ServiceError::AlreadyProvided`] when another living actor provides it.
    pub async fn provide<H: ServiceHandle>(
        &self,
        key: ServiceKey<H>,
        service: &H,
    ) -> Result<(), ServiceError> {
        let provided =
            Provided { key: key.id(), handle: Arc::new(service.clone()), owner: service.actor() };
        self.write(Provide(provided)).await?
    }

    /// Withdraws a service.
    ///
    /// # Errors
    /// [`ServiceError::NotProvided`] when this actor does not provide it.
    pub async fn withdraw<H: ServiceHandle>(
        &self,
        key: ServiceKey<H>,
        service: &H,
    ) -> Result<(), ServiceError> {
        self.write(Withdraw { key: key.id(), owner: service.actor() }).await?
    }

    /// Returns the service of this key, for `needed_by`. Takes no lock.
    ///
    /// # Errors
    /// [`MissingDependency`], which names both what is missing and `needed_by`.
    pub fn require<H: ServiceHandle>(
        &self,
        key: ServiceKey<H>,
        needed_by: impl fmt::Display,
    ) -> Result<H, MissingDependency> {
        let snapshot = self.shared.snapshot();
        let provided =
            snapshot.services.get(key.name()).filter(|provided| !provided.owner.is_closed());
        let handle = provided.and_then(|provided| provided.handle.downcast_ref::<H>());
        handle.cloned().ok_or_else(|| MissingDependency {
            needed_by: needed_by.to_string(),
            key: key.id(),
            provided_as: provided.map(|other| (other.key, other.owner.path().clone())),
        })
    }

    /// Returns all services, sorted by the names of their keys.
    #[must_use]
    pub fn services(&self) -> Vec<FoundService> {
        let snapshot = self.shared.snapshot();
        let alive = snapshot.services.values().filter(|provided| !provided.owner.is_closed());
        alive.map(FoundService::of).collect()
    }

    /// Returns the service whose key has this name, whatever its type.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<FoundService> {
        let snapshot = self.shared.snapshot();
        let provided = snapshot.services.get(name).filter(|provided| !provided.owner.is_closed());
        provided.map(FoundService::of)
    }

    /// Returns the registered name or key that is spelt most like `name`, if one is near.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<String> {
        let snapshot = self.shared.snapshot();
        let names = snapshot.names.iter().filter(|(_, owner)| !owner.is_closed());
        let keys = snapshot.services.values().filter(|provided| !provided.owner.is_closed());
        // A key may be any text. One that is not a valid name is found by its exact spelling only.
        let keys = keys.filter_map(|provided| Name::new(provided.key.name()).ok());
        let known: Vec<Name> = names.map(|(name, _)| name.clone()).chain(keys).collect();
        nearest(name, known.iter()).map(|name| name.to_string())
    }

    /// Returns the groups an actor is in, sorted. It walks over all groups, so it is meant for
    /// inspection and not for each message.
    #[must_use]
    pub fn groups_of(&self, actor: &AnyRef) -> Vec<Name> {
        let snapshot = self.shared.snapshot();
        let has = |group: &Name| members_of(&snapshot, group.as_str()).contains(actor);
        let groups = snapshot.groups.iter().map(|(group, _)| group);
        let mut groups: Vec<_> = groups.filter(|group| has(group)).cloned().collect();
        groups.sort();
        groups
    }

    // ---- watchers --------------------------------------------------------------

    /// Sends changes to `watcher` from now on, each exactly once and in order.
    ///
    /// A repetition, after a restart of the watcher for example, returns the existing
    /// subscription. A watcher whose mailbox is full for long gets a
    /// [`Resync`](crate::Change::Resync) and must read again; so does every watcher after a
    /// crash of the registry. A watch keeps a watcher alive that is under no supervisor.
    ///
    /// # Errors
    /// [`WatchError`] when the watcher has ended, or there are too many.
    pub async fn watch(
        &self,
        what: Watched,
        watcher: Port<RegistryEvent>,
    ) -> Result<Subscription, WatchError> {
        Ok(self.subscribe(what, watcher, |_| ()).await?.0)
    }

    /// Watches names as [`Registry::watch`] does, and returns those registered at that very moment,
    /// sorted. Together with the events nothing is missed and nothing comes twice.
    ///
    /// # Errors
    /// [`WatchError`], in the cases of [`Registry::watch`].
    pub async fn watch_names(
        &self,
        under: Option<Name>,
        watcher: Port<RegistryEvent>,
    ) -> Result<(Subscription, Vec<(Name, AnyRef)>), WatchError> {
        let what = under.clone().map_or(Watched::Names, Watched::Under);
        let read = move |snapshot: &Snapshot| {
            names_within(snapshot, under.as_ref().map_or("", Name::as_str))
        };
        self.subscribe(what, watcher, read).await
    }

    /// Watches a group as [`Registry::watch`] does, and returns its members at that very moment
    /// (OTP's `pg:monitor`).
    ///
    /// # Errors
    /// [`WatchError`], in the cases of [`Registry::watch`].
    pub async fn watch_group(
        &self,
        group: Name,
        watcher: Port<RegistryEvent>,
    ) -> Result<(Subscription, Vec<AnyRef>), WatchError> {
        let what = Watched::Group(group.clone());
        self.subscribe(what, watcher, move |snapshot| members_of(snapshot, group.as_str())).await
    }

    async fn subscribe<T: Send + 'static>(
        &self,
        what: Watched,
        watcher: Port<RegistryEvent>,
        read: impl FnOnce(&Snapshot) -> T + Send + 'static,
    ) -> Result<(Subscription, T), WatchError> {
        self.write(Watch { what, watcher, read }).await?
    }

    /// Ends a subscription. Events that are already on their way still arrive.
    ///
    /// # Errors
    /// [`WatchError::NoSuchSubscription`] when it has ended before.
    pub async fn unwatch(&self, subscription: Subscription) -> Result<(), WatchError> {
        self.write(Unwatch(subscription)).await?
    }
}

// Cold, so that `lookup` stays small enough to be inlined into its callers.
#[cold]
fn wrong_type<A>(name: &str, found: &AnyRef) -> LookupError {
    LookupError::WrongType {
        name: name.to_owned(),
        expected: std::any::type_name::<A>(),
        found: found.status().actor_type,
    }
}

fn names_within(snapshot: &Snapshot, prefix: &str) -> Vec<(Name, AnyRef)> {
    let within =
        snapshot.names.iter().filter(|(name, owner)| name.is_within(prefix) && !owner.is_closed());
    let mut names: Vec<_> = within.map(|(name, owner)| (name.clone(), owner.clone())).collect();
    // The order of the map depends on its random seed.
    names.sort_by(|a, b| a.0.cmp(&b.0));
    names
}

fn members_of(snapshot: &Snapshot, group: &str) -> Vec<AnyRef> {
    let Some(members) = snapshot.groups.get(group) else { return Vec::new() };
    members.iter().map(|(_, member)| member).filter(|member| !member.is_closed()).cloned().collect()
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("scope", &self.scope())
            .field("names", &self.len())
            .finish_non_exhaustive()
    }
}
