//! The values that components return: failures, reload outcomes, state.

use std::error::Error;

use ms_core::lifecycle::ComponentId;

/// The error of a component: any error, with its sources.
pub type ComponentFailure = Box<dyn Error + Send + Sync>;

/// What a component did when it was asked to reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// Nothing had changed.
    Unchanged,
    /// It applied this change. The text is logged: no secrets.
    Changed(String),
}

/// The state a component hands over when it stops, to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSnapshot {
    /// The component. Its host sets this, whatever the component wrote.
    pub component: ComponentId,
    /// The version of its layout.
    pub schema: u32,
    /// The state itself, serialised by the component.
    pub bytes: Vec<u8>,
}
