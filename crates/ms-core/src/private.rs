//! Which files may hold secrets: the one rule for tokens, keys and configurations.

use std::fmt;

/// The facts about a file that decide, as `fstat` returns them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFacts {
    /// Permission bits; further bits are ignored.
    pub mode: u32,
    /// The user it belongs to.
    pub uid: u32,
    /// The group it belongs to.
    pub gid: u32,
}

/// The process that wants to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The effective user of the process.
    pub uid: u32,
    /// Its groups, the effective one included.
    pub groups: Vec<u32>,
}

/// The reason why a file is not private, with advice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Exposed {
    /// It belongs to another user than the process and root.
    #[error(
        "it belongs to user {owner}, but this process runs as user {reader}; run `chown {reader}` on it"
    )]
    Owner {
        /// Whose it is.
        owner: u32,
        /// Who reads it.
        reader: u32,
    },
    /// Others than its owner can read or write it.
    #[error("its mode is {mode}, so users other than its owner may read or write it; {advice}")]
    Mode {
        /// The permission bits.
        mode: Mode,
        /// What to do.
        advice: &'static str,
    },
}

/// Permission bits as `chmod` takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(u32);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

const GROUP_READS: u32 = 0o040;
const OTHERS_WRITE: u32 = 0o022;
const OTHERS: u32 = 0o077;
/// What to do with a file of one's own.
const CLOSE: &str = "run `chmod 600` on it";
/// What to do with a file of root's: a Secret that Kubernetes mounts is one, and a process that
/// is not root reads it as a member of its group.
const SHARE: &str = "a file owned by root may be readable by a group of this process and by no \
                     one else: `chmod 440`, or in Kubernetes `fsGroup` with `defaultMode: 0440`";

impl FileFacts {
    /// Returns whether others than its owner may write to it, and so decide what it says.
    #[must_use]
    pub const fn others_may_write(self) -> bool {
        self.mode & OTHERS_WRITE != 0
    }

    /// Checks that the file may hold a secret.
    ///
    /// A file of the reader's own has no permission for group or others. One of root's may in
    /// addition be readable, never writable, by a group the reader is in: so Kubernetes mounts
    /// Secrets for processes that are not root. A file of anybody else is refused.
    ///
    /// # Errors
    /// [`Exposed`] says what to do.
    pub fn check(self, reader: &Reader) -> Result<(), Exposed> {
        let Self { mode, uid, gid } = self;
        let open = mode & OTHERS;
        if uid != reader.uid && uid != 0 {
            return Err(Exposed::Owner { owner: uid, reader: reader.uid });
        }
        // Equal, not masked: with any further bit the group may write, or others may read.
        let shared = uid == 0 && open == GROUP_READS && reader.groups.contains(&gid);
        match open == 0 || shared {
            true => Ok(()),
            false => Err(Exposed::Mode {
                // Without the bits of the file type, which `chmod` does not know.
                mode: Mode(mode & 0o7777),
                advice: if uid == reader.uid { CLOSE } else { SHARE },
            }),
        }
    }
}
