//! The builder of supervisors.

use std::sync::Arc;
use std::time::Duration;

use ms_core::{
    ActorPath, AutoShutdown, ChildId, IdError, Intensity, StopOrder, Strategy, SupervisorFlags,
    WhenExhausted,
};

use super::{ChildSpec, InitFn, Make, SupervisorSpec};
use crate::heartbeat::Heartbeat;
use crate::observation::Observer;

impl SupervisorSpec {
    /// Begins a spec with a strategy that is only known at run time, such as a configured one.
    ///
    /// [`Strategy::SimpleOneForOne`] wants exactly one child, the template: see
    /// [`SupervisorSpec::dynamic`].
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

    /// Restarts a failed child alone.
    pub fn one_for_one(id: impl AsRef<str>) -> Self {
        Self::new(id, Strategy::OneForOne)
    }

    /// Restarts all children when one fails.
    pub fn one_for_all(id: impl AsRef<str>) -> Self {
        Self::new(id, Strategy::OneForAll)
    }

    /// Restarts a failed child and those started after it.
    pub fn rest_for_one(id: impl AsRef<str>) -> Self {
        Self::new(id, Strategy::RestForOne)
    }

    /// Makes a dynamic supervisor: any number of children, started at run time, all treated as
    /// `template` says (OTP's `simple_one_for_one`, Elixir's `DynamicSupervisor`).
    ///
    /// The template's own factory is used by [`crate::SupervisorRef::start_another`].
    pub fn dynamic(id: impl AsRef<str>, template: ChildSpec) -> Self {
        Self::new(id, Strategy::SimpleOneForOne).child(template)
    }

    /// Sets the restarts granted within a period, in whole seconds (default 1 in 5 s).
    #[must_use]
    pub fn intensity(mut self, max_restarts: u32, period: Duration) -> Self {
        self.flags.intensity = Intensity { max_restarts, period };
        self
    }

    /// Sets what it does when its restart budget is used up (default: it gives up, as OTP's does).
    #[must_use]
    pub fn when_exhausted(mut self, when_exhausted: WhenExhausted) -> Self {
        self.flags.when_exhausted = when_exhausted;
        self
    }

    /// Sets whether the end of significant children ends it (default never).
    #[must_use]
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.flags.auto_shutdown = auto_shutdown;
        self
    }

    /// Sets the order in which it stops its children when it ends (default: one after the
    /// other, latest start first, as OTP does). [`StopOrder::Together`] suits a pool: its stop
    /// takes as long as that of its slowest child, not as long as all of theirs in a row.
    #[must_use]
    pub fn stop_order(mut self, order: StopOrder) -> Self {
        self.flags.stop_order = order;
        self
    }

    /// Limits the children of a dynamic supervisor (default: no limit).
    #[must_use]
    pub fn max_children(mut self, limit: usize) -> Self {
        self.flags.max_children = Some(limit);
        self
    }

    /// Adds a child at the end of the start order.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.depth = self.depth.max(child.depth().saturating_add(1));
        // The child lost its subtree over this, so its own depth does not show it any more.
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

    /// Reports to `observer` what it does; supervisors below it do the same.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Skips the start (OTP's `ignore`) while `wanted` returns false. It is called before each
    /// start, and before the callback of [`SupervisorSpec::init`].
    ///
    /// The spec is kept: [`crate::SupervisorRef::restart_child`] starts the supervisor later.
    /// So a tree can hold a place in the start order for what is not to run yet. A skipped
    /// start takes no number: the first start is incarnation 1 whenever it comes.
    #[must_use]
    pub fn only_if(mut self, wanted: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let before = self.wanted.take();
        let both = move || wanted() && before.as_ref().is_none_or(|before| before());
        self.wanted = Some(Arc::new(both));
        self
    }

    /// Sets whether references to its children outlive its own restarts (default yes).
    ///
    /// Then a child that a killed supervisor left behind is fenced off when its
    /// successor starts. OTP leaves it running: `false` restores that.
    #[must_use]
    pub fn lasting_refs(mut self, lasting: bool) -> Self {
        self.lasting_refs = lasting;
        self
    }

    /// Returns its id.
    ///
    /// # Errors
    /// What is wrong with the text it was given.
    pub fn id(&self) -> Result<&ChildId, &IdError> {
        self.id.as_ref()
    }

    pub(crate) fn with_init(mut self, init: Arc<InitFn>) -> Self {
        self.init = Some(init);
        self
    }

    /// Makes the same spec as a child of `above`, with what the two have in common.
    pub(crate) fn below(&self, above: &Self) -> Self {
        let mut below = self.clone();
        below.observer = below.observer.take().or_else(|| above.observer.clone());
        // It may opt out, not in: where the cell of a supervisor is made anew in each life of the
        // one above, nobody could find the cells below it.
        below.lasting_refs &= above.lasting_refs;
        below.heartbeats = below.heartbeats.or(above.heartbeats);
        below
    }

    pub(crate) fn flags(&self) -> SupervisorFlags {
        self.flags
    }

    pub(crate) fn child_specs(&self) -> &[ChildSpec] {
        &self.children
    }

    pub(crate) fn default_heartbeat(&self) -> Option<Heartbeat> {
        self.heartbeats
    }

    pub(crate) fn attached_observer(&self) -> Option<&Arc<dyn Observer>> {
        self.observer.as_ref()
    }

    pub(crate) fn has_lasting_refs(&self) -> bool {
        self.lasting_refs
    }

    pub(crate) fn init_callback(&self) -> Option<&InitFn> {
        self.init.as_deref()
    }

    /// Returns whether it is to be started now; see [`SupervisorSpec::only_if`].
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted())
    }

    /// Adds the paths of all that starts with it, when it lives at `path`. A dynamic supervisor
    /// starts without children, whatever it had before.
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
}
