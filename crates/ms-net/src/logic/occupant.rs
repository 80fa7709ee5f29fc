//! Who listens on a socket file that is in the way, and who may use one.

use std::io::ErrorKind;

/// What listens on a socket file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// Somebody.
    Live,
    /// Nobody any more: the file may be replaced.
    Gone,
    /// That cannot be told, so the file is left alone.
    Unclear,
}

/// Judges a socket file by the error of connecting to it.
///
/// A full backlog means that somebody lives: the kernel queues connections only for a listener.
pub(crate) const fn occupant_of(error: ErrorKind) -> Occupant {
    match error {
        ErrorKind::WouldBlock => Occupant::Live,
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Occupant::Gone,
        _ => Occupant::Unclear,
    }
}

/// Returns whether `uid` may use a socket file of `owner`: the owner and root may.
pub(crate) const fn owner_or_root(uid: u32, owner: u32) -> bool {
    uid == owner || uid == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_and_root_may_connect() {
        assert!(owner_or_root(1000, 1000) && owner_or_root(0, 1000) && owner_or_root(0, 0));
        assert!(!owner_or_root(1001, 1000) && !owner_or_root(1000, 0));
    }

    #[test]
    fn a_socket_is_gone_only_when_the_kernel_says_that_nobody_listens() {
        assert_eq!(occupant_of(ErrorKind::ConnectionRefused), Occupant::Gone);
        assert_eq!(occupant_of(ErrorKind::NotFound), Occupant::Gone);
        assert_eq!(occupant_of(ErrorKind::WouldBlock), Occupant::Live);
        for error in [ErrorKind::PermissionDenied, ErrorKind::TimedOut, ErrorKind::Other] {
            assert_eq!(occupant_of(error), Occupant::Unclear, "{error}");
        }
    }
}
