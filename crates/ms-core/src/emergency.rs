//! The event by which a part of a node asks for help.

/// The topic of the event by which any actor says that something happened that a node should not
/// live with for long ([`EventKind::Noted`](crate::view::EventKind::Noted)): its text says what.
/// The service counts them.
pub const CRITICAL_ERROR: &str = "critical_error";
