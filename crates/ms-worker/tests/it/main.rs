//! The integration tests of `ms-worker`, in one program: linking is most of what they cost to
//! build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod agent_processing;
mod agents;
mod budgets;
mod budgets_kept;
mod common;
mod containment;
mod extremes;
mod idle;
mod kill;
mod limits;
mod outage;
mod resend;
mod stopping;
mod suspend;
mod tasks;
