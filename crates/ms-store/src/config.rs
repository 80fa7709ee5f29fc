//! The configuration of a store.

use std::path::PathBuf;
use std::time::Duration;

use crate::clock::WallClock;

/// Unfinished tasks that one queue may hold unless configured.
pub const DEFAULT_MAX_QUEUE: u64 = 1_000_000;
/// Largest database file unless configured: 8 GiB.
pub const DEFAULT_MAX_BYTES: u64 = 8 << 30;
/// Time for which ended tasks are kept unless configured: seven days.
pub const DEFAULT_KEEP_ENDED: Duration = Duration::from_secs(7 * 86_400);
/// Requests that may wait for the writer, and as many again for a reader.
pub const MAX_WAITING: usize = 8_192;

/// The configuration of a store.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The database file. Beside it lie `-wal` and `-shm` of SQLite's and a `.lock` of ours.
    pub path: PathBuf,
    /// Unfinished tasks that one queue may hold; more are refused.
    pub max_queue: u64,
    /// Largest database file, in bytes; at the limit new tasks are refused.
    pub max_bytes: u64,
    /// Time for which a task is kept after its end.
    pub keep_ended: Duration,
    /// Connections that read lists, 1 to 16; tasks are read by id on others.
    pub readers: usize,
    /// Longest wait of SQLite for a lock of another program.
    pub busy: Duration,
    /// Longest wait of a caller for an answer.
    pub answer_within: Duration,
    /// The clock that the store's own begins at.
    pub wall: WallClock,
}

impl StoreConfig {
    /// Makes the configuration of a store in this file, with the default for everything else.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_queue: DEFAULT_MAX_QUEUE,
            max_bytes: DEFAULT_MAX_BYTES,
            keep_ended: DEFAULT_KEEP_ENDED,
            readers: 2,
            busy: Duration::from_secs(5),
            answer_within: Duration::from_secs(30),
            wall: WallClock::default(),
        }
    }
}
