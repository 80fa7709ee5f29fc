//! The last end of children: whoever holds a reference learns that no other life comes.

use ms_core::ExitReason;
use ms_policy::ChildKey;

use super::{Ctx, SupervisorActor};
use crate::orphans::{OrphanCloser, end_in_time};
use crate::state::child::{Child, Subtree};

impl SupervisorActor {
    /// Drops a child whose spec is gone: in this life of the supervisor nobody starts it again. The
    /// next life begins with all specs, so what a supervisor drops on its way out comes back in the
    /// same cell.
    pub(super) fn drop_child(&mut self, key: ChildKey) {
        let Some(child) = self.children.remove(key) else { return };
        if child.is_lasting() && self.stops() {
            return;
        }
        self.close_child(&child, &child.last_exit().unwrap_or(ExitReason::Shutdown));
    }

    pub(super) fn exit(&mut self, ctx: &mut Ctx, reason: ExitReason) {
        self.finished = true;
        for child in self.children.iter().filter(|child| !child.is_lasting()) {
            self.close_child(child, &reason);
        }
        ctx.exit_with(reason);
    }

    /// Ends the children of a supervisor that is gone without having stopped them (F5).
    pub(super) fn leave_children(&self) {
        for child in self.children.iter() {
            let Some(cell) = child.cell() else { continue };
            if !child.is_lasting() {
                self.note_leftover(child);
                // Nobody waits for its end any more; somebody must say that it was the last.
                OrphanCloser::adopt(cell, child.subtree().map(|subtree| subtree.kept().clone()));
            }
            // A successor's start of the same child is none of ours.
            let notified = cell.parent_exit_of(child.incarnation(), ExitReason::Killed);
            let known = self.policy.child(child.key());
            if let Some(known) = known.filter(|_| notified && self.spec.has_lasting_refs()) {
                end_in_time(cell, child.incarnation(), known.policy.shutdown);
            }
        }
    }

    /// Closes the child: no further incarnation of it will come.
    fn close_child(&self, child: &Child, reason: &ExitReason) {
        self.note_leftover(child);
        if child.is_lasting() {
            self.kept.forget(child.name(), reason);
        }
        child.close(reason);
    }

    /// Notes what of a child goes on without it, for whoever takes its name.
    fn note_leftover(&self, child: &Child) {
        let below = child.subtree().map(Subtree::kept);
        if self.spec.has_lasting_refs() && (child.is_alive() || below.is_some()) {
            self.kept.note_leftover(child.name(), child.cell(), below);
        }
    }
}
