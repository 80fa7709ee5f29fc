//! The limits of a listener.

/// The limits of a listener on its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at a time.
    pub connections: usize,
    /// Connections open at a time from one address that is not loopback; `None` where callers
    /// have no address.
    pub per_address: Option<usize>,
    /// File descriptors that connections leave to the rest of the process: at most an eighth of its
    /// limit, and none when this is 0.
    pub spare_descriptors: u64,
    /// What becomes of connections beyond the total.
    pub when_full: WhenFull,
    /// How a pause after a failed accept ends.
    pub pauses: Pauses,
}

/// What becomes of connections beyond the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// They wait in the kernel's queue until one closes: clients see a slow server.
    Wait,
    /// They are accepted, sent the reason, and closed: clients see why.
    Refuse,
}

/// How a pause after a failed accept ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pauses {
    /// When its time is over. For listeners with many short connections: a pause that ended with
    /// the next one to close would be none.
    InFull,
    /// When its time is over or a connection ends, which gives a descriptor back.
    UntilOneEnds,
}
