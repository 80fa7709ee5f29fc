//! The decisions of a process that runs a node, as a pure state machine.
//!
//! [`process`] says what signals, reports, emergencies and the time mean. It neither waits nor
//! acts: the driver of the parent module feeds it events and carries out its effects.
//!
//! Architecture invariants: nothing in here names actix, tokio, a clock, a source of randomness
//! or a log; `cargo xtask check` looks for them.

pub(crate) mod process;
