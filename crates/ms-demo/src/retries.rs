//! Retries of an agent while the store fails.

use std::time::Duration;

use ms_core::task::StoreError;

/// Failures in a row after which an agent that needs the store gives up.
const MAX_FAILURES: u32 = 50;
/// Pause before another try.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Counts failures in a row. "Let it crash": a failure that does not pass ends the agent, and in
/// the end the root gives up with this very error.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Retries(u32);

impl Retries {
    /// Notes a success.
    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }

    /// Notes a failure.
    ///
    /// # Errors
    /// The failure itself, when the agent is to end with it instead of trying again.
    pub(crate) fn failed(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.0 += 1;
        // A server waits for room on a full disk; here a person has to see the error.
        let passes = error.is_transient() && !matches!(error, StoreError::Full(_));
        if passes && self.0 < MAX_FAILURES { Ok(()) } else { Err(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_for_a_while_and_the_rest_not_at_all() {
        let busy = || StoreError::Overloaded(1);
        let mut retries = Retries::default();
        assert!((1..MAX_FAILURES).all(|_| retries.failed(busy()).is_ok()));
        assert!(retries.failed(busy()).is_err());
        retries.reset();
        assert!(retries.failed(busy()).is_ok());
        assert!(retries.failed(StoreError::ReadOnly("x".into())).is_err());
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert!(retries.failed(StoreError::Full(std::sync::Arc::new(full))).is_err());
    }
}
