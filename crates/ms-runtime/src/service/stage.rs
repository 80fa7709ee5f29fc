//! How far a service has come.

/// How far a service has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ServiceStage {
    /// The boot is under way.
    #[default]
    Starting,
    /// It takes work.
    Running,
    /// It shuts down.
    Stopping,
    /// All its components have stopped.
    Stopped,
}
