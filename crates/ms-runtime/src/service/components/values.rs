//! What components hand over and fail with.

use std::error::Error;

use ms_core::lifecycle::ComponentId;

/// What a component fails with: any error; its sources are kept.
pub type ComponentFailure = Box<dyn Error + Send + Sync>;

/// What a component did when it was asked to reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// There was nothing to take over.
    Unchanged,
    /// It took this over. Shown in the log: no secrets.
    Changed(String),
}

/// The state a component hands over when it stops, to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSnapshot {
    /// Whose it is; set by its keeper.
    pub component: ComponentId,
    /// The version of its layout.
    pub schema: u32,
    /// The state itself, serialised by the component.
    pub bytes: Vec<u8>,
}
