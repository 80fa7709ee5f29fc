//! Starting children: their cells, names and deadlines.

use ms_actor::host::{ChildCell, Parent};
use ms_core::ChildId;
use ms_policy::{ChildKey, Event, StartCause};

use super::{Ctx, SupervisorActor};
use crate::logic::starts::StartNumber;
use crate::state::child::{Child, ChildParts};
use crate::state::timers::Due;

impl SupervisorActor {
    pub(super) fn start(
        &mut self,
        ctx: &mut Ctx,
        key: ChildKey,
        start: StartNumber,
        cause: StartCause,
    ) {
        if let StartCause::Added(ticket) = cause
            && let Some((name, parts)) = self.administration.take_arriving(ticket)
        {
            self.insert_child(key, name, parts, false);
        }
        let Some(cell) = self.make_cell(key) else {
            // Only a name that is no child id has no cell, and such a spec was refused.
            tracing::error!(supervisor = %self.path, "a child has no cell");
            return;
        };
        // Not those of the boot or of an operator: what is counted is shown as instability.
        if start.is_repeated() && cause == StartCause::Restart {
            cell.count_restart();
        }
        let Some(child) = self.children.get_mut(key) else { return };
        child.begin_start(start);
        let (path, options) = (child.path().clone(), child.options().clone());
        let wanted = child.is_wanted();
        self.observe(|it, me, life| it.child_starting(me, life, &path));
        if !wanted {
            return self.skip_start(key, start);
        }
        if let Some(heartbeat) = options.heartbeat() {
            self.watch_heartbeats(ctx, heartbeat);
        }
        self.launch(key);
        if let Some(after) = options.start_timeout() {
            self.set_timer(ctx, key, after, Due::StartOverdue { key, start, after });
        }
        if options.starts_in_background() {
            // Not through the mailbox: the next sibling is not to wait behind what is there.
            let incarnation = start.in_policy();
            self.at_once.push_back(Event::Started { key, incarnation, info: false });
        }
    }

    /// Answers a start that is not wanted. The cell is not launched: its first life, when it
    /// comes, is number 1.
    fn skip_start(&mut self, key: ChildKey, start: StartNumber) {
        let Some(child) = self.children.get(key) else { return };
        child.skip_launch();
        let path = child.path().clone();
        self.children.note_maybe_down(key);
        self.observe(|it, me, life| it.child_ignored(me, life, &path));
        self.at_once.push_back(Event::Ignored { key, incarnation: start.in_policy() });
    }

    pub(super) fn launch(&mut self, key: ChildKey) {
        if let Some(child) = self.children.get_mut(key) {
            child.launch();
        }
    }

    fn make_cell(&mut self, key: ChildKey) -> Option<ChildCell> {
        let parent = Parent { sink: self.sink.clone()?, key: key.raw() };
        self.children.get_mut(key)?.make_cell(self.node.as_ref()?, parent, &self.kept)
    }

    pub(super) fn insert_child(
        &mut self,
        key: ChildKey,
        name: ChildId,
        parts: ChildParts,
        lasting: bool,
    ) {
        let child = Child::new(key, self.path.child(&name), parts, lasting);
        self.children.insert(name, child);
    }
}
