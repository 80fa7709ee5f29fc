//! The settings of a router.

/// The settings of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterConfig {
    /// Largest number of routes for one message type.
    pub max_routes: usize,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self { max_routes: 16_384 }
    }
}
