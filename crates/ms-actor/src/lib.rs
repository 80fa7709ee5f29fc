//! The actor kernel of the MS Framework, built on actix.
//!
//! It owns contexts and run loops, references, mailboxes, exit reasons, monitors
//! and links, the control channel, placement on arbiters, the watchdog and logs of
//! events. It does *not* decide what to restart: that is `ms-core`'s policy, carried out by
//! `ms-supervisor`.
//!
//! The way of a message: [`Ref::try_tell`] puts an envelope into the mailbox of
//! the actor's cell (`mailbox.rs`; senders that wait for room stand in a line,
//! `line.rs`), wakes its run loop (`driver/`), which delivers it to the handler under
//! `catch_unwind`. The way of a crash: the run loop records the reason in the cell
//! (`end_of_life.rs`), drops the instance, tells links, monitors and at last the
//! supervisor ([`host::ChildSink`]).
//!
//! Start reading at `cell.rs`, then `mailbox.rs` and `driver/mod.rs`.

mod arbiter;
mod ask;
mod bell;
mod cell;
mod context;
mod control;
mod current;
mod dead;
mod deadlines;
mod debug;
mod driver;
mod end_of_life;
mod envelope;
mod error;
mod event_log;
mod few;
mod follow;
mod foreign;
mod histogram;
pub mod host;
mod hosted;
#[cfg(all(test, not(feature = "model")))]
mod kept;
mod lane;
mod line;
mod log_limit;
mod mailbox;
mod mailbox_spec;
#[cfg(all(test, feature = "model"))]
mod model;
mod monitor;
mod node;
mod panics;
mod pulse;
mod refs;
mod resources;
mod spin;
mod state;
mod sync;
mod traces;
mod waits;
mod watchdog;

pub use ask::Ask;
pub use context::{Context, ExitSignal};
pub use control::Fault;
pub use current::path as current_path;
pub use dead::{DeadLetter, DeadLetters};
pub use debug::{AnyRef, MAX_TRACE_LINES};
pub use error::{AskError, BootError, DebugError, MailboxSpecError, SendError};
pub use event_log::{Entry, EventLog, EventReader, EventSource, NodeEvents, ReadFrom};
pub use follow::{LifeChange, LifeNews};
pub use host::{Blueprint, Placement, StartError, spawn};
pub use hosted::{Accepts, Hosted};
pub use log_limit::LogLimit;
pub use mailbox_spec::{MailboxSpec, Overflow, WhileDown};
pub use monitor::{Down, Monitor, MonitorId};
pub use node::{MAX_ARBITERS, Node, NodeConfig, unix_ms};
pub use refs::{Port, PortFuture, Ref, Tell, WeakRef};
pub use resources::{OpenResource, Resources};
pub use state::StateValue;
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
        assert!(size_of::<hosted::Cell<Idle>>() <= 448, "{}", size_of::<hosted::Cell<Idle>>());
        assert!(size_of::<driver::Driver<Idle>>() <= 256, "{}", size_of::<driver::Driver<Idle>>());
    }
}
