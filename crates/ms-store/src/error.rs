//! Errors of SQLite in the store's words.

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

/// What an error of SQLite means for whoever asked.
pub(crate) fn classify(error: sqlx::Error, path: &Path) -> StoreError {
    let file = || path.display().to_string();
    match primary_code(&error) {
        Some(FULL) => StoreError::Full(Arc::new(error)),
        Some(BUSY | LOCKED) => StoreError::Busy(Arc::new(error)),
        Some(CORRUPT | NOTADB) => StoreError::Corrupt { path: file(), what: error.to_string() },
        Some(READONLY | CANTOPEN) => StoreError::ReadOnly(file()),
        _ => StoreError::Other(Arc::new(error)),
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|code| code & 0xff)
}
