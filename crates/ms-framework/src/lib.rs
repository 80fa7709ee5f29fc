//! The MS Framework: OTP's supervision trees for actix.
//!
//! This crate is a facade and owns nothing. Each layer is a module here, and the
//! [`prelude`] has the few names that most programs need.
//!
//! | module | purpose |
//! |---|---|
//! | [`runtime`] | runs a node: signals, exit codes, the control endpoint |
//! | [`supervisor`] | child specs, supervisors, tasks, steering |
//! | [`worker`] | agents: `async fn` handlers over `&mut self` |
//! | [`registry`] | names, groups, typed services |
//! | [`router`] | messages to their handlers, by type |
//! | [`bus`] | events to their subscribers, by subject |
//! | [`actor`] | references, mailboxes, monitors, the node |
//! | [`control`] | the protocol between `msctl` and a node |
//! | [`resilience`] | circuit breakers and fallbacks, as actors and as tower layers |
//! | [`task`] | durable tasks: their states and decisions, and the interface of their store |
//! | [`policy`] | the supervisor's decisions, as a pure machine |
//! | `config` | layers of files, their checks and their reference, with the feature of that name; the keys are in [`runtime`] |
//! | [`core`] | the types that all layers share: ids, exit reasons, specs, views |
//!
//! ```
//! use actix::Message;
//! use ms_framework::prelude::*;
//!
//! #[derive(Message)]
//! #[rtype(result = "u64")]
//! struct Add(u64);
//!
//! struct Counter(u64);
//! impl Agent for Counter {
//!     type Args = u64;
//!     async fn init(start: u64, _: &mut Cx<Self>) -> Result<Self, InitError> {
//!         Ok(Counter(start))
//!     }
//! }
//! impl Handles<Add> for Counter {
//!     async fn on(&mut self, Add(n): Add, _: &mut Cx<Self>) -> u64 {
//!         self.0 += n;
//!         self.0
//!     }
//! }
//!
//! let tree = SupervisorSpec::one_for_one("root").child(ChildSpec::agent::<Counter>("counter", 40));
//! let ended = run_with(RunConfig::new("doc").control(ControlEndpoint::Off), |_| tree, async |runtime| {
//!     let counter = runtime.root().get_agent::<Counter>("counter").await?;
//!     assert_eq!(counter.ask(Add(2)).await?, 42);
//!     Ok(())
//! })?;
//! assert_eq!(ended.code(), 0);
//! # Ok::<(), ms_framework::runtime::RunError>(())
//! ```

pub use ms_actor as actor;
pub use ms_bus as bus;
#[cfg(feature = "config")]
pub use ms_config as config;
pub use ms_control as control;
pub use ms_core as core;
pub use ms_policy as policy;
pub use ms_registry as registry;
pub use ms_resilience as resilience;
pub use ms_router as router;
pub use ms_runtime as runtime;
pub use ms_supervisor as supervisor;
pub use ms_task as task;
pub use ms_worker as worker;

/// The names that most programs need. Messages are actix's, so `use actix::Message` as well.
pub mod prelude {
    pub use ms_actor::{
        Context, MailboxSpec, Node, NodeConfig, Overflow, Placement, Ref, StateValue,
    };
    pub use ms_bus::{BusClient, BusConfig, Delivery, Event, EventBus};
    pub use ms_core::{AutoShutdown, ExitReason, Restart, Shutdown, Strategy, WhenExhausted};
    pub use ms_registry::{Registry, RegistryConfig};
    pub use ms_router::{Router, RouterConfig};
    pub use ms_runtime::{ControlEndpoint, Outcome, RunConfig, RunError, Runtime, run, run_with};
    pub use ms_supervisor::{
        ChildSpec, DynamicChild, Supervisor, SupervisorRef, SupervisorSpec, start_root,
    };
    pub use ms_worker::{Agent, AgentRef, AgentSpec, Cx, GetAgent, Handles, InitError};
}
