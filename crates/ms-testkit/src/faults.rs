//! Faults on demand, for actors of every tier.

use ms_actor::{AnyRef, Fault};
use ms_core::ExitReason;

/// Makes an actor panic as if in a handler. Why-records mark the panic as injected.
pub fn crash(actor: &AnyRef) {
    actor.inject(Fault::Panic);
}

/// Makes an actor panic in a future, after an await.
pub fn crash_after_await(actor: &AnyRef) {
    actor.inject(Fault::PanicAfterAwait);
}

/// Makes an actor serve nothing but control any more, without blocking its thread.
pub fn hang(actor: &AnyRef) {
    actor.inject(Fault::Hang);
}

/// Kills an actor. None of its hooks runs.
pub fn kill(actor: &AnyRef) {
    actor.kill();
}

/// Sends an exit signal to an actor, as another actor would.
pub fn signal(actor: &AnyRef, reason: ExitReason) {
    actor.exit(reason);
}
