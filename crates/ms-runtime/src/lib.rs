//! The runtime: one node, its tree, its control endpoint, its signals, its exit code.
//!
//! [`run`] is all a binary needs: it boots a node, starts the tree, opens the
//! control endpoint, stops in order at SIGINT or SIGTERM, and says how it ended.
//! [`Runtime`] is the same without signals, for programs that own their actix
//! system. [`Builder`] runs a *service*: a node whose components boot in phases, are kept
//! alive and looked after, and shut down in order (`docs/runtime.md`). [`NodeControl`] is the node's side of the control endpoint: what
//! `msctl` asks is answered here, out of the tree and the node's events.
//!
//! With the feature `config`, `configuration` keeps the configuration of the process: one
//! actor that watches the files, and snapshots for everybody else.
//!
//! It does *not* decide about restarts (`ms-core`), keep actors (`ms-actor`,
//! `ms-supervisor`) or speak the wire protocol (`ms-control`). It prints nothing
//! and ends no process: that is for the binary, see [`Ended::exit_code`].
//!
//! Three threads beside the arbiters, so that none can be kept waiting by an
//! actor: the caller of [`run`] waits for signals and for nothing else, the node's
//! thread carries the supervisors, the control thread serves `msctl`.
//!
//! Start reading at `runtime.rs`, then `run.rs`, then `control/mod.rs`; for services at
//! `component/mod.rs`, then `service/mod.rs` and `lifecycle/mod.rs`.

mod cleanup;
mod component;
mod config;
#[cfg(feature = "config")]
pub mod configuration;
pub mod control;
mod emergency;
mod endpoint;
mod events;
mod gate;
mod health;
mod integration;
mod lifecycle;
mod outcome;
pub mod preflight;
mod run;
mod runtime;
mod service;
mod settings;
mod signals;

pub use ms_actor::OpenResource;

pub use cleanup::{
    CleanupError, CleanupFuture, CleanupHandler, CleanupOutcome, CleanupReport, ConnectionPool,
    DatabaseCleanupHandler,
};
pub use component::{
    Component, ComponentContext, ComponentFailure, ComponentSpec, DependencyError,
    DependencyErrors, ReloadOutcome, StateSnapshot, TreeContext,
};
pub use config::{ControlAt, RunConfig, Shown};
pub use control::NodeControl;
pub use emergency::{
    CrashReport, EmergencyError, EmergencyProcedure, EmergencyRef, EmergencySummary,
    ProcedureOutcome,
};
pub use gate::{GateError, Permit, WorkGate};
pub use health::{HealthRef, HealthUnavailable, PathFuture, PathHealth, Readiness, ReadinessPath};
pub use integration::{
    Call, CallReporter, Calls, IntegrationObserver, IntegrationRef, IntegrationUnavailable,
};
pub use lifecycle::{
    BootstrapError, InitializationCause, InitializationError, PersistFuture, RollbackReport,
    ShutdownError, ShutdownReason, ShutdownSummary, SnapshotStore,
};
pub use outcome::{Ended, How, RunError, exit};
pub use run::{MainResult, run, run_with};
pub use runtime::Runtime;
pub use service::logic;
pub use service::{
    Builder, PhaseContext, Service, ServiceEnd, ServiceHandle, ServiceStage, SystemContext,
};
pub use settings::{
    BootSettings, EmergencySettings, HealthSettings, Settings, SettingsError, ShutdownSettings,
    SupervisionSettings,
};
