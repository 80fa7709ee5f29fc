//! The integration tests of `xtask`, in one program: the commands as a developer runs them.

mod coverage;
mod surface;
