//! Faults on demand, for actors of every tier.

use ms_actor::{AnyRef, Fault};
use ms_core::ExitReason;

/// Has it panic, as if in a handler; marked as injected in why-records.
pub fn crash(actor: &AnyRef) {
    actor.inject(Fault::Panic);
}

/// Has it panic in a future, after an await.
pub fn crash_after_await(actor: &AnyRef) {
    actor.inject(Fault::PanicAfterAwait);
}

/// Has it serve nothing any more but control, without blocking the thread.
pub fn hang(actor: &AnyRef) {
    actor.inject(Fault::Hang);
}

/// Kills it: no hook runs.
pub fn kill(actor: &AnyRef) {
    actor.kill();
}

/// A stranger's exit signal.
pub fn signal(actor: &AnyRef, reason: ExitReason) {
    actor.exit(reason);
}
