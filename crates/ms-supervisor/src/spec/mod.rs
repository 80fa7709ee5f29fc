//! Specs of supervisors and children, as OTP users write them.

pub(crate) mod child;
pub(crate) mod supervisor;
