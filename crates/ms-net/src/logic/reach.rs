//! Which addresses may be bound.

use core::net::IpAddr;

/// Whom a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Whoever reaches it.
    Any,
    /// Those who prove who they are, over a connection on which nobody else can read it.
    Proven,
}

/// Returns whether only this machine can reach `ip`, IPv4 in IPv6 included.
#[must_use]
pub const fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Returns whether a listener for `callers` may be bound to `ip`.
///
/// When callers prove who they are, every address may be bound; otherwise only one that no other
/// machine can reach.
#[must_use]
pub const fn may_bind(ip: IpAddr, callers: Callers) -> bool {
    matches!(callers, Callers::Proven) || is_loopback(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_machines_can_reach_wants_callers_that_are_proven() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        for ours in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(may_bind(ip(ours), Callers::Any), "{ours}");
        }
        for open in ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "::2"] {
            assert!(!may_bind(ip(open), Callers::Any), "{open}");
            assert!(may_bind(ip(open), Callers::Proven), "{open}");
        }
    }
}
