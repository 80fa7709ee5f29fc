//! The decisions of breakers and fallbacks. Time is an argument; nothing in here sends or waits.

pub(crate) mod breaker;
pub(crate) mod plan;
