//! What is closed last, and in an emergency: the listeners, then the task store's file.
//!
//! At an orderly stop both have been closed by their actors, and this only looks whether it is
//! so. When nobody knows which actors still answer, it closes them.

use std::sync::{Arc, Mutex, PoisonError};

use ms_runtime::{CleanupError, CleanupFuture, CleanupHandler, ConnectionPool};
use ms_store::SqliteTasks;
use ms_transport::GatewaySpec;

/// The listening sockets of both gateways, once they are made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doors(Arc<Mutex<Vec<GatewaySpec>>>);

impl Doors {
    /// This one is among them.
    pub(crate) fn has(&self, gateway: &GatewaySpec) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(gateway.clone());
    }

    fn all(&self) -> Vec<GatewaySpec> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl CleanupHandler for Doors {
    fn name(&self) -> &str {
        "listeners"
    }

    fn priority(&self) -> u32 {
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

/// The connections to the file of the tasks, and its lock.
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
