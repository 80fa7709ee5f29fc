//! What callers hold of a supervisor.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use ms_actor::{Accepts, AnyRef, Context, Hosted, Ref, StartError, StateValue};
use ms_core::view::WhyRecord;
use ms_core::{ActorPath, ChildId, ExitReason, Incarnation};
use ms_policy::{ChildEntry, Counts};

use crate::actor::SupervisorActor;
use crate::child_info::{ChildInfo, StartedChild};
use crate::error::SupervisorError;
use crate::messages::{
    AbandonChild, CountChildren, DeleteChild, FindChild, GetChildSpec, GetWhy, RestartChild,
    StartChild, StartDynamic, Suspend, TerminateChild, Which, WhichChildren,
};
use crate::spec::{ChildSpec, DynamicChild, SupervisorSpec};

/// Longest wait for a supervisor's answer, unless [`SupervisorRef::within`] says otherwise.
const DEFAULT_WITHIN: Duration = Duration::from_secs(30);

/// A reference to a supervisor; the calls are those of OTP's `supervisor` module.
#[derive(Debug, Clone)]
pub struct SupervisorRef {
    actor: Ref<SupervisorActor>,
    within: Duration,
}

impl SupervisorRef {
    pub(crate) fn new(actor: Ref<SupervisorActor>) -> Self {
        Self { actor, within: DEFAULT_WITHIN }
    }

    /// Returns the supervisor behind a reference to any actor, if it is one.
    #[must_use]
    pub fn of(actor: &AnyRef) -> Option<Self> {
        actor.typed::<SupervisorActor>().map(Self::new)
    }

    /// Sets another deadline for its calls (default 30 s).
    ///
    /// A call that starts a child waits for the child's init.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }

    /// Returns where it lives.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        self.actor.path()
    }

    /// Returns the supervisor as an actor.
    #[must_use]
    pub fn any(&self) -> AnyRef {
        self.actor.any()
    }

    pub(crate) async fn call<M>(&self, message: M) -> Result<M::Result, SupervisorError>
    where
        M: Message + Send + 'static,
        Context<SupervisorActor>: Accepts<SupervisorActor, M>,
    {
        let answer = self.actor.ask(message).within(self.within).await;
        answer.map_err(|error| SupervisorError::no_answer(self.path(), error))
    }

    /// Adds a child at the end of the start order and starts it (`start_child/2`).
    ///
    /// # Errors
    /// OTP's: already started, already present, the start error (the spec is not kept),
    /// a bad spec.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<StartedChild, SupervisorError> {
        self.call(StartChild(Box::new(spec))).await?
    }

    /// Starts one more child of a dynamic supervisor.
    ///
    /// # Errors
    /// The start error, `MaxChildren`, or a name that a present child has.
    pub async fn start_dynamic(
        &self,
        child: DynamicChild,
    ) -> Result<StartedChild, SupervisorError> {
        self.call(StartDynamic(Some(Box::new(child)))).await?
    }

    /// Starts one more child of a dynamic supervisor as its template makes them.
    ///
    /// # Errors
    /// As [`SupervisorRef::start_dynamic`].
    pub async fn start_another(&self) -> Result<StartedChild, SupervisorError> {
        self.call(StartDynamic(None)).await?
    }

    /// Stops a child; its spec stays unless it is temporary (`terminate_child/2`).
    ///
    /// # Errors
    /// Not found; `SimpleOneForOne` for a dynamic supervisor, whose children are named by path.
    pub async fn terminate_child(&self, id: &ChildId) -> Result<(), SupervisorError> {
        self.terminate(Which::Id(id.clone()), None).await
    }

    /// Stops a child of a dynamic supervisor.
    ///
    /// # Errors
    /// Not found.
    pub async fn terminate_dynamic(&self, child: &ActorPath) -> Result<(), SupervisorError> {
        self.terminate(Which::Path(child.clone()), None).await
    }

    /// Stops a child, if it is the incarnation that is meant or none is.
    pub(crate) async fn terminate(
        &self,
        which: Which,
        meant: Option<Incarnation>,
    ) -> Result<(), SupervisorError> {
        self.call(TerminateChild { which, meant }).await?
    }

    /// Starts a stopped child (`restart_child/2`).
    ///
    /// # Errors
    /// Running, restarting, not found, or the start error.
    pub async fn restart_child(&self, id: &ChildId) -> Result<StartedChild, SupervisorError> {
        self.call(RestartChild(id.clone())).await?
    }

    /// Forgets a stopped child (`delete_child/2`).
    ///
    /// # Errors
    /// Running, restarting, not found.
    pub async fn delete_child(&self, id: &ChildId) -> Result<(), SupervisorError> {
        self.call(DeleteChild(id.clone())).await?
    }

    /// Gives up a child that was killed and whose thread does not come back: its incarnation
    /// counts as ended, and an arbiter that stands still is given up with it.
    ///
    /// False when that incarnation had ended already, or there is no such child.
    ///
    /// # Errors
    /// Only when the supervisor does not answer.
    pub async fn abandon_child(
        &self,
        id: &ChildId,
        incarnation: Incarnation,
    ) -> Result<bool, SupervisorError> {
        self.call(AbandonChild { id: id.clone(), incarnation }).await
    }

    /// Lists the children, latest start first (`which_children/1`).
    ///
    /// # Errors
    /// Only when the supervisor does not answer.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        self.call(WhichChildren).await?
    }

    /// Counts the children (`count_children/1`).
    ///
    /// # Errors
    /// Only when the supervisor does not answer.
    pub async fn count_children(&self) -> Result<Counts, SupervisorError> {
        self.call(CountChildren).await?
    }

    /// Reads a child's spec (`get_childspec/2`).
    ///
    /// # Errors
    /// Not found.
    pub async fn get_childspec(&self, id: &ChildId) -> Result<ChildEntry, SupervisorError> {
        self.call(GetChildSpec(Which::Id(id.clone()))).await?
    }

    /// Returns the actor of the child named `id`, if there is one that was ever started.
    ///
    /// # Errors
    /// Only when the supervisor does not answer.
    pub async fn child(&self, id: &ChildId) -> Result<Option<AnyRef>, SupervisorError> {
        self.call(FindChild(id.clone())).await
    }

    /// Returns the typed reference to the child named `id`: valid over its restarts.
    ///
    /// # Errors
    /// A bad id, not found, or another type.
    pub async fn get<A: Hosted>(&self, id: &str) -> Result<Ref<A>, SupervisorError> {
        let id = ChildId::new(id)?;
        let path = self.path().child(&id);
        let actor = self.child(&id).await?.ok_or(SupervisorError::NotFound { path })?;
        actor.typed().ok_or_else(|| SupervisorError::WrongType {
            id,
            expected: std::any::type_name::<A>(),
            found: actor.status().actor_type,
        })
    }

    /// Returns the supervisor that is the child named `id`.
    ///
    /// # Errors
    /// As [`SupervisorRef::get`].
    pub async fn supervisor(&self, id: &str) -> Result<Self, SupervisorError> {
        self.get::<SupervisorActor>(id).await.map(Self::new)
    }

    /// Returns the records of why children of this very supervisor ended, newest first; of one
    /// child or of all.
    ///
    /// # Errors
    /// Only when the supervisor does not answer.
    pub async fn why_children(
        &self,
        child: Option<&ActorPath>,
        limit: usize,
    ) -> Result<Vec<WhyRecord>, SupervisorError> {
        self.call(GetWhy { path: child.cloned(), limit }).await
    }

    /// Suspends the supervisor: it decides nothing until it is resumed; inspection goes on
    /// (`sys:suspend/1`).
    ///
    /// # Errors
    /// Only when the supervisor does not answer.
    pub async fn suspend(&self) -> Result<(), SupervisorError> {
        self.call(Suspend(true)).await
    }

    /// Undoes [`SupervisorRef::suspend`]; what waited is handled in order.
    ///
    /// # Errors
    /// Only when the supervisor does not answer.
    pub async fn resume(&self) -> Result<(), SupervisorError> {
        self.call(Suspend(false)).await
    }
}

impl SupervisorSpec {
    /// Runs `init` before each start of the supervisor: OTP's `init/1` callback. It may
    /// refuse ([`StartError::Failed`]), ask not to be started ([`StartError::Ignore`]), or
    /// hand something to whoever starts the supervisor. It runs on the supervisor's
    /// thread and must not wait.
    #[must_use]
    pub fn init(
        self,
        init: impl Fn(&SupervisorRef) -> Result<Option<StateValue>, StartError> + Send + Sync + 'static,
    ) -> Self {
        self.with_init(Arc::new(move |me: &AnyRef| match SupervisorRef::of(me) {
            Some(me) => init(&me),
            // Only supervisors are made of this spec.
            None => Err(StartError::Failed(ExitReason::NoProc)),
        }))
    }
}
