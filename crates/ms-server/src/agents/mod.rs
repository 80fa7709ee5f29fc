//! The agents of the `ms-server` binary: small, real, and useful to try it out.

mod audit;
mod echo;
mod http;
mod served;
mod tally;
mod wait;

pub use audit::{Audit, AuditFacts};
pub use echo::Echo;
pub(crate) use http::{Http, Outside};
pub use http::{HttpCall, HttpReply, HttpSource};
pub use served::Served;
pub use tally::{Addend, Tally};
pub use wait::{Wait, WaitSteps};
