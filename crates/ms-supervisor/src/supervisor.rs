//! Supervisors to be, and children to be of dynamic ones.

use std::any::type_name;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{Hosted, MailboxSpec, Ref, StartError, StateValue};
use ms_core::id::MAX_PATH_DEPTH;
use ms_core::view::Tier;
use ms_core::{
    ActorPath, AutoShutdown, ChildId, ChildType, IdError, Intensity, StopOrder, Strategy,
    SupervisorFlags, WhenExhausted,
};
use ms_policy::{ChildSpecError, Policy, SpecError};

use crate::actor::SupervisorActor;
use crate::bank::Bank;
use crate::error::StartRootError;
use crate::handle::SupervisorRef;
use crate::heartbeat::Heartbeat;
use crate::observe::Observer;
use crate::spec::{ChildSpec, Make};

/// How a supervisor is made into an actor. Its mailbox has no bound: it takes the
/// news of its children, which their number bounds, and administrative calls, whose
/// callers wait.
pub(crate) fn supervisor_blueprint(supervisor: &Supervisor, bank: &Bank) -> Blueprint {
    let (supervisor, bank) = (supervisor.clone(), bank.clone());
    let factory =
        move |me: &Ref<SupervisorActor>| SupervisorActor::new(&supervisor, bank.clone(), me);
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
    /// Levels of the tree it is the top of, itself included.
    pub(crate) depth: usize,
    /// What was left out below it because it was too deep.
    too_deep: Option<IdError>,
    pub(crate) heartbeats: Option<Heartbeat>,
    pub(crate) init: Option<Arc<InitFn>>,
    wanted: Option<Arc<WantedFn>>,
}

type InitFn = dyn Fn(&SupervisorRef) -> Result<Option<StateValue>, StartError> + Send + Sync;
type WantedFn = dyn Fn() -> bool + Send + Sync;

impl Supervisor {
    /// With a strategy that is only known at run time, such as a configured one.
    ///
    /// [`Strategy::SimpleOneForOne`] wants exactly one child, the template: see [`Supervisor::dynamic`].
    pub fn new(id: impl AsRef<str>, strategy: Strategy) -> Self {
        Self {
            id: ChildId::new(id),
            flags: SupervisorFlags { strategy, ..SupervisorFlags::default() },
            children: Vec::new(),
            observer: None,
            lasting_refs: true,
            depth: 1,
            too_deep: None,
            heartbeats: None,
            init: None,
            wanted: None,
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
        Self::new(id, Strategy::SimpleOneForOne).child(template)
    }

    /// Restarts granted within a period, in whole seconds (default 1 in 5 s).
    #[must_use]
    pub fn intensity(mut self, max_restarts: u32, period: Duration) -> Self {
        self.flags.intensity = Intensity { max_restarts, period };
        self
    }

    /// What it does when its restart budget is used up (default: it gives up, as OTP's does).
    #[must_use]
    pub fn when_exhausted(mut self, when_exhausted: WhenExhausted) -> Self {
        self.flags.when_exhausted = when_exhausted;
        self
    }

    /// Whether the end of significant children ends it (default never).
    #[must_use]
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.flags.auto_shutdown = auto_shutdown;
        self
    }

    /// In which order it stops its children when it ends (default: one after the other, latest
    /// start first, as OTP does). [`StopOrder::Together`] suits a pool: its stop takes as long
    /// as that of its slowest child, not as long as all of theirs in a row.
    #[must_use]
    pub fn stop_order(mut self, order: StopOrder) -> Self {
        self.flags.stop_order = order;
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
        self.depth = self.depth.max(child.depth().saturating_add(1));
        if let Err(error @ IdError::TooDeep(_)) = &child.id {
            self.too_deep.get_or_insert_with(|| error.clone());
        }
        self.children.push(child);
        self
    }

    /// Gives every actor below it this heartbeat: its children, supervisors among them, and
    /// theirs. A child's own [`ChildSpec::heartbeat`] or [`ChildSpec::without_heartbeat`] wins,
    /// and so do the heartbeats of a supervisor further down.
    ///
    /// A handler that is at one message for longer has to say that it lives
    /// ([`ms_actor::Context::heartbeat`]).
    #[must_use]
    pub fn heartbeats(mut self, heartbeat: Heartbeat) -> Self {
        self.heartbeats = Some(heartbeat);
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

    /// Is not started (OTP's `ignore`) while `wanted` says no; looked at before each start, and
    /// before what [`Supervisor::init`] was given.
    ///
    /// Its spec is kept then: [`crate::SupervisorRef::restart_child`] starts it later. That
    /// lets a tree hold a place in the start order for what is not to run yet: what was not
    /// wanted takes no number, so the first start is incarnation 1 whenever it comes.
    #[must_use]
    pub fn only_if(mut self, wanted: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let before = self.wanted.take();
        let both = move || wanted() && before.as_ref().is_none_or(|before| before());
        self.wanted = Some(Arc::new(both));
        self
    }

    /// Whether it is to be started now.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted())
    }

    /// Its id.
    ///
    /// # Errors
    /// What is wrong with the text it was given.
    pub fn id(&self) -> Result<&ChildId, &IdError> {
        self.id.as_ref()
    }

    /// Checks flags and children as the start will, without starting anything.
    ///
    /// # Errors
    /// [`StartRootError::Spec`] or [`StartRootError::Id`], for it or a supervisor below it.
    pub fn check(&self) -> Result<(), StartRootError> {
        self.id.clone()?;
        self.check_depth(0)?;
        let entries = self.children.iter().map(ChildSpec::entry).collect::<Result<_, _>>()?;
        Policy::new(self.flags, entries)?;
        self.check_settings()?;
        let mut below = self.children.iter().filter_map(|child| match &child.make {
            Make::Supervisor(below) => Some(below),
            Make::Actor(_) => None,
        });
        below.try_for_each(|below| below.check())
    }

    /// What of it and its children the policy does not check; after that.
    pub(crate) fn check_settings(&self) -> Result<(), SpecError> {
        if let (Some(heartbeat), Ok(id)) = (self.heartbeats, &self.id)
            && !heartbeat.is_sane()
        {
            return Err(ChildSpecError::InvalidHeartbeat(id.clone()).into());
        }
        self.children.iter().try_for_each(|child| Ok(child.check_settings()?))
    }

    /// Checks that nothing of it is deeper than a path may be, below so many levels.
    pub(crate) fn check_depth(&self, above: usize) -> Result<(), IdError> {
        match &self.too_deep {
            Some(error) => Err(error.clone()),
            None if above.saturating_add(self.depth) > MAX_PATH_DEPTH => {
                Err(IdError::TooDeep(self.deepest_path()))
            }
            None => Ok(()),
        }
    }

    /// The path of what is deepest in it, from itself on.
    pub(crate) fn deepest_path(&self) -> String {
        let name = |id: &Result<ChildId, IdError>| match id {
            Ok(id) => format!("/{id}"),
            Err(_) => "/?".to_owned(),
        };
        let (mut path, mut at) = (name(&self.id), self);
        while let Some(child) = at.children.iter().max_by_key(|child| child.depth()) {
            path += &name(&child.id);
            let Make::Supervisor(below) = &child.make else { break };
            at = below;
        }
        path
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
