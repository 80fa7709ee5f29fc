//! The manifest of a save: the list of the files that belong to it.

use ms_core::ActorPath;
use serde::{Deserialize, Serialize};

/// One line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The path of the component.
    pub id: ActorPath,
    /// The name of its file within the folder.
    pub file: String,
    /// The size of the file, in bytes.
    pub size: u64,
    /// The SHA-256 of the file in hex. It is there for tools; the seal is what protects.
    pub checksum: String,
}

/// The manifest of a save.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The time of the save, in milliseconds since 1970.
    pub(crate) unix_ms: u64,
    pub(crate) files: Vec<Saved>,
}
