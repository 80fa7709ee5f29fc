//! The start of an incarnation, told when its init is done: nobody may hear of an end before it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ms_core::Incarnation;
use ms_core::view::Lifecycle;

use crate::cell::any::AnyCell;
use crate::cell::ending::tell_now;
use crate::cell::follow::LifeChange;
use crate::cell::parent::ChildNews;

/// Tells followers and the supervisor that the init of `incarnation` is done.
///
/// Whoever ends it meanwhile from another thread leaves the end here to be told after.
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
        // It was fenced off meanwhile, and its failed start is told already.
        return;
    }
    // A sink that panics is the actor's crash, and that has to be told as any other.
    let told = catch_unwind(AssertUnwindSafe(|| {
        core.node.publish_start(&core.path, incarnation);
        core.tell_followers(&LifeChange::Started(incarnation));
        core.tell_parent(incarnation, ChildNews::Started);
    }));
    let held = core.life(|life| {
        life.announcing -= 1;
        let rare = life.rare.as_mut().filter(|_| life.announcing == 0)?;
        Some(std::mem::take(&mut rare.held_ends))
    });
    held.into_iter().flatten().for_each(|held| tell_now(cell, held));
    if let Err(panic) = told {
        resume_unwind(panic);
    }
}
