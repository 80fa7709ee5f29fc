//! The stages of a service.

/// The stage that a service has reached.
// Ordered: "not before `Stopping`" is a comparison in several places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ServiceStage {
    /// The boot is under way.
    #[default]
    Starting,
    /// The service accepts work.
    Running,
    /// The service shuts down.
    Stopping,
    /// All components have stopped.
    Stopped,
}
