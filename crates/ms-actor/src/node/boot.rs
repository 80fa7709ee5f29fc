//! How a node begins.

use actix_rt::System;

use crate::error::BootError;
use crate::node::arbiter::ArbiterSlot;
use crate::node::config::{NodeConfig, check};
use crate::node::handle::Node;
use crate::node::watchdog;
use crate::panics;
use crate::sync::lock;

impl Node {
    /// Boots a node on the actix system of this thread.
    ///
    /// # Errors
    /// [`BootError::PanicAbort`] when the program cannot survive a crash at all,
    /// [`BootError::NoSystem`] outside an actix system, and what starting threads
    /// may bring.
    pub fn boot(config: NodeConfig) -> Result<Self, BootError> {
        if cfg!(panic = "abort") {
            return Err(BootError::PanicAbort);
        }
        check(&config)?;
        let handle = actix_rt::Arbiter::try_current().ok_or(BootError::NoSystem)?;
        panics::install_hook();
        let node = Self::new(config, System::try_current().ok_or(BootError::NoSystem)?);
        *lock(&node.0.control) =
            Some(ArbiterSlot::adopt_current(node.next_arbiter(), handle, node.spin_window()));
        for _ in 0..node.0.config.arbiters {
            let slot = node.start_arbiter(false).map_err(BootError::Thread)?;
            lock(&node.0.pool).push(slot);
        }
        // With virtual time there is one thread, and it is the one that boots the node.
        if !node.is_virtual() {
            watchdog::start(&node).map_err(BootError::Thread)?;
        }
        Ok(node)
    }
}
