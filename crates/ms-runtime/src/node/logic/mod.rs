//! The decisions of a process that runs a node, as a pure state machine.
//!
//! [`process`] decides what signals, reports, emergencies and deadlines mean. It neither waits
//! nor acts: its driver, the parent module, feeds it events and carries out its effects.
//!
//! Architecture invariants: nothing in here names actix, tokio, a clock, a source of randomness
//! or a log; `cargo xtask check` looks for them.

pub(crate) mod process;
