//! Reading a file that may be anything: only small regular files, never a wait.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use ms_core::private::{Exposed, FileFacts, Reader};
use rustix::process::{Gid, getegid, geteuid, getgroups};

use crate::error::ConfigError;

/// Largest file, in bytes: ConfigMaps end there too.
pub const MAX_FILE: u64 = 1 << 20;

/// The text of a file and who may read it.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Why no secret may stand in it, if so.
    pub(crate) exposed: Option<Exposed>,
}

/// Whether a secret may stand in a file.
fn exposed(meta: &Metadata) -> Option<Exposed> {
    let mut groups = vec![getegid().as_raw()];
    // A process whose groups cannot be told is in its own one alone.
    groups.extend(getgroups().unwrap_or_default().into_iter().map(Gid::as_raw));
    let reader = Reader { uid: geteuid().as_raw(), groups };
    FileFacts { mode: meta.mode(), uid: meta.uid(), gid: meta.gid() }.check(&reader).err()
}

/// Reads a configuration file. A symlink is followed: ConfigMaps consist of them.
pub(crate) fn read(path: &Path) -> Result<Text, ConfigError> {
    let io = |source| ConfigError::Io { file: path.to_owned(), source };
    let odd = |reason: String| ConfigError::OddFile { file: path.to_owned(), reason };
    // Without it, opening a FIFO waits for whoever writes.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).map_err(|_| io(io::ErrorKind::InvalidInput.into()))?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    if !meta.is_file() {
        let kind = meta.file_type();
        let what = match () {
            () if kind.is_dir() => "a directory",
            () if kind.is_fifo() => "a FIFO",
            () if kind.is_socket() => "a socket",
            () => "a device",
        };
        return Err(odd(format!("is {what}, not a file; replace it with a file")));
    }
    if meta.len() > MAX_FILE {
        return Err(odd(too_large(meta.len())));
    }
    let bytes = up_to_limit(file).map_err(io)?;
    // It may have grown meanwhile.
    if bytes.len() as u64 > MAX_FILE {
        return Err(odd(too_large(bytes.len() as u64)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        odd(format!("is no UTF-8 at byte {}", error.utf8_error().valid_up_to()))
    })?;
    Ok(Text { text, exposed: exposed(&meta) })
}

fn up_to_limit(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn too_large(size: u64) -> String {
    format!("has {size} bytes; a configuration file has at most {MAX_FILE}")
}
