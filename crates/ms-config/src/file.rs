//! Reading a file that may be anything: only small regular files are read, without any wait.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use ms_core::private::{Exposed, FileFacts, Reader};
use rustix::process::{Gid, getegid, geteuid, getgroups};

use crate::error::ConfigError;

/// Largest file, in bytes. It is also the limit of a ConfigMap.
pub const MAX_FILE: u64 = 1 << 20;

/// The text of a file, and whether it is private.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Why the file may not contain secrets; `None` when it may.
    pub(crate) exposed: Option<Exposed>,
}

/// Returns why a file may not contain secrets; `None` when it may.
fn exposed(meta: &Metadata) -> Option<Exposed> {
    let mut groups = vec![getegid().as_raw()];
    // Without its supplementary groups the process counts as a member of its own group alone, which
    // refuses more files and never fewer.
    groups.extend(getgroups().unwrap_or_default().into_iter().map(Gid::as_raw));
    let reader = Reader { uid: geteuid().as_raw(), groups };
    FileFacts { mode: meta.mode(), uid: meta.uid(), gid: meta.gid() }.check(&reader).err()
}

/// Reads a configuration file. Symlinks are followed, because ConfigMaps consist of them.
pub(crate) fn read(path: &Path) -> Result<Text, ConfigError> {
    let io = |source| ConfigError::Io { file: path.to_owned(), source };
    let odd = |reason: String| ConfigError::OddFile { file: path.to_owned(), reason };
    // Without NONBLOCK, opening a FIFO would wait for a writer.
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
    // Checked again, because the file may have grown since.
    if bytes.len() as u64 > MAX_FILE {
        return Err(odd(too_large(bytes.len() as u64)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        odd(format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
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
