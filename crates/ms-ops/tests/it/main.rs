//! What the desk promises.

mod errors;
mod log;
mod order;
mod schemas;
