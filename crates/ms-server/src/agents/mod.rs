//! The agents of the `ms-server` binary: small, real, and good for trying it out.

mod audit;
mod echo;
mod wait;

pub use audit::{Audit, AuditFacts};
pub use echo::Echo;
pub use wait::{Wait, WaitSteps};
