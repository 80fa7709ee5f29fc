//! How to make an actor again and again.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use ms_core::view::Tier;
use ms_core::{ActorPath, ChildType};

use crate::cell::any::AnyCell;
use crate::cell::core::Core;
use crate::cell::hosted::{Factory, Hosted};
use crate::cell::parent::Parent;
use crate::cell::state::StateValue;
use crate::error::StartError;
use crate::host::child_cell::ChildCell;
use crate::mail::spec::MailboxSpec;
use crate::node::handle::Node;
use crate::refs::handle::Ref;

/// How to make one kind of actor, type-erased: the `start` of an OTP child spec.
#[derive(Clone)]
pub struct Blueprint {
    actor_type: &'static str,
    kind: ChildType,
    mailbox: MailboxSpec,
    make: Arc<dyn Fn(CellSeed) -> Arc<dyn AnyCell> + Send + Sync>,
}

/// Makes a factory that is given the reference its actor will have.
pub(super) fn factory_of<A: Hosted>(
    factory: impl Fn(&Ref<A>) -> Result<A, StartError> + Send + Sync + 'static,
) -> Factory<A> {
    Arc::new(move |cell| factory(&Ref::new(Arc::clone(cell))))
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
    /// Makes the blueprint of an actor made by `factory` on the arbiter it will live on.
    ///
    /// `A` may use [`crate::Context`] or `actix::Context`; nothing about it changes.
    pub fn actor<A: Hosted>(factory: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self::fallible(move |_| Ok(factory()))
    }

    /// Makes the blueprint of an actor whose factory may fail, and gets the reference it will have.
    pub fn fallible<A: Hosted>(
        factory: impl Fn(&Ref<A>) -> Result<A, StartError> + Send + Sync + 'static,
    ) -> Self {
        Self::with_view(factory, A::TIER, None)
    }

    /// Does the same as [`Blueprint::fallible`], with the tier shown in views and a view of the
    /// state.
    ///
    /// For libraries that build other kinds of actors on the kernel.
    pub fn with_view<A: Hosted>(
        factory: impl Fn(&Ref<A>) -> Result<A, StartError> + Send + Sync + 'static,
        tier: Tier,
        view: Option<fn(&A) -> StateValue>,
    ) -> Self {
        let factory = factory_of(factory);
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

    /// Sets another mailbox.
    #[must_use]
    pub fn mailbox(mut self, mailbox: MailboxSpec) -> Self {
        self.mailbox = mailbox;
        self
    }

    /// Returns the mailbox its actors will have.
    #[must_use]
    pub fn mailbox_spec(&self) -> &MailboxSpec {
        &self.mailbox
    }

    /// Sets what its actors are shown as.
    #[must_use]
    pub fn kind(mut self, kind: ChildType) -> Self {
        self.kind = kind;
        self
    }

    /// Returns the Rust type of the actor.
    #[must_use]
    pub fn actor_type(&self) -> &'static str {
        self.actor_type
    }

    /// Makes the lasting cell of an actor at `path`; nothing runs yet. Whoever makes a cell is
    /// its supervisor, and gets the levers with it.
    #[must_use]
    pub fn cell(&self, node: &Node, path: ActorPath, parent: Option<Parent>) -> ChildCell {
        let seed =
            CellSeed { node: node.clone(), path, parent, mailbox: self.mailbox, kind: self.kind };
        ChildCell::new((self.make)(seed))
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
