//! Closes the listeners and then the task store's file, at the end of a stop and in an emergency.
//!
//! At an orderly stop their actors have closed both, and this only verifies it. In an emergency
//! nobody knows which actors still answer, so this closes them without asking any.

use std::sync::{Arc, Mutex, PoisonError};

use ms_runtime::{CleanupError, CleanupFuture, CleanupHandler, ConnectionPool};
use ms_store::SqliteTasks;
use ms_transport::GatewaySpec;

/// The listening sockets of both gateways, once they exist.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sockets(Arc<Mutex<Vec<GatewaySpec>>>);

impl Sockets {
    /// Adds the socket of a gateway.
    pub(crate) fn add(&self, gateway: &GatewaySpec) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(gateway.clone());
    }

    fn all(&self) -> Vec<GatewaySpec> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl CleanupHandler for Sockets {
    fn name(&self) -> &str {
        "listeners"
    }

    fn priority(&self) -> u32 {
        // Before the task store's, which has 100: no request may come in that finds it closed.
        10
    }

    fn cleanup(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        Box::pin(async {
            self.all().iter().for_each(GatewaySpec::close);
            Ok(())
        })
    }

    fn verify(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        Box::pin(async {
            let open = self.all().into_iter().filter(GatewaySpec::is_open);
            let open: Vec<_> = open.map(|gateway| gateway.addr().to_string()).collect();
            match open.is_empty() {
                true => Ok(()),
                false => Err(CleanupError::VerificationFailed(format!(
                    "still listening: {}",
                    open.join(", ")
                ))),
            }
        })
    }
}

/// The connections to the task store's file, and its lock.
pub(crate) struct TaskFile(pub(crate) SqliteTasks);

impl ConnectionPool for TaskFile {
    fn name(&self) -> &str {
        "the task store"
    }

    fn close(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        Box::pin(async {
            self.0.close().await.map_err(|error| CleanupError::Failed(Box::new(error)))
        })
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}
