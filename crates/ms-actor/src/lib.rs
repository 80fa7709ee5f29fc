//! The actor kernel of the MS Framework, built on actix.
//!
//! It owns contexts and run loops, references, mailboxes, exit reasons, monitors
//! and links, the control channel, placement on arbiters, the watchdog and logs of
//! events. It does *not* decide what to restart: that is `ms-policy`, carried out by
//! `ms-supervisor`.
//!
//! The kernel lives in rooms. Arrows between them point only downwards in this list, and to the
//! files at the root, which know no room but `cell/`:
//!
//! - `host/`: what a supervisor is given: blueprints, cells of children, news of them;
//! - `run/`: contexts and run loops, ours and actix's;
//! - `refs/`: what callers hold: references, slots for those to come, asks, monitors;
//! - `cell/`: what stays of an actor while its incarnations come and go;
//! - `mail/`: the mailbox;
//! - `node/`: what all actors of a process share: arbiters, clock, events, dead letters.
//!
//! The way of a message: [`Ref::try_tell`] puts an envelope into the mailbox of
//! the actor's cell (`mail/mailbox.rs`; senders that wait for room stand in a line,
//! `mail/line.rs`), wakes its run loop (`run/driver/`), which delivers it to the handler under
//! `catch_unwind`. The way of a crash: the run loop records the reason in the cell
//! (`cell/ending.rs`), drops the instance, tells links, monitors and at last the
//! supervisor ([`host::ChildSink`]).
//!
//! Start reading at `cell/core.rs`, then `mail/mailbox.rs` and `run/driver/mod.rs`.

mod cell;
mod current;
mod error;
mod few;
pub mod host;
#[cfg(all(test, not(feature = "model")))]
mod kept;
mod log_limit;
mod mail;
#[cfg(all(test, feature = "model"))]
mod model;
mod node;
mod panics;
mod refs;
mod run;
mod sync;
mod time;
mod traces;

pub use cell::control::Fault;
pub use cell::follow::LifeChange;
pub use cell::hosted::{Accepts, Hosted};
pub use cell::monitor::{Down, MonitorId};
pub use cell::state::StateValue;
pub use error::{
    AskError, AskFailure, BootError, DebugError, MailboxSpecError, SendError, SendFailure,
};
pub use host::{Blueprint, Placement, StartError, spawn};
pub use log_limit::LogLimit;
pub use mail::spec::{MailboxSpec, Overflow, WhileDown};
pub use node::config::NodeConfig;
pub use node::dead_letters::{DeadLetter, DeadLetters};
pub use node::event_log::{
    Entry, EventLog, EventPort, EventReader, EventSource, NodeEvents, ReadFrom,
};
pub use node::handle::{Node, unix_ms};
pub use node::resources::{OpenResource, Resources};
pub use refs::any::AnyRef;
pub use refs::ask::Ask;
pub use refs::handle::{Ref, WeakRef};
pub use refs::messages::{ExitSignal, LifecycleEvent};
pub use refs::monitor::Monitor;
pub use refs::port::{Port, PortFuture};
pub use refs::slot::{LateRef, Slot};
pub use refs::tell::Tell;
pub use run::context::Context;
pub use traces::read_traces;

/// loom's locks, which the models take, have sizes of their own.
#[cfg(all(test, not(feature = "model")))]
mod sizes {
    use super::*;

    struct Idle;

    impl actix::Actor for Idle {
        type Context = Context<Self>;
    }

    /// What an idle actor costs in memory is decided here.
    #[test]
    fn cell_and_run_loop_of_an_actor_stay_small() {
        assert!(
            size_of::<cell::hosted::Cell<Idle>>() <= 448,
            "{}",
            size_of::<cell::hosted::Cell<Idle>>()
        );
        assert!(
            size_of::<run::driver::state::Driver<Idle>>() <= 256,
            "{}",
            size_of::<run::driver::state::Driver<Idle>>()
        );
    }
}
