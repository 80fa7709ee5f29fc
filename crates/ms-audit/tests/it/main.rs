//! The integration tests of `ms-audit`, in one program: linking is most of their build time.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod audit;
mod grep;
