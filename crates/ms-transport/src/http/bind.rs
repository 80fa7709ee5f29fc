//! Addresses of listeners, and the credentials of their callers.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ms_core::private::{FileFacts, Reader};
use ms_net::{Callers, may_bind};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Gid, getegid, geteuid, getgroups};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Shortest token that is accepted: a shorter one could be guessed.
const TOKEN_BYTES_MIN: usize = 16;
/// Longest token file that is read.
const TOKEN_FILE_MAX: u64 = 4_096;

/// The reason why a listener does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Others can reach it, and no credentials are asked for.
    #[error(
        "{addr} can be reached from other machines: set `{AUTH_KEY}` and, if a proxy in front ends TLS, `{TLS_KEY}`; or bind to a loopback address"
    )]
    Open {
        /// The address.
        addr: SocketAddr,
    },
    /// The address is taken, forbidden or not ours.
    #[error("cannot listen on {addr}; choose another port, or stop what listens there")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// The token file cannot be used.
    #[error("the token file {path} cannot be used: {why}")]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// The error of the system, when it could not be read.
        #[source]
        source: Option<std::io::Error>,
    },
}

/// The configuration key that names the token file.
pub const AUTH_KEY: &str = "http.auth_token_file";
/// The configuration key that says that TLS ends in front of the node.
pub const TLS_KEY: &str = "http.tls_terminated_upstream";

impl BindError {
    /// Returns its exit code: 78 (`EX_CONFIG`) when the settings are unsafe or unusable, 69
    /// (`EX_UNAVAILABLE`) when the address cannot be bound.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Open { .. } | Self::Token { .. } => 78,
            Self::Listen { .. } => 69,
        }
    }
}

/// The callers that are let in.
#[derive(Clone, Default)]
pub enum Access {
    /// Everybody who can reach it: for loopback only.
    #[default]
    Loopback,
    /// Those who send the token.
    Token(Token),
}

/// A bearer token, never printed and wiped when dropped. Clones share one text: when
/// [`Token::become_like`] changes it, it changes for all, open listeners included.
#[derive(Clone)]
pub struct Token(Arc<ArcSwap<Zeroizing<String>>>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback",
            Self::Token(_) => "token [redacted]",
        })
    }
}

impl Token {
    /// Reads a token from a file that may hold a secret ([`ms_core::private`]): one of mode 0600, or
    /// one of root's that a group of this process may read.
    ///
    /// # Errors
    /// [`BindError::Token`] when the file cannot be read, is open to others, or holds a token
    /// that is too short or has odd characters.
    pub fn from_file(path: &Path) -> Result<Self, BindError> {
        let refuse = |why: &str, source| {
            Err(BindError::Token { path: path.to_owned(), why: why.to_owned(), source })
        };
        // Checked and read through one handle, because the file may be replaced at any moment.
        // `NONBLOCK`, because opening a pipe that nobody writes to would wait for ever.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = rustix::fs::open(path, flags, Mode::empty()).map(File::from);
        let looked = opened
            .map_err(std::io::Error::from)
            .and_then(|file| file.metadata().map(|about| (file, about)));
        let (file, about) = match looked {
            Ok(found) => found,
            Err(error) => return refuse("it cannot be read", Some(error)),
        };
        if !about.is_file() {
            return refuse("it is not a regular file", None);
        }
        let facts = FileFacts { mode: about.mode(), uid: about.uid(), gid: about.gid() };
        if let Err(exposed) = facts.check(&this_process()) {
            return refuse(&exposed.to_string(), None);
        }
        if about.len() > TOKEN_FILE_MAX {
            return refuse("it is longer than 4 KiB", None);
        }
        let mut text = Zeroizing::new(String::new());
        // With the bound again: the file may have grown since its length was checked.
        match file.take(TOKEN_FILE_MAX).read_to_string(&mut text) {
            // Trimmed, because editors and `echo` end a file with a line break.
            Ok(_) => match Self::new(text.trim()) {
                Some(token) => Ok(token),
                None => refuse("a token has at least 16 visible ASCII characters", None),
            },
            Err(error) => refuse("it cannot be read", Some(error)),
        }
    }

    /// Creates a token, unless the text has fewer than 16 characters or others than visible ASCII.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let good =
            text.len() >= TOKEN_BYTES_MIN && text.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Self(Arc::new(ArcSwap::from_pointee(Zeroizing::new(text.to_owned())))))
    }

    /// Returns whether `given` is this token, in a time that depends on its length alone.
    #[must_use]
    pub fn admits(&self, given: &str) -> bool {
        self.0.load().as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// Takes over the text of another token, for all clones: the old one is refused from now on.
    pub fn become_like(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }

    /// Returns whether both have the same text, in a time that depends on their lengths alone.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.admits(&other.0.load())
    }
}

/// Returns the user and groups of this process, which reads the files.
fn this_process() -> Reader {
    let mut groups = vec![getegid().as_raw()];
    // A process whose groups cannot be read counts as in its own group alone.
    groups.extend(getgroups().unwrap_or_default().into_iter().map(Gid::as_raw));
    Reader { uid: geteuid().as_raw(), groups }
}

/// The address of a listener, and the callers it lets in.
#[derive(Debug, Clone)]
pub struct Bind {
    /// The address; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The callers that are let in.
    pub access: Access,
    /// A proxy in front of the node ends TLS, so that tokens do not travel in the clear.
    pub tls_terminated_upstream: bool,
}

impl Bind {
    /// Creates a binding to a loopback address, open to everybody who can reach it.
    #[must_use]
    pub fn loopback(port: u16) -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], port)),
            access: Access::Loopback,
            tls_terminated_upstream: false,
        }
    }

    /// Checks that the address may be opened to these callers.
    ///
    /// # Errors
    /// [`BindError::Open`] for an address that others can reach, without a token or without
    /// TLS in front.
    pub fn check(&self) -> Result<(), BindError> {
        let guarded = matches!(self.access, Access::Token(_)) && self.tls_terminated_upstream;
        let callers = if guarded { Callers::Proven } else { Callers::Any };
        match may_bind(self.addr.ip(), callers) {
            true => Ok(()),
            false => Err(BindError::Open { addr: self.addr }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn token() -> Token {
        Token::new("0123456789abcdef").expect("long enough")
    }

    /// RELIABILITY 10.
    #[test]
    fn what_others_can_reach_needs_a_token_and_tls() {
        let open = |addr: &str, access: Access, tls_terminated_upstream| {
            let addr = addr.parse().expect("an address");
            Bind { addr, access, tls_terminated_upstream }.check()
        };
        assert!(open("127.0.0.1:0", Access::Loopback, false).is_ok());
        assert!(open("[::1]:0", Access::Loopback, false).is_ok());
        assert!(open("[::ffff:127.0.0.1]:0", Access::Loopback, false).is_ok());
        for addr in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"] {
            let error = open(addr, Access::Loopback, true).expect_err("refused");
            assert_eq!(error.code(), 78);
            let text = error.to_string();
            assert!(text.contains(AUTH_KEY) && text.contains(TLS_KEY), "{text}");
            assert!(open(addr, Access::Token(token()), false).is_err());
            assert!(open(addr, Access::Token(token()), true).is_ok());
        }
    }

    #[test]
    fn a_token_is_matched_whole_and_never_printed() {
        let token = token();
        assert!(token.admits("0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdeg", "0123456789abcdef0"] {
            assert!(!token.admits(wrong), "{wrong}");
        }
        assert!(!format!("{token:?} {:?}", Access::Token(token.clone())).contains("0123"));
        let (held, other) = (token.clone(), Token::new("another-token-0123").expect("long enough"));
        assert!(!held.is_like(&other));
        token.become_like(&other);
        assert!(held.admits("another-token-0123") && !held.admits("0123456789abcdef"));
        assert!(held.is_like(&other));
        assert!(Token::new("short").is_none());
        assert!(Token::new("has a space in it....").is_none());
    }

    #[test]
    fn a_token_file_is_its_owners_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        std::fs::write(&path, "0123456789abcdef\n").expect("written");
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode));
        mode(0o644).expect("changed");
        let error = Token::from_file(&path).expect_err("open to others");
        assert!(error.to_string().contains("chmod 600"), "{error}");
        mode(0o600).expect("changed");
        assert!(Token::from_file(&path).expect("read").admits("0123456789abcdef"));
        assert!(Token::from_file(dir.path()).is_err());
        assert!(Token::from_file(&dir.path().join("none")).is_err());
    }
}
