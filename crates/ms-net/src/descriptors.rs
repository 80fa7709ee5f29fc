//! Keeping descriptors back for the rest of the process.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::process::{Resource, getrlimit};

use crate::logic::SpareLine;

/// Descriptors that connections leave to others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spare(SpareLine);

impl Spare {
    /// Spares `count` descriptors of those that this process may have now.
    pub(crate) fn new(count: u64) -> Self {
        Self(SpareLine::new(count, getrlimit(Resource::Nofile).current))
    }

    /// Fails when the next connection would get one of them.
    pub(crate) fn is_kept_by(self, listener: &impl AsFd) -> io::Result<()> {
        if !self.0.is_drawn() {
            return Ok(());
        }
        // The duplicate gets the number that the connection would get.
        let next = listener.as_fd().try_clone_to_owned()?;
        let number = u64::try_from(next.as_raw_fd()).unwrap_or(u64::MAX);
        match self.0.is_crossed_by(number) {
            false => Ok(()),
            true => Err(io::Error::other(
                "the file descriptors left are spared for probes and storage; raise `ulimit -n`",
            )),
        }
    }
}
