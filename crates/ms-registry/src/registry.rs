//! The handle everybody holds: reads on the published snapshot, writes as messages.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use ms_actor::{AnyRef, Blueprint, Hosted, Node, Placement, Port, Ref, WeakRef};
use ms_core::{ActorPath, IdError, Incarnation};

use crate::actor::{Do, RegistryActor, Write};
use crate::book::{Book, State};
use crate::error::{GroupError, LookupError, NotFound, RegisterError, Unavailable, WatchError};
use crate::name::{IntoName, MAX_NAME, Name};
use crate::nearest::nearest;
use crate::service::{KeyId, MissingDependency, Provided, ServiceError, ServiceHandle, ServiceKey};
use crate::watch::{RegistryEvent, Subscription, Watched};

/// How a registry is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Its name, shown in errors. Names and keys are unique within one registry:
    /// several of them are several scopes, as with `pg`.
    pub scope: String,
    /// Most names, memberships and services together.
    pub max_entries: usize,
    /// Longest name, in bytes; at most [`MAX_NAME`].
    pub max_name_bytes: usize,
    /// Most subscriptions.
    pub max_watchers: usize,
    /// Events kept for a watcher whose mailbox is full; beyond it, it gets a
    /// [`Resync`](crate::Change::Resync) instead.
    pub watch_backlog: usize,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            scope: "local".to_owned(),
            max_entries: 1_000_000,
            max_name_bytes: MAX_NAME,
            max_watchers: 1024,
            watch_backlog: 1024,
        }
    }
}

/// How long a change may take unless [`Registry::within`] says otherwise.
const DEFAULT_WITHIN: Duration = Duration::from_secs(5);

/// What handles and the actor share: the snapshot, and where the actor is.
pub(crate) struct Shared {
    config: RegistryConfig,
    state: ArcSwap<State>,
    actor: ArcSwapOption<WeakRef<RegistryActor>>,
}

impl Shared {
    pub(crate) fn config(&self) -> &RegistryConfig {
        &self.config
    }

    pub(crate) fn state(&self) -> arc_swap::Guard<Arc<State>> {
        self.state.load()
    }

    pub(crate) fn publish(&self, state: State) {
        self.state.store(Arc::new(state));
    }
}

/// A registered actor, as [`Registry::find`] shows it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Who has the name.
    pub actor: AnyRef,
    /// Its live incarnation; `None` between two: mail waits, as its mailbox says.
    pub incarnation: Option<Incarnation>,
}

/// A provided service, as [`Registry::services`] shows it.
#[derive(Debug, Clone)]
pub struct FoundService {
    /// Its key: name and type.
    pub key: KeyId,
    /// Who provides it.
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
/// lock; changes are messages to the [`RegistryActor`], and an answer means that
/// every later lookup, on any thread, sees the change.
///
/// What is kept for an actor follows it over restarts and vanishes when it has ended
/// for good. Names and groups do not keep an actor alive; services and watchers do,
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
    within: Duration,
    /// Keeps an actor alive that is under no supervisor.
    _keep: Option<Ref<RegistryActor>>,
}

impl Registry {
    /// A registry that is empty and not started: give its [`blueprint`](Self::blueprint) to a supervisor.
    #[must_use]
    pub fn new(config: RegistryConfig) -> Self {
        let seed = std::hash::RandomState::new().hash_one(&config.scope);
        let shared = Shared {
            config,
            state: ArcSwap::from_pointee(State::new(seed)),
            actor: ArcSwapOption::empty(),
        };
        Self { shared: Arc::new(shared), within: DEFAULT_WITHIN, _keep: None }
    }

    /// A registry outside of any tree, whose actor lives as long as a handle does.
    ///
    /// # Errors
    /// [`IdError`] when the scope is no actor id.
    pub fn spawn(node: &Node, config: RegistryConfig) -> Result<Self, IdError> {
        let mut registry = Self::new(config);
        let path = ActorPath::new(format!("/local/registry-{}", registry.scope()))?;
        let cell = registry.blueprint().cell(node, path, None);
        // Held before it starts: it would end at once for want of references.
        registry._keep = cell.typed();
        cell.launch(Placement::WithParent);
        Ok(registry)
    }

    /// How a supervisor makes the registry's actor, again and again.
    ///
    /// A restart loses nothing that was acknowledged.
    #[must_use]
    pub fn blueprint(&self) -> Blueprint {
        let shared = Arc::clone(&self.shared);
        Blueprint::fallible(move |me: &Ref<RegistryActor>| {
            shared.actor.store(Some(Arc::new(me.downgrade())));
            Ok(RegistryActor::new(Arc::clone(&shared)))
        })
    }

    /// The same registry with another deadline for changes; five seconds otherwise.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { within: limit, ..self.clone() }
    }

    /// Its name.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.shared.config.scope
    }

    async fn write<W: Write>(&self, write: W) -> Result<W::Answer, Unavailable> {
        let actor = self.shared.actor.load().as_ref().and_then(|weak| weak.upgrade());
        let Some(actor) = actor else {
            return Err(Unavailable::NotStarted { scope: self.scope().to_owned() });
        };
        let asked = actor.ask(Do(write)).within(self.within).await;
        asked.map_err(|error| Unavailable::from_ask(self.scope(), self.within, error))
    }

    // ---- names -----------------------------------------------------------------

    /// Gives an actor a name. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`RegisterError::AlreadyRegistered`] when another living actor has it, restarting
    /// ones included; see [`RegisterError`] for the others.
    pub async fn register<A: Hosted>(
        &self,
        name: impl IntoName,
        owner: &Ref<A>,
    ) -> Result<(), RegisterError> {
        self.register_any(name, &owner.any()).await
    }

    /// As [`Registry::register`], for a reference without a type.
    ///
    /// # Errors
    /// As there.
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
    /// [`RegisterError::NotRegistered`], or [`RegisterError::AlreadyRegistered`] when it
    /// is another's.
    pub async fn unregister<A: Hosted>(
        &self,
        name: impl IntoName,
        owner: &Ref<A>,
    ) -> Result<(), RegisterError> {
        self.write(Unregister { name: name.into_name()?, owner: owner.any() }).await?
    }

    /// The actor of this name. Takes no lock and allocates nothing.
    ///
    /// # Errors
    /// [`LookupError::NotFound`] with the nearest known name, or [`LookupError::WrongType`].
    #[inline]
    pub fn lookup<A: Hosted>(&self, name: impl AsRef<str>) -> Result<Ref<A>, LookupError> {
        let (state, name) = (self.shared.state.load(), name.as_ref());
        match state.names.get(name) {
            Some(any) if !any.is_closed() => any.typed().ok_or_else(|| wrong_type::<A>(name, any)),
            _ => Err(self.not_found(name, &state)),
        }
    }

    /// The actor of this name, whatever its type.
    #[must_use]
    #[inline]
    pub fn whereis(&self, name: impl AsRef<str>) -> Option<AnyRef> {
        let state = self.shared.state.load();
        state.names.get(name.as_ref()).filter(|any| !any.is_closed()).cloned()
    }

    /// As [`Registry::whereis`], with the incarnation that is live right now.
    #[must_use]
    pub fn find(&self, name: impl AsRef<str>) -> Option<Found> {
        let actor = self.whereis(name)?;
        let live = actor.incarnation();
        Some(Found { incarnation: (live != Incarnation::NONE).then_some(live), actor })
    }

    fn not_found(&self, name: &str, state: &State) -> LookupError {
        LookupError::NotFound(NotFound {
            scope: self.scope().to_owned(),
            name: name.to_owned(),
            known: state.names.clone(),
        })
    }

    /// Names at and below `prefix`, by whole segments and sorted; all for `""`.
    #[must_use]
    pub fn names(&self, prefix: &str) -> Vec<(Name, AnyRef)> {
        names_within(&self.shared.state.load(), prefix)
    }

    /// How many names are registered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.state.load().names.len()
    }

    /// Whether no name is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // ---- groups ----------------------------------------------------------------

    /// Joins a group, once more if it is a member already (OTP's `pg:join`).
    ///
    /// # Errors
    /// See [`GroupError`].
    pub async fn join<A: Hosted>(
        &self,
        group: impl IntoName,
        member: &Ref<A>,
    ) -> Result<(), GroupError> {
        self.join_any(group, &member.any()).await
    }

    /// As [`Registry::join`], for a reference without a type.
    ///
    /// # Errors
    /// As there.
    pub async fn join_any(&self, group: impl IntoName, member: &AnyRef) -> Result<(), GroupError> {
        self.write(Join { group: group.into_name()?, member: member.clone() }).await?
    }

    /// Undoes one join, the latest. One that joined twice must leave twice.
    ///
    /// # Errors
    /// [`GroupError::NotJoined`] when it has left as often as it joined.
    pub async fn leave<A: Hosted>(
        &self,
        group: impl IntoName,
        member: &Ref<A>,
    ) -> Result<(), GroupError> {
        self.write(Leave { group: group.into_name()?, member: member.any() }).await?
    }

    /// Members of a group in the order they joined, each as often as it did; those that
    /// are no `A` are left out.
    #[must_use]
    pub fn members<A: Hosted>(&self, group: impl AsRef<str>) -> Vec<Ref<A>> {
        self.members_any(group).iter().filter_map(AnyRef::typed).collect()
    }

    /// Members of a group in the order they joined, each as often as it did.
    #[must_use]
    pub fn members_any(&self, group: impl AsRef<str>) -> Vec<AnyRef> {
        members_of(&self.shared.state.load(), group.as_ref())
    }

    /// Members on this node. A registry knows one node, so these are all of them;
    /// `ms-cluster` adds those of others to [`Registry::members_any`].
    #[must_use]
    pub fn local_members_any(&self, group: impl AsRef<str>) -> Vec<AnyRef> {
        self.members_any(group)
    }

    /// Groups that have members, sorted.
    #[must_use]
    pub fn which_groups(&self) -> Vec<Name> {
        let state = self.shared.state.load();
        let mut groups: Vec<_> = state.groups.iter().map(|(group, _)| group.clone()).collect();
        groups.sort();
        groups
    }

    // ---- services --------------------------------------------------------------

    /// Provides a service under its key. Doing it again changes nothing.
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

    /// Takes a service back.
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

    /// The service of this key, for `needed_by`. Takes no lock.
    ///
    /// # Errors
    /// [`MissingDependency`] names both: who needs it and what is missing.
    pub fn require<H: ServiceHandle>(
        &self,
        key: ServiceKey<H>,
        needed_by: impl fmt::Display,
    ) -> Result<H, MissingDependency> {
        let state = self.shared.state.load();
        let provided =
            state.services.get(key.name()).filter(|provided| !provided.owner.is_closed());
        let handle = provided.and_then(|provided| provided.handle.downcast_ref::<H>());
        handle.cloned().ok_or_else(|| MissingDependency {
            needed_by: needed_by.to_string(),
            key: key.id(),
            provided_as: provided.map(|other| (other.key, other.owner.path().to_string())),
        })
    }

    /// The services there are, by the names of their keys; each with the actor that provides it.
    #[must_use]
    pub fn services(&self) -> Vec<FoundService> {
        let state = self.shared.state.load();
        let alive = state.services.values().filter(|provided| !provided.owner.is_closed());
        alive.map(FoundService::of).collect()
    }

    /// The service whose key has this name, whatever its type.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<FoundService> {
        let state = self.shared.state.load();
        let provided = state.services.get(name).filter(|provided| !provided.owner.is_closed());
        provided.map(FoundService::of)
    }

    /// The registered name or key that is spelt most like `name`, if any is near.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<String> {
        let state = self.shared.state.load();
        let names = state.names.iter().filter(|(_, owner)| !owner.is_closed());
        let keys = state.services.values().filter(|provided| !provided.owner.is_closed());
        // A key that is no name is found by its exact spelling only.
        let keys = keys.filter_map(|provided| Name::new(provided.key.name()).ok());
        let known: Vec<Name> = names.map(|(name, _)| name.clone()).chain(keys).collect();
        nearest(name, known.iter()).map(|name| name.to_string())
    }

    /// The groups an actor is in, sorted. Looks at all groups: for people, not for each message.
    #[must_use]
    pub fn groups_of(&self, actor: &AnyRef) -> Vec<Name> {
        let state = self.shared.state.load();
        let has = |group: &Name| members_of(&state, group.as_str()).contains(actor);
        let groups = state.groups.iter().map(|(group, _)| group);
        let mut groups: Vec<_> = groups.filter(|group| has(group)).cloned().collect();
        groups.sort();
        groups
    }

    // ---- watchers --------------------------------------------------------------

    /// Has changes sent to `watcher` from now on: each exactly once and in order.
    ///
    /// Asking for the same again, after a restart of the watcher say, gives the
    /// subscription there is. A watcher whose mailbox is full for long, and all of them
    /// after a crash of the registry, get a [`Resync`](crate::Change::Resync): read again.
    /// A watcher under no supervisor does not end for want of references while it watches.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub async fn watch(
        &self,
        what: Watched,
        watcher: Port<RegistryEvent>,
    ) -> Result<Subscription, WatchError> {
        Ok(self.subscribe(what, watcher, |_| ()).await?.0)
    }

    /// As [`Registry::watch`], with the names there are at that very moment, sorted.
    ///
    /// # Errors
    /// As there.
    pub async fn watch_names(
        &self,
        under: Option<Name>,
        watcher: Port<RegistryEvent>,
    ) -> Result<(Subscription, Vec<(Name, AnyRef)>), WatchError> {
        let what = under.clone().map_or(Watched::Names, Watched::Under);
        let read =
            move |state: &State| names_within(state, under.as_ref().map_or("", Name::as_str));
        self.subscribe(what, watcher, read).await
    }

    /// As [`Registry::watch`] for one group, with its members at that very moment (`pg:monitor`).
    ///
    /// # Errors
    /// As there.
    pub async fn watch_group(
        &self,
        group: Name,
        watcher: Port<RegistryEvent>,
    ) -> Result<(Subscription, Vec<AnyRef>), WatchError> {
        let what = Watched::Group(group.clone());
        self.subscribe(what, watcher, move |state| members_of(state, group.as_str())).await
    }

    async fn subscribe<T: Send + 'static>(
        &self,
        what: Watched,
        watcher: Port<RegistryEvent>,
        read: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<(Subscription, T), WatchError> {
        self.write(Watch { what, watcher, read }).await?
    }

    /// Ends a subscription; events that are already on their way still arrive.
    ///
    /// # Errors
    /// [`WatchError::NoSuchSubscription`] when it had ended.
    pub async fn unwatch(&self, subscription: Subscription) -> Result<(), WatchError> {
        self.write(Unwatch(subscription)).await?
    }
}

#[cold]
fn wrong_type<A>(name: &str, found: &AnyRef) -> LookupError {
    LookupError::WrongType {
        name: name.to_owned(),
        expected: std::any::type_name::<A>(),
        found: found.status().actor_type,
    }
}

fn names_within(state: &State, prefix: &str) -> Vec<(Name, AnyRef)> {
    let within =
        state.names.iter().filter(|(name, owner)| name.is_within(prefix) && !owner.is_closed());
    let mut names: Vec<_> = within.map(|(name, owner)| (name.clone(), owner.clone())).collect();
    names.sort_by(|a, b| a.0.cmp(&b.0));
    names
}

fn members_of(state: &State, group: &str) -> Vec<AnyRef> {
    let Some(roll) = state.groups.get(group) else { return Vec::new() };
    roll.iter().map(|(_, member)| member).filter(|member| !member.is_closed()).cloned().collect()
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("scope", &self.scope())
            .field("names", &self.len())
            .finish_non_exhaustive()
    }
}

// ---- changes, as messages ------------------------------------------------------

struct Register {
    name: Name,
    owner: AnyRef,
}

impl Write for Register {
    type Answer = Result<(), RegisterError>;

    fn write(self, book: &mut Book) -> Self::Answer {
        book.register(self.name, self.owner)
    }
}

struct Unregister {
    name: Name,
    owner: AnyRef,
}

impl Write for Unregister {
    type Answer = Result<(), RegisterError>;

    fn write(self, book: &mut Book) -> Self::Answer {
        book.unregister(self.name, &self.owner)
    }
}

struct Join {
    group: Name,
    member: AnyRef,
}

impl Write for Join {
    type Answer = Result<(), GroupError>;

    fn write(self, book: &mut Book) -> Self::Answer {
        book.join(self.group, self.member)
    }
}

struct Leave {
    group: Name,
    member: AnyRef,
}

impl Write for Leave {
    type Answer = Result<(), GroupError>;

    fn write(self, book: &mut Book) -> Self::Answer {
        book.leave(self.group, &self.member)
    }
}

struct Provide(Provided);

impl Write for Provide {
    type Answer = Result<(), ServiceError>;

    fn write(self, book: &mut Book) -> Self::Answer {
        book.provide(self.0)
    }
}

struct Withdraw {
    key: crate::service::KeyId,
    owner: AnyRef,
}

impl Write for Withdraw {
    type Answer = Result<(), ServiceError>;

    fn write(self, book: &mut Book) -> Self::Answer {
        book.withdraw(self.key, &self.owner)
    }
}

struct Watch<F> {
    what: Watched,
    watcher: Port<RegistryEvent>,
    read: F,
}

impl<F, T> Write for Watch<F>
where
    F: FnOnce(&State) -> T + Send + 'static,
    T: Send + 'static,
{
    type Answer = Result<(Subscription, T), WatchError>;

    fn write(self, book: &mut Book) -> Self::Answer {
        let id = book.watch(self.what, self.watcher)?;
        Ok((id, (self.read)(&book.state)))
    }
}

struct Unwatch(Subscription);

impl Write for Unwatch {
    type Answer = Result<(), WatchError>;

    fn write(self, book: &mut Book) -> Self::Answer {
        book.unwatch(self.0)
    }
}
