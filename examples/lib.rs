//! Small programs, one idea each. Each says at its top what it shows and what it
//! prints, and a test runs every one of them and compares.
//!
//! | example | shows |
//! |---|---|
//! | `hello_agent` | an agent, a supervisor, a crash, and life after it |
//! | `plain_actix` | an unchanged actix actor under supervision |
//! | `from_actix` | what one changed line makes visible |
//! | `escalation` | a supervisor that gives up, and the one above it |
//! | `dynamic_supervisor` | children started and stopped at run time |
//! | `supervised_task` | an `async fn` as a child, retried until it is done |
//! | `router_fan_out` | one message to many, one answer out of many |
//! | `router_strategies` | the choice of one handler among many, a quorum, a checked input |
//! | `breaker_fallback` | calls to a service that fails: a circuit breaker, and fallbacks |
//! | `event_bus` | events by subject, a request, and its subscribers |
//! | `durable_tasks` | promised work that survives crashes, steps, dead letters |
//! | `registry_groups` | names and groups that follow restarts |
//! | `components` | a service: components that boot in order, are healed, and shut down |
//!
//! Run one with `cargo run -p ms-examples --example hello_agent`.
