//! Socket files: private from their first moment, never over a live one, and there again when
//! somebody removes them.
//!
//! Start reading at [`bind`], then `listener.rs`.

mod bind;
mod file;
mod listener;
mod probe;

pub use bind::{BindError, MAX_SOCKET_PATH, SocketName, bind};
pub use file::SocketFile;
pub use listener::FileListener;
pub use probe::is_live;

#[cfg(test)]
mod tests;
