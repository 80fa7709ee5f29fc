//! How supervisors and children are made.

use std::sync::Arc;

use ms_actor::host::Blueprint;
use ms_actor::{MailboxSpec, Ref};
use ms_core::ChildType;
use ms_core::view::Tier;

use super::SupervisorActor;
use crate::spec::{ChildOptions, ChildSpec, Make, SupervisorSpec};
use crate::state::child::{ChildParts, Subtree};
use crate::state::kept_cells::KeptCells;

/// Makes a blueprint of a supervisor. Its mailbox has no bound: it takes the events of its
/// children, which their number bounds, and administrative calls, whose callers wait.
pub(crate) fn supervisor_blueprint(spec: &SupervisorSpec, kept: &KeptCells) -> Blueprint {
    let (spec, kept) = (spec.clone(), kept.clone());
    let factory = move |me: &Ref<SupervisorActor>| SupervisorActor::new(&spec, kept.clone(), me);
    Blueprint::with_view(factory, Tier::Supervisor, Some(SupervisorActor::state_view))
        .kind(ChildType::Supervisor)
        .mailbox(MailboxSpec::unbounded())
}

impl SupervisorActor {
    /// Makes the parts of a child of this spec.
    pub(super) fn parts_of(&self, child: &ChildSpec) -> ChildParts {
        let options = ChildOptions::of(child, self.spec.default_heartbeat());
        self.parts_with(child, Arc::new(options))
    }

    /// Makes the parts as [`Self::parts_of`] does, with options that were made before. A child that
    /// is a supervisor inherits what is not its own to say.
    pub(super) fn parts_with(&self, child: &ChildSpec, options: Arc<ChildOptions>) -> ChildParts {
        let (blueprint, subtree) = match child.make() {
            Make::Actor(blueprint) => (blueprint.clone(), None),
            Make::Supervisor(below) => {
                let (spec, kept) = (below.below(&self.spec), KeptCells::default());
                let blueprint = supervisor_blueprint(&spec, &kept);
                (blueprint, Some(Subtree::new(spec, kept)))
            }
        };
        ChildParts::new(child.complete(blueprint), subtree, options)
    }
}
