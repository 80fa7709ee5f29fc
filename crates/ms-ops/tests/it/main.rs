//! What the desk promises.

mod log;
mod order;
mod schemas;
