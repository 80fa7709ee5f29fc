//! Child specs and supervisors, as OTP users write them.

use std::any::type_name;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{Hosted, MailboxSpec, Overflow, Placement, Ref, StartError, StateValue, WhileDown};
use ms_core::policy::{ChildEntry, Policy};
use ms_core::view::Tier;
use ms_core::{
    ActorPath, AutoShutdown, Backoff, ChildId, ChildPolicy, ChildType, IdError, Intensity, Restart, Shutdown,
    Strategy, SupervisorFlags,
};

use crate::actor::SupervisorActor;
use crate::bank::Bank;
use crate::error::StartRootError;
use crate::handle::SupervisorRef;
use crate::heartbeat::Heartbeat;
use crate::kids::Below;
use crate::observe::Observer;

/// Longest time a child's init may take unless its spec says otherwise.
pub(crate) const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(60);

/// How one child is made and treated: OTP's child specification.
///
/// ```
/// use std::time::Duration;
/// use actix::prelude::*;
/// use ms_core::{Restart, Shutdown};
/// use ms_supervisor::ChildSpec;
///
/// struct Legacy;
/// impl Actor for Legacy {
///     type Context = Context<Self>; // plain actix, nothing changed
/// }
/// let spec = ChildSpec::actor("legacy", || Legacy)
///     .restart(Restart::Transient)
///     .shutdown(Shutdown::Timeout(Duration::from_secs(1)));
/// assert_eq!(spec.id().expect("valid").as_str(), "legacy");
/// ```
#[derive(Clone)]
pub struct ChildSpec {
    id: Result<ChildId, IdError>,
    pub(crate) policy: ChildPolicy,
    pub(crate) make: Make,
    pub(crate) mailbox: Option<MailboxSpec>,
    pub(crate) placement: Placement,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) heartbeat: Option<Heartbeat>,
}

/// What a spec starts.
#[derive(Clone)]
pub(crate) enum Make {
    Actor(Blueprint),
    Supervisor(Box<Supervisor>),
}

impl ChildSpec {
    /// A permanent worker made by `factory`: an actor for [`ms_actor::Context`], or
    /// any unchanged actix actor.
    ///
    /// The factory runs for every start, on the arbiter the actor will live on.
    pub fn actor<A: Hosted>(id: impl AsRef<str>, factory: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self::blueprint(id, Blueprint::actor(factory))
    }

    /// As [`ChildSpec::actor`], with a factory that may fail (a start error), ask not to
    /// be started ([`StartError::Ignore`]), and gets the reference the actor will have.
    pub fn try_actor<A: Hosted>(
        id: impl AsRef<str>,
        factory: impl Fn(&Ref<A>) -> Result<A, StartError> + Send + Sync + 'static,
    ) -> Self {
        Self::blueprint(id, Blueprint::fallible(factory))
    }

    /// As [`ChildSpec::actor`], with a view of the state for inspectors.
    pub fn inspectable<A: Hosted>(
        id: impl AsRef<str>,
        factory: impl Fn() -> A + Send + Sync + 'static,
        view: fn(&A) -> StateValue,
    ) -> Self {
        Self::blueprint(id, Blueprint::with_view(move |_| Ok(factory()), A::TIER, Some(view)))
    }

    /// A permanent worker made of a blueprint: what libraries build upon.
    pub fn blueprint(id: impl AsRef<str>, blueprint: Blueprint) -> Self {
        Self {
            id: ChildId::new(id),
            policy: ChildPolicy::worker(),
            make: Make::Actor(blueprint),
            mailbox: None,
            placement: Placement::Pool,
            start_timeout: Some(DEFAULT_START_TIMEOUT),
            heartbeat: None,
        }
    }

    /// A permanent supervisor, with its own children below it.
    #[must_use]
    pub fn supervisor(supervisor: Supervisor) -> Self {
        Self {
            id: supervisor.id.clone(),
            policy: ChildPolicy::supervisor(),
            make: Make::Supervisor(Box::new(supervisor)),
            mailbox: None,
            placement: Placement::Control,
            start_timeout: None,
            heartbeat: None,
        }
    }

    /// Its id.
    ///
    /// # Errors
    /// What is wrong with the text it was given.
    pub fn id(&self) -> Result<&ChildId, &IdError> {
        self.id.as_ref()
    }

    /// When it is started again (default permanent).
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.policy.restart = restart;
        self
    }

    /// How it is stopped (default 5 s for workers, without limit for supervisors).
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.policy.shutdown = shutdown;
        self
    }

    /// Whether its own end may end the supervisor (default no).
    #[must_use]
    pub fn significant(mut self, significant: bool) -> Self {
        self.policy.significant = significant;
        self
    }

    /// Waits between automatic restarts (off by default: OTP restarts at once).
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = Some(backoff);
        self
    }

    /// Finds and replaces the child when it hangs (off by default).
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.heartbeat = Some(heartbeat);
        self
    }

    /// Bound and policies of its mailbox.
    #[must_use]
    pub fn mailbox(mut self, mailbox: MailboxSpec) -> Self {
        self.mailbox = Some(mailbox);
        self
    }

    /// Bound of its mailbox, and what happens over it.
    #[must_use]
    pub fn bounded(self, capacity: usize, overflow: Overflow) -> Self {
        let mailbox = self.mailbox.unwrap_or_default();
        self.mailbox(MailboxSpec { capacity: Some(capacity.max(1)), overflow, ..mailbox })
    }

    /// Keeps waiting messages over a crash (off by default: OTP drops them).
    #[must_use]
    pub fn keep_mailbox(self) -> Self {
        let mailbox = self.mailbox.unwrap_or_default();
        self.mailbox(MailboxSpec { keep_on_restart: true, ..mailbox })
    }

    /// What happens to messages sent between two incarnations (default: they wait).
    #[must_use]
    pub fn while_down(self, while_down: WhileDown) -> Self {
        let mailbox = self.mailbox.unwrap_or_default();
        self.mailbox(MailboxSpec { while_down, ..mailbox })
    }

    /// Handles what waits before an orderly stop (off by default).
    #[must_use]
    pub fn drain(self) -> Self {
        let mailbox = self.mailbox.unwrap_or_default();
        self.mailbox(MailboxSpec { drain_on_stop: true, ..mailbox })
    }

    /// On which arbiter it lives (default: the least loaded of the pool).
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// How long its init may take (default 60 s for workers, no limit for supervisors).
    ///
    /// OTP has no such limit: `None` restores its behaviour.
    #[must_use]
    pub fn start_timeout(mut self, limit: Option<Duration>) -> Self {
        self.start_timeout = limit;
        self
    }

    /// The pure part, for the policy.
    pub(crate) fn entry(&self) -> Result<ChildEntry, IdError> {
        Ok(ChildEntry { id: self.id.clone()?, policy: self.policy })
    }

    /// The blueprint to make its cell from, and what is kept of a supervisor.
    pub(crate) fn resolve(&self) -> (Blueprint, Option<Box<Below>>) {
        let (blueprint, below) = match &self.make {
            Make::Actor(blueprint) => (blueprint.clone().kind(self.policy.kind), None),
            Make::Supervisor(supervisor) => {
                let bank = Bank::default();
                let blueprint = supervisor_blueprint(supervisor, &bank);
                (blueprint, Some(Box::new(Below { spec: (**supervisor).clone(), bank })))
            }
        };
        match self.mailbox {
            Some(mailbox) => (blueprint.mailbox(mailbox), below),
            None => (blueprint, below),
        }
    }
}

impl std::fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("policy", &self.policy)
            .field("placement", &self.placement)
            .finish_non_exhaustive()
    }
}

/// How a supervisor is made into an actor. Its mailbox has no bound: it takes the
/// news of its children, which their number bounds, and administrative calls, whose
/// callers wait.
pub(crate) fn supervisor_blueprint(supervisor: &Supervisor, bank: &Bank) -> Blueprint {
    let (supervisor, bank) = (supervisor.clone(), bank.clone());
    let factory = move |me: &Ref<SupervisorActor>| SupervisorActor::new(&supervisor, bank.clone(), me);
    Blueprint::with_view(factory, Tier::Supervisor, Some(SupervisorActor::state_view))
        .kind(ChildType::Supervisor)
        .mailbox(MailboxSpec::unbounded())
}

/// A child of a dynamic supervisor: what is made, under which name.
///
/// How it is treated says the supervisor's template.
#[derive(Clone)]
pub struct DynamicChild {
    pub(crate) name: Option<Result<ChildId, IdError>>,
    pub(crate) make: Make,
}

impl DynamicChild {
    /// One more actor made by `factory`.
    pub fn actor<A: Hosted>(factory: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self::blueprint(Blueprint::actor(factory))
    }

    /// One more actor made of a blueprint.
    #[must_use]
    pub fn blueprint(blueprint: Blueprint) -> Self {
        Self { name: None, make: Make::Actor(blueprint) }
    }

    /// One more supervisor, with its own children below it; it is named by its id.
    #[must_use]
    pub fn supervisor(supervisor: Supervisor) -> Self {
        Self { name: Some(supervisor.id.clone()), make: Make::Supervisor(Box::new(supervisor)) }
    }

    /// Its name in the tree, unique among the present children; without one it gets a number.
    #[must_use]
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        self.name = Some(ChildId::new(name));
        self
    }
}

impl std::fmt::Debug for DynamicChild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DynamicChild").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A supervisor to be: OTP's flags and child list.
///
/// ```no_run
/// use std::time::Duration;
/// use ms_supervisor::{ChildSpec, Supervisor};
/// # use actix::prelude::*;
/// # struct Legacy;
/// # impl Actor for Legacy { type Context = Context<Self>; }
/// let tree = Supervisor::one_for_one("root")
///     .intensity(5, Duration::from_secs(60))
///     .child(ChildSpec::actor("legacy", || Legacy))
///     .child(ChildSpec::supervisor(Supervisor::rest_for_one("agents")));
/// ```
#[derive(Clone)]
pub struct Supervisor {
    pub(crate) id: Result<ChildId, IdError>,
    pub(crate) flags: SupervisorFlags,
    pub(crate) children: Vec<ChildSpec>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) lasting_refs: bool,
    pub(crate) init: Option<Arc<InitFn>>,
}

type InitFn = dyn Fn(&SupervisorRef) -> Result<Option<StateValue>, StartError> + Send + Sync;

impl Supervisor {
    fn new(id: impl AsRef<str>, strategy: Strategy) -> Self {
        Self {
            id: ChildId::new(id),
            flags: SupervisorFlags { strategy, ..SupervisorFlags::default() },
            children: Vec::new(),
            observer: None,
            lasting_refs: true,
            init: None,
        }
    }

    /// A failed child alone is started again.
    pub fn one_for_one(id: impl AsRef<str>) -> Self {
        Self::new(id, Strategy::OneForOne)
    }

    /// A failed child takes all others along.
    pub fn one_for_all(id: impl AsRef<str>) -> Self {
        Self::new(id, Strategy::OneForAll)
    }

    /// A failed child takes those started after it along.
    pub fn rest_for_one(id: impl AsRef<str>) -> Self {
        Self::new(id, Strategy::RestForOne)
    }

    /// A dynamic supervisor: any number of children, started at run time, all treated
    /// as `template` says (OTP's `simple_one_for_one`, Elixir's `DynamicSupervisor`).
    ///
    /// The template's own factory is used by [`crate::SupervisorRef::start_another`].
    pub fn dynamic(id: impl AsRef<str>, template: ChildSpec) -> Self {
        Self { children: vec![template], ..Self::new(id, Strategy::SimpleOneForOne) }
    }

    /// Restarts granted within a period, in whole seconds (default 1 in 5 s).
    #[must_use]
    pub fn intensity(mut self, max_restarts: u32, period: Duration) -> Self {
        self.flags.intensity = Intensity { max_restarts, period };
        self
    }

    /// Whether the end of significant children ends it (default never).
    #[must_use]
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.flags.auto_shutdown = auto_shutdown;
        self
    }

    /// Most children of a dynamic supervisor (default: no limit).
    #[must_use]
    pub fn max_children(mut self, limit: usize) -> Self {
        self.flags.max_children = Some(limit);
        self
    }

    /// Adds a child at the end of the start order.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// Tells `observer` what it does, and passes it on to supervisors below.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Runs `init` before each start of the supervisor: OTP's `init/1` callback. It may
    /// refuse ([`StartError::Failed`]), ask not to be started ([`StartError::Ignore`]), or
    /// hand something to whoever starts the supervisor. It runs on the supervisor's
    /// thread and must not wait.
    #[must_use]
    pub fn init(
        mut self,
        init: impl Fn(&SupervisorRef) -> Result<Option<StateValue>, StartError> + Send + Sync + 'static,
    ) -> Self {
        self.init = Some(Arc::new(init));
        self
    }

    /// Checks flags and children as the start will, without starting anything.
    ///
    /// # Errors
    /// [`StartRootError::Spec`] or [`StartRootError::Id`], for it or a supervisor below it.
    pub fn check(&self) -> Result<(), StartRootError> {
        self.id.clone()?;
        let entries = self.children.iter().map(ChildSpec::entry).collect::<Result<_, _>>()?;
        Policy::new(self.flags, entries)?;
        let below = self.children.iter().filter_map(|child| match &child.make {
            Make::Supervisor(below) => Some(below),
            Make::Actor(_) => None,
        });
        below.map(|below| below.check()).collect()
    }

    /// Paths of all that starts when it does, at `path`.
    pub(crate) fn paths_below(&self, path: &ActorPath, paths: &mut Vec<ActorPath>) {
        if self.flags.strategy == Strategy::SimpleOneForOne {
            return;
        }
        for child in &self.children {
            let Ok(id) = child.id() else { continue };
            let path = path.child(id);
            paths.push(path.clone());
            if let Make::Supervisor(below) = &child.make {
                below.paths_below(&path, paths);
            }
        }
    }

    /// Whether references to its children outlive its own restarts (default yes).
    ///
    /// Then a child that a killed supervisor left behind is fenced off when its
    /// successor starts. OTP leaves it running: `false` restores that.
    #[must_use]
    pub fn lasting_refs(mut self, lasting: bool) -> Self {
        self.lasting_refs = lasting;
        self
    }
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct(type_name::<Self>())
            .field("id", &self.id)
            .field("flags", &self.flags)
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}
