//! The specification of a component: how to make it, and what it needs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ms_core::IdError;
use ms_core::health::{Criticality, HealthResult};
use ms_core::lifecycle::{ComponentId, Phase};
use ms_supervisor::SupervisorSpec;

use super::dependencies::Provision;
use super::{
    Component, ComponentContext, ComponentFailure, ReloadOutcome, StateSnapshot, TreeContext,
    TypeKey,
};

/// Specifies how a component is made and treated.
///
/// ```
/// use std::time::Duration;
/// use ms_core::health::Criticality;
/// use ms_core::lifecycle::Phase;
/// use ms_runtime::{Component, ComponentSpec};
///
/// struct Cache;
/// impl Component for Cache {}
/// let spec = ComponentSpec::new("cache", || Cache)
///     .needs(["store"])
///     .phase(Phase::Data)
///     .criticality(Criticality::Degradable)
///     .start_within(Duration::from_secs(3));
/// ```
#[derive(Clone)]
pub struct ComponentSpec {
    pub(crate) id: Result<ComponentId, IdError>,
    pub(crate) needs: Vec<Result<ComponentId, IdError>>,
    pub(crate) provides: Vec<Provision>,
    pub(crate) requires: Vec<TypeKey>,
    pub(crate) phase: Phase,
    pub(crate) criticality: Criticality,
    pub(crate) start_within: Option<Duration>,
    pub(crate) stop_within: Option<Duration>,
    pub(crate) kind: Kind,
    pub(crate) reload: Option<ReloadHook>,
}

/// Reloads a component that is a tree; the argument is the time for it.
pub(crate) type ReloadHook = Arc<
    dyn Fn(
            Duration,
        ) -> Pin<Box<dyn Future<Output = Result<ReloadOutcome, ComponentFailure>> + Send>>
        + Send
        + Sync,
>;

/// Makes the tree of a component.
pub(crate) type MakeTree =
    dyn Fn(&TreeContext) -> Result<SupervisorSpec, ComponentFailure> + Send + Sync;

/// The two kinds of components.
#[derive(Clone)]
pub(crate) enum Kind {
    /// Hosted by an actor.
    Hosted(Arc<dyn Fn() -> Box<dyn Kept> + Send + Sync>),
    /// A tree of its own, made once the node exists.
    Tree(Arc<MakeTree>),
}

impl ComponentSpec {
    fn of(id: Result<ComponentId, IdError>, kind: Kind) -> Self {
        Self {
            id,
            needs: Vec::new(),
            provides: Vec::new(),
            requires: Vec::new(),
            phase: Phase::Applications,
            criticality: Criticality::Critical,
            start_within: None,
            stop_within: None,
            kind,
            reload: None,
        }
    }

    /// Specifies a component made by `make`: critical, in phase 9, without needs. `make` runs for
    /// every incarnation.
    pub fn new<C: Component>(
        id: impl AsRef<str>,
        make: impl Fn() -> C + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(move || Box::new(make()) as Box<dyn Kept>);
        Self::of(ComponentId::new(id), Kind::Hosted(make))
    }

    /// Specifies a whole supervision tree as a component, with the id of its supervisor. It starts
    /// when its turn comes, one child after another, and is healthy while all its actors run.
    #[must_use]
    pub fn tree(supervisor: SupervisorSpec) -> Self {
        let id = supervisor.id().cloned().map(ComponentId::from).map_err(Clone::clone);
        Self::of(id, Kind::Tree(Arc::new(move |_| Ok(supervisor.clone()))))
    }

    /// Specifies a tree as [`ComponentSpec::tree`] does, for one that uses the service it is part
    /// of or requires something of other components. Its supervisor must have this `id`. A failure
    /// of `make` ends the boot before any component is started.
    pub fn tree_of(
        id: impl AsRef<str>,
        make: impl Fn(&TreeContext) -> Result<SupervisorSpec, ComponentFailure> + Send + Sync + 'static,
    ) -> Self {
        Self::of(ComponentId::new(id), Kind::Tree(Arc::new(make)))
    }

    /// Returns its id; `None` if that is not valid, in which case the boot fails.
    // A constructor that returned a `Result` would put a `?` on every component of a builder. The
    // error is kept and comes out of the plan, before anything starts.
    #[must_use]
    pub fn id(&self) -> Option<&ComponentId> {
        self.id.as_ref().ok()
    }

    /// Returns the ids given to [`needs`](Self::needs), as far as they are valid.
    pub fn needed(&self) -> impl Iterator<Item = &ComponentId> {
        self.needs.iter().filter_map(|need| need.as_ref().ok())
    }

    /// Sets components that must run before it starts, and until it has stopped.
    #[must_use]
    pub fn needs<I: AsRef<str>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.needs.extend(ids.into_iter().map(ComponentId::new));
        self
    }

    /// Declares that it cannot work without a `T`. It needs the component that provides one, and
    /// gets the value by [`ComponentContext::require`]. Without a provider nothing is started.
    ///
    /// ```
    /// use ms_runtime::{Component, ComponentContext, ComponentFailure, ComponentSpec};
    ///
    /// #[derive(Clone)]
    /// struct Prices(u32);
    /// struct Shop;
    /// impl Component for Shop {
    ///     async fn init(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
    ///         let Prices(milk) = cx.require()?;
    ///         assert_eq!(milk, 2);
    ///         Ok(())
    ///     }
    /// }
    /// # struct Wholesale;
    /// # impl Component for Wholesale {}
    /// let wholesale = ComponentSpec::new("wholesale", || Wholesale).provides(Prices(2));
    /// let shop = ComponentSpec::new("shop", || Shop).requires::<Prices>();
    /// ```
    #[must_use]
    pub fn requires<T: Clone + Send + Sync + 'static>(mut self) -> Self {
        self.requires.push(TypeKey::of::<T>());
        self
    }

    /// Provides a `T` to others: a handle that stays valid over restarts, such as a client. Only
    /// one component may provide a type.
    #[must_use]
    pub fn provides<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.provides.push(Provision::now(value));
        self
    }

    /// Declares that each incarnation provides a `T` to others, by [`ComponentContext::provide`]:
    /// such as a pool that its start opens.
    #[must_use]
    pub fn provides_later<T: Clone + Send + Sync + 'static>(mut self) -> Self {
        self.provides.push(Provision::later::<T>());
        self
    }

    /// Sets the phase in which it starts, 2 to 9; 9 by default.
    #[must_use]
    pub fn phase(mut self, phase: Phase) -> Self {
        self.phase = phase;
        self
    }

    /// Sets what its failure means for the service.
    #[must_use]
    pub fn criticality(mut self, criticality: Criticality) -> Self {
        self.criticality = criticality;
        self
    }

    /// Sets the reload hook of a component that is a tree; one made by [`ComponentSpec::new`] has
    /// [`Component::reload`]. The argument is the time that the hook may take.
    #[must_use]
    pub fn on_reload<F>(mut self, reload: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<ReloadOutcome, ComponentFailure>> + Send + 'static,
    {
        self.reload = Some(Arc::new(move |within| Box::pin(reload(within))));
        self
    }

    /// Sets the time for its start.
    #[must_use]
    pub fn start_within(mut self, limit: Duration) -> Self {
        self.start_within = Some(limit);
        self
    }

    /// Sets the time for its stop. After it the component is killed.
    #[must_use]
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.stop_within = Some(limit);
        self
    }
}

impl std::fmt::Debug for ComponentSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComponentSpec")
            .field("id", &self.id)
            .field("needs", &self.needs)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// [`Component`] as a trait object.
// `Component` has async methods, which are not dyn-compatible: this twin boxes their futures, so
// that users write plain `async fn` and a host can hold any component.
pub(crate) trait Kept {
    fn init<'a>(&'a mut self, cx: &'a ComponentContext) -> Boxed<'a, Result<(), ComponentFailure>>;
    fn start<'a>(&'a mut self, cx: &'a ComponentContext)
    -> Boxed<'a, Result<(), ComponentFailure>>;
    fn stop_accepting<'a>(&'a mut self, cx: &'a ComponentContext) -> Boxed<'a, ()>;
    fn stop<'a>(
        &'a mut self,
        cx: &'a ComponentContext,
    ) -> Boxed<'a, Result<Option<StateSnapshot>, ComponentFailure>>;
    fn health<'a>(&'a mut self, cx: &'a ComponentContext) -> Boxed<'a, HealthResult>;
    fn reload<'a>(
        &'a mut self,
        cx: &'a ComponentContext,
    ) -> Boxed<'a, Result<ReloadOutcome, ComponentFailure>>;
}

impl<C: Component> Kept for C {
    fn init<'a>(&'a mut self, cx: &'a ComponentContext) -> Boxed<'a, Result<(), ComponentFailure>> {
        Box::pin(Component::init(self, cx))
    }

    fn start<'a>(
        &'a mut self,
        cx: &'a ComponentContext,
    ) -> Boxed<'a, Result<(), ComponentFailure>> {
        Box::pin(Component::start(self, cx))
    }

    fn stop_accepting<'a>(&'a mut self, cx: &'a ComponentContext) -> Boxed<'a, ()> {
        Box::pin(Component::stop_accepting(self, cx))
    }

    fn stop<'a>(
        &'a mut self,
        cx: &'a ComponentContext,
    ) -> Boxed<'a, Result<Option<StateSnapshot>, ComponentFailure>> {
        Box::pin(Component::stop(self, cx))
    }

    fn health<'a>(&'a mut self, cx: &'a ComponentContext) -> Boxed<'a, HealthResult> {
        Box::pin(Component::health(self, cx))
    }

    fn reload<'a>(
        &'a mut self,
        cx: &'a ComponentContext,
    ) -> Boxed<'a, Result<ReloadOutcome, ComponentFailure>> {
        Box::pin(Component::reload(self, cx))
    }
}
