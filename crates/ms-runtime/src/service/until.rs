//! Waiting for a value that is watched.

use tokio::sync::watch;

/// Waits until the value fulfils a condition. Cancel-safe.
pub(super) async fn until<T>(value: &watch::Sender<T>, condition: impl FnMut(&T) -> bool) {
    // The wait fails only when the sender is gone, and the caller has it.
    drop(value.subscribe().wait_for(condition).await);
}
