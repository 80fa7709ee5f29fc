//! The keyring: one key that seals, and older ones that still open.

use std::fmt;
use std::io::Read;
use std::path::Path;

use ms_core::private::{FileFacts, Reader};
use rustix::fs::{Mode, OFlags, fstat};
use rustix::process::{Gid, getegid, geteuid, getgroups};
use zeroize::Zeroizing;

use crate::error::{KeyError, MAX_KEYS};
use crate::key_id::KeyId;
use crate::logic::layout::hex;

/// Largest key file, in bytes.
const MAX_FILE: u64 = 16 * 1024;
/// Returns the user and the groups of this process, as a reader of files.
fn this_process() -> Reader {
    let mut groups = vec![getegid().as_raw()];
    // Without its supplementary groups the process counts as a member of its own group alone, which
    // refuses more files and never fewer.
    groups.extend(getgroups().unwrap_or_default().into_iter().map(Gid::as_raw));
    Reader { uid: geteuid().as_raw(), groups }
}

/// The 32 bytes of a key, overwritten when dropped.
pub(crate) type KeyBytes = Zeroizing<[u8; 32]>;

/// The keys of a store. To rotate, put a new line first, and leave the old ones until
/// every save that needs them is gone. Each save is sealed with the first key.
pub struct Keyring {
    /// Never empty. The first one seals.
    keys: Vec<(KeyId, KeyBytes)>,
}

impl Keyring {
    /// Reads a key file: one key on each line, an id and 64 hex digits; `#` begins a comment.
    /// It must be a regular file that is private ([`ms_core::private`]): of mode 0600, or owned by
    /// root and readable for a group of this process.
    ///
    /// # Errors
    /// [`KeyError`] when the file cannot be read, is not private, or has a bad line. No message
    /// contains any of the file's text.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let io = |source: std::io::Error| KeyError::Io { file: path.to_owned(), source };
        let exposed = |reason: String| KeyError::Exposed { file: path.to_owned(), reason };
        // Symlinks are followed: Kubernetes mounts a Secret as links to the version in force.
        // NONBLOCK, because opening a FIFO would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| io(error.into()))?;
        let stat = fstat(&fd).map_err(|error| io(error.into()))?;
        if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::RegularFile {
            return Err(exposed("it is not a regular file".to_owned()));
        }
        let facts = FileFacts { mode: stat.st_mode, uid: stat.st_uid, gid: stat.st_gid };
        facts.check(&this_process()).map_err(|open| exposed(open.to_string()))?;
        let mut text = Zeroizing::new(String::new());
        let read = std::fs::File::from(fd).take(MAX_FILE + 1).read_to_string(&mut text);
        read.map_err(io)?;
        if text.len() as u64 > MAX_FILE {
            return Err(exposed(format!("it is larger than {MAX_FILE} bytes")));
        }
        Self::parse(&text)
    }

    /// Parses the text of a key file: for tests, and for keys out of a file descriptor.
    ///
    /// # Errors
    /// [`KeyError`] when there is a bad line, or no key, or too many.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut keys: Vec<(KeyId, KeyBytes)> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |reason| KeyError::BadLine { line: index + 1, reason };
            let (id, key) = line.split_once(char::is_whitespace).ok_or_else(|| bad("no key"))?;
            let id = KeyId::new(id).ok_or_else(|| bad("the id is not [A-Za-z0-9_-]{1,32}"))?;
            if keys.iter().any(|(other, _)| *other == id) {
                return Err(bad("the id is there already"));
            }
            let key = unhex(key.trim()).ok_or_else(|| bad("not 64 hex digits"))?;
            keys.push((id, key));
        }
        if !(1..=MAX_KEYS).contains(&keys.len()) {
            return Err(KeyError::Count(keys.len()));
        }
        Ok(Self { keys })
    }

    /// Generates a line for a key file: a new random key under `id`.
    ///
    /// # Errors
    /// [`KeyError`] when the operating system's random number generator failed, or the id is
    /// invalid.
    pub fn generate(id: &str) -> Result<Zeroizing<String>, KeyError> {
        let bad = KeyError::BadLine { line: 1, reason: "the id is not [A-Za-z0-9_-]{1,32}" };
        let id = KeyId::new(id).ok_or(bad)?;
        let mut key = KeyBytes::default();
        getrandom::fill(&mut *key).map_err(KeyError::Random)?;
        let mut line = Zeroizing::new(format!("{id} "));
        line.push_str(&Zeroizing::new(hex(&*key)));
        line.push('\n');
        Ok(line)
    }

    /// Returns the id of the key that seals.
    #[must_use]
    pub fn seals_with(&self) -> &KeyId {
        self.sealing().0
    }

    /// Returns whether both have the same keys in the same order.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.keys == other.keys
    }

    /// Returns whether this ring can take the place of `before`: whether it opens what that one
    /// sealed last.
    #[must_use]
    pub fn may_follow(&self, before: &Self) -> bool {
        let (id, key) = before.sealing();
        self.find(id) == Some(key)
    }

    pub(crate) fn sealing(&self) -> (&KeyId, &KeyBytes) {
        // In bounds: `parse`, the only constructor, refuses an empty ring.
        let (id, key) = &self.keys[0];
        (id, key)
    }

    pub(crate) fn find(&self, id: &KeyId) -> Option<&KeyBytes> {
        self.keys.iter().find(|(other, _)| other == id).map(|(_, key)| key)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| (id, "[redacted]"))).finish()
    }
}

fn unhex(text: &str) -> Option<KeyBytes> {
    let mut key = KeyBytes::default();
    if text.len() != 2 * key.len() || !text.is_ascii() {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(ids: &[(&str, &str)]) -> Keyring {
        let lines: Vec<String> =
            ids.iter().map(|(id, digit)| format!("{id} {}", digit.repeat(64))).collect();
        Keyring::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn a_ring_follows_another_if_it_opens_what_that_one_sealed() {
        let old = ring(&[("a", "1")]);
        let both = ring(&[("b", "2"), ("a", "1")]);
        assert!(both.may_follow(&old) && old.may_follow(&old));
        assert!(!old.may_follow(&both), "b sealed, and is not there");
        assert!(!ring(&[("b", "2")]).may_follow(&old));
        assert!(!ring(&[("a", "3")]).may_follow(&old), "another key of the same name");
        assert!(ring(&[("a", "1")]).is_like(&old) && !both.is_like(&old));
        assert_eq!(both.seals_with().to_string(), "b");
    }
}
