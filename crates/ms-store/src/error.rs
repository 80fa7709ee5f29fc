//! Errors of SQLite as errors of the store.

use std::path::Path;
use std::sync::Arc;

use ms_core::task::StoreError;

/// Primary result codes of SQLite (<https://www.sqlite.org/rescode.html>).
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const NOTADB: i32 = 26;
/// Extended: a write that the system refused, because of a quota or a limit of file sizes. As with
/// a full disk, nothing of the transaction counts: the frame that commits it is written last.
const IOERR_WRITE: i32 = 10 | (3 << 8);

/// Returns the store's error for an error of SQLite.
pub(crate) fn classify(error: sqlx::Error, path: &Path) -> StoreError {
    let file = || path.display().to_string();
    let code = code(&error);
    match code.map(|code| code & 0xff) {
        Some(FULL) => StoreError::Full(Arc::new(error)),
        Some(BUSY | LOCKED) => StoreError::Busy(Arc::new(error)),
        Some(CORRUPT | NOTADB) => StoreError::Corrupt { path: file(), what: error.to_string() },
        Some(READONLY | CANTOPEN) => StoreError::ReadOnly(file()),
        _ if code == Some(IOERR_WRITE) => StoreError::Full(Arc::new(error)),
        _ => StoreError::Other(Arc::new(error)),
    }
}

/// Returns the extended result code.
fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}
