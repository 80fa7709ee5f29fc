//! Socket files: private from their first moment, never over a live one, and there again when
//! somebody removes them.
//!
//! Start reading at [`bind`], then `listener.rs`.

mod bind;
mod error;
mod file;
mod listener;
mod probe;

pub use bind::bind;
pub use error::{BindError, MAX_SOCKET_PATH, SocketName};
pub use file::SocketFile;
pub use listener::FileListener;
pub use probe::is_live;
