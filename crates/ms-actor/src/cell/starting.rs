//! The start of an incarnation, reported when its init is done: nobody may hear of an end before it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ms_core::Incarnation;
use ms_core::view::Lifecycle;

use crate::cell::any::AnyCell;
use crate::cell::ending::report_now;
use crate::cell::follow::LifeChange;
use crate::cell::parent::ChildEvent;

/// Notifies followers and the supervisor that the init of `incarnation` is done.
///
/// Whoever ends it meanwhile from another thread leaves the end here, to be reported after it.
pub(crate) fn announce_start(cell: &dyn AnyCell, incarnation: Incarnation) {
    let core = cell.core();
    let live = core.life(|life| {
        let live = life.live == incarnation;
        if live {
            life.ready = true;
            life.announcing += 1;
            core.set_lifecycle(Lifecycle::Running);
        }
        live
    });
    if !live {
        // It was fenced off meanwhile, and its failed start is reported already.
        return;
    }
    // A sink that panics is the actor's crash, and that has to be reported as any other.
    let reported = catch_unwind(AssertUnwindSafe(|| {
        core.node.publish_start(&core.path, incarnation);
        core.notify_followers(&LifeChange::Started(incarnation));
        core.notify_parent(ChildEvent::Started(incarnation));
    }));
    let held = core.life(|life| {
        life.announcing -= 1;
        let rare = life.rare.as_mut().filter(|_| life.announcing == 0)?;
        Some(std::mem::take(&mut rare.held_ends))
    });
    held.into_iter().flatten().for_each(|held| report_now(cell, held));
    if let Err(panic) = reported {
        resume_unwind(panic);
    }
}
