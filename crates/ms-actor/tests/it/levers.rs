//! What only a supervisor may do is not to be had from a reference.
//!
//! A method of a type's own goes before one of a trait: where the calls below reach the trait, the
//! type has no such method. With a lever on `AnyRef` or `Ref` this file does not compile.

use std::sync::Arc;

use ms_actor::host::{ChildEvent, ChildSink, Parent};
use ms_actor::{AnyRef, Hosted, Placement, Ref};
use ms_core::{ExitReason, Incarnation};

use crate::common::ours::Probe;
use crate::common::{Child, Log, paused, probes};

/// The answer of a lever that is not there.
#[derive(Debug, PartialEq)]
struct Absent;

trait NoLevers {
    fn adopt(&self, _: Parent) -> Absent {
        Absent
    }
    fn launch(&self, _: Placement) -> Absent {
        Absent
    }
    fn fence(&self, _: Incarnation, _: ExitReason) -> Absent {
        Absent
    }
    fn abandon(&self, _: Incarnation, _: ExitReason) -> Absent {
        Absent
    }
    fn close(&self, _: &ExitReason) -> Absent {
        Absent
    }
    fn close_at_end(&self, _: &ExitReason) -> Absent {
        Absent
    }
    fn refuse(&self, _: &ExitReason) -> Absent {
        Absent
    }
    fn kill_for(&self, _: ExitReason) -> Absent {
        Absent
    }
    fn kill_of(&self, _: Incarnation) -> Absent {
        Absent
    }
    fn parent_exit(&self, _: ExitReason) -> Absent {
        Absent
    }
    fn parent_exit_of(&self, _: Incarnation, _: ExitReason) -> Absent {
        Absent
    }
    fn mark_restarting(&self) -> Absent {
        Absent
    }
    fn count_restart(&self) -> Absent {
        Absent
    }
}

impl NoLevers for AnyRef {}
impl<A: Hosted> NoLevers for Ref<A> {}

struct Silent;

impl ChildSink for Silent {
    fn child_event(&self, _: u64, _: ChildEvent) {}
}

/// Pulls every lever; not in a generic function, which would see the trait and nothing else.
macro_rules! pull {
    ($reference:expr) => {{
        let (it, life) = ($reference, Incarnation(1));
        let parent = Parent { sink: Arc::new(Silent), key: 1 };
        let killed = || ExitReason::Killed;
        [
            it.adopt(parent),
            it.launch(Placement::Pool),
            it.fence(life, killed()),
            it.abandon(life, killed()),
            it.close(&killed()),
            it.close_at_end(&killed()),
            it.refuse(&killed()),
            it.kill_for(killed()),
            it.kill_of(life),
            it.parent_exit(killed()),
            it.parent_exit_of(life, killed()),
            it.mark_restarting(),
            it.count_restart(),
        ]
    }};
}

#[test]
fn a_reference_has_no_lever_of_a_supervisor() {
    paused(async |node| {
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        assert!(pull!(child.cell.any()).iter().all(|lever| *lever == Absent));
        assert!(pull!(child.actor.clone()).iter().all(|lever| *lever == Absent));
        child.quiet();
        assert!(child.cell.is_alive() && !child.cell.is_closed());
        // With the cell itself it is another matter.
        assert!(child.cell.fence(Incarnation(1), ExitReason::Killed));
        assert!(!child.cell.is_alive());
    });
}
