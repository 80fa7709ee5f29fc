//! How to make an actor again and again.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ms_core::view::Tier;
use ms_core::{ActorPath, ChildType, ExitReason, Incarnation};

use crate::cell::core::{AnyCell, Core};
use crate::cell::hosted::Hosted;
use crate::cell::state::StateValue;
use crate::mail::spec::MailboxSpec;
use crate::node::handle::Node;
use crate::refs::any::AnyRef;
use crate::refs::handle::Ref;

/// Where an incarnation is to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Placement {
    /// On the least loaded arbiter of the node's pool.
    #[default]
    Pool,
    /// On the arbiter its supervisor lives on.
    WithParent,
    /// On a new arbiter of its own, ended with it.
    Dedicated,
    /// On the control arbiter, beside the supervisors.
    Control,
}

/// Something a supervisor must know about a child.
#[derive(Debug, Clone)]
pub struct ChildEvent {
    /// The number the supervisor gave the child.
    pub key: u64,
    /// Which start this is about; an older one than the present is ignored.
    pub incarnation: Incarnation,
    /// What happened.
    pub news: ChildNews,
}

/// What happened to a child.
#[derive(Debug, Clone)]
pub enum ChildNews {
    /// Its init is done.
    Started,
    /// Its init asked not to be started: OTP's `ignore`.
    Ignored,
    /// Its init failed; no instance is left.
    StartFailed(ExitReason),
    /// It ended after it had started.
    Exited(EndFacts),
}

/// What is known of an end beside its reason.
#[derive(Debug, Clone)]
pub struct EndFacts {
    /// Why it ended.
    pub reason: ExitReason,
    /// How long it had been up.
    pub uptime: Duration,
    /// Messages that were waiting.
    pub mailbox_depth: Option<u64>,
    /// Of these, dropped to the dead letters.
    pub dropped: u64,
    /// Actors it was waiting for, serving nothing else, when it ended.
    pub waiting_on: Vec<ActorPath>,
    /// Whether the fault was injected on purpose.
    pub injected: bool,
}

/// Where news of children go. Called from any thread; must not block.
pub trait ChildSink: Send + Sync + 'static {
    /// Takes the news.
    fn child_event(&self, event: ChildEvent);
}

/// The tie of a cell to its supervisor.
#[derive(Clone)]
pub struct Parent {
    /// Where news go.
    pub sink: Arc<dyn ChildSink>,
    /// The number that names the child in them.
    pub key: u64,
}

impl fmt::Debug for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parent").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Makes actors of type `A`; may refuse, and may use its own reference.
pub(crate) type Factory<A> = Arc<dyn Fn(&Ref<A>) -> Result<A, StartError> + Send + Sync>;

/// Why a factory made no actor.
#[derive(Debug, Clone)]
pub enum StartError {
    /// The actor does not want to run now: OTP's `ignore`.
    Ignore,
    /// It cannot run.
    Failed(ExitReason),
}

impl<E: std::error::Error + 'static> From<E> for StartError {
    fn from(error: E) -> Self {
        Self::Failed(ExitReason::from_error(&error))
    }
}

/// How to make one kind of actor, type-erased: the `start` of an OTP child spec.
#[derive(Clone)]
pub struct Blueprint {
    actor_type: &'static str,
    kind: ChildType,
    mailbox: MailboxSpec,
    make: Arc<dyn Fn(CellSeed) -> Arc<dyn AnyCell> + Send + Sync>,
}

/// What a cell is made of besides its factory.
pub(crate) struct CellSeed {
    pub(crate) node: Node,
    pub(crate) path: ActorPath,
    pub(crate) parent: Option<Parent>,
    pub(crate) mailbox: MailboxSpec,
    pub(crate) kind: ChildType,
}

impl CellSeed {
    pub(crate) fn into_core(self, actor_type: &'static str, tier: Tier) -> Core {
        let Self { node, path, parent, mailbox, kind } = self;
        Core::new(node, path, actor_type, tier, kind, mailbox, parent)
    }
}

impl Blueprint {
    /// An actor made by `factory` on the arbiter it will live on.
    ///
    /// `A` may use [`crate::Context`] or `actix::Context`; nothing about it changes.
    pub fn actor<A: Hosted>(factory: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self::fallible(move |_| Ok(factory()))
    }

    /// An actor whose factory may fail, and gets the reference it will have.
    pub fn fallible<A: Hosted>(
        factory: impl Fn(&Ref<A>) -> Result<A, StartError> + Send + Sync + 'static,
    ) -> Self {
        Self::with_view(factory, A::TIER, None)
    }

    /// As [`Blueprint::fallible`], with the tier shown in views and a view of the state.
    ///
    /// For libraries that build other kinds of actors on the kernel.
    pub fn with_view<A: Hosted>(
        factory: impl Fn(&Ref<A>) -> Result<A, StartError> + Send + Sync + 'static,
        tier: Tier,
        view: Option<fn(&A) -> StateValue>,
    ) -> Self {
        let factory: Factory<A> = Arc::new(factory);
        Self {
            actor_type: type_name::<A>(),
            kind: ChildType::Worker,
            mailbox: MailboxSpec::default(),
            make: Arc::new(move |seed| {
                let core = seed.into_core(type_name::<A>(), tier);
                A::cell(core, Arc::clone(&factory), view)
            }),
        }
    }

    /// The same with another mailbox.
    #[must_use]
    pub fn mailbox(mut self, mailbox: MailboxSpec) -> Self {
        self.mailbox = mailbox;
        self
    }

    /// The mailbox its actors will have.
    #[must_use]
    pub fn mailbox_spec(&self) -> &MailboxSpec {
        &self.mailbox
    }

    /// The same, shown as a supervisor.
    #[must_use]
    pub fn kind(mut self, kind: ChildType) -> Self {
        self.kind = kind;
        self
    }

    /// The Rust type of the actor.
    #[must_use]
    pub fn actor_type(&self) -> &'static str {
        self.actor_type
    }

    /// Makes the lasting cell of an actor at `path`; nothing runs yet.
    #[must_use]
    pub fn cell(&self, node: &Node, path: ActorPath, parent: Option<Parent>) -> AnyRef {
        let seed =
            CellSeed { node: node.clone(), path, parent, mailbox: self.mailbox, kind: self.kind };
        AnyRef::new((self.make)(seed))
    }
}

impl fmt::Debug for Blueprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blueprint")
            .field("actor", &self.actor_type)
            .field("kind", &self.kind)
            .field("mailbox", &self.mailbox)
            .finish_non_exhaustive()
    }
}

/// Starts an actor outside any tree, on this thread, at `/local/NAME`.
///
/// It ends by itself when nobody holds a reference to it, as actix actors do.
/// Nobody restarts it: for that, give it to a supervisor.
pub fn spawn<A: Hosted + Send>(
    node: &Node,
    name: &str,
    actor: A,
) -> Result<Ref<A>, ms_core::IdError> {
    let path = ActorPath::new(format!("/local/{name}"))?;
    let slot = std::sync::Mutex::new(Some(actor));
    let factory: Factory<A> = Arc::new(move |_: &Ref<A>| {
        crate::sync::lock(&slot).take().ok_or_else(|| {
            StartError::Failed(ExitReason::failed(
                "an actor that was moved in cannot be made again",
            ))
        })
    });
    // No blueprint: nobody will make another cell of it.
    let (mailbox, kind) = (MailboxSpec::default(), ChildType::Worker);
    let seed = CellSeed { node: node.clone(), path, parent: None, mailbox, kind };
    let cell = AnyRef::new(A::cell(seed.into_core(type_name::<A>(), A::TIER), factory, None));
    let reference = cell.typed::<A>();
    cell.launch_here();
    // A cell of this very type was made above.
    reference.ok_or(ms_core::IdError::Empty)
}
