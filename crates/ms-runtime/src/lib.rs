//! The runtime: one node, its tree, its control endpoint, its signals, its exit code.
//!
//! [`run`] is all a binary needs: it boots a node, starts the tree, opens the control endpoint,
//! stops everything in order at SIGINT or SIGTERM, and returns the outcome. [`Runtime`] does the
//! same without signals, for programs that own their actix system. [`Builder`] runs a *service*:
//! a node whose components boot in phases, are supervised and health-checked, and shut down in
//! order (`docs/runtime.md`). [`NodeControl`] is the node's side of the control endpoint: it
//! answers `msctl` from the tree and the node's events.
//!
//! With the feature `config`, `configuration` keeps the configuration of the process: one actor
//! watches the files, everybody else reads snapshots. `section` has the keys of the framework
//! under one root.
//!
//! This crate does *not* decide about restarts (`ms-policy`), host actors (`ms-actor`,
//! `ms-supervisor`) or speak the wire protocol (`ms-control`). It prints nothing and ends no
//! process: the binary does that, see [`Outcome::exit_code`].
//!
//! Three threads run beside the arbiters, so that no actor can block them: the caller of [`run`]
//! waits for signals and for the node's report, the node's thread runs the supervisors, and the
//! control thread serves `msctl`.
//!
//! `node/` runs a tree. `service/` builds on `node/`, never the other way round. Both keep their
//! decisions in a folder `logic/`, as state machines without a clock, a log or a runtime.
//!
//! Start reading at `node/runtime.rs`, then `node/process.rs` and its `logic/`, then
//! `control/mod.rs`; for services at `service/components/mod.rs`, then `service/mod.rs` and
//! `service/boot/mod.rs`.

pub mod control;
mod node;
#[cfg(feature = "config")]
pub mod section;
mod service;

pub use ms_actor::OpenResource;

pub use control::NodeControl;
pub use node::{
    ControlEndpoint, Exposed, MainResult, Outcome, RunConfig, RunEnd, RunError, Runtime,
    ServiceFailure, exit, run, run_with,
};
#[cfg(feature = "config")]
pub use service::configuration;
pub use service::{
    BootSettings, BootstrapError, Builder, Call, CallReporter, Calls, CleanupError, CleanupFuture,
    CleanupHandler, CleanupOutcome, CleanupReport, Component, ComponentContext, ComponentFailure,
    ComponentSpec, ConnectionPool, CrashReport, DatabaseCleanupHandler, DependencyError,
    DependencyErrors, EmergencyError, EmergencyProcedure, EmergencyRef, EmergencySettings,
    EmergencySummary, GateError, HealthRef, HealthSettings, HealthUnavailable, InitializationCause,
    InitializationError, InteractionObserver, InteractionsRef, InteractionsUnavailable, PathFuture,
    PathHealth, Permit, PersistFuture, PhaseContext, ProcedureOutcome, Readiness, ReadinessPath,
    ReloadOutcome, RollbackReport, Service, ServiceEnd, ServiceHandle, ServiceStage,
    ServiceStartError, Settings, SettingsError, ShutdownError, ShutdownReason, ShutdownSettings,
    ShutdownSummary, SnapshotStore, StateSnapshot, SupervisionSettings, SystemContext, TreeContext,
    WorkGate,
};
pub use service::{logic, preflight};
