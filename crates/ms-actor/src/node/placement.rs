//! Where an actor is to live.

/// Where an incarnation is to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Placement {
    /// On the least loaded arbiter of the node's pool.
    #[default]
    Pool,
    /// On the arbiter its supervisor lives on.
    WithParent,
    /// On a new arbiter of its own, ended with it.
    Dedicated,
    /// On the control arbiter, beside the supervisors.
    Control,
}
