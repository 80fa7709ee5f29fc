//! Waits for a watched value.

use tokio::sync::watch;

/// Waits until the value meets a condition. Cancel-safe.
pub(super) async fn until<T>(value: &watch::Sender<T>, condition: impl FnMut(&T) -> bool) {
    // `wait_for` fails only when the sender is gone, and the caller holds it.
    drop(value.subscribe().wait_for(condition).await);
}
