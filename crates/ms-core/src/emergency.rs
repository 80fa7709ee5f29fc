//! The event by which a part of a node asks for help.

/// The topic of the event ([`EventKind::Noted`](crate::view::EventKind::Noted)) that reports a
/// condition in which a node should not run for long. Its text says which. The service counts them.
pub const CRITICAL_ERROR: &str = "critical_error";
