//! How long a store that fails is borne with.

use std::time::Duration;

use ms_core::task::StoreError;

/// Failures in a row after which somebody who needs the store gives up.
const MOST: u32 = 50;
/// Pause before another try.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// Counts failures in a row. "Let it crash": what does not pass ends whoever needs it, and in
/// the end the root gives up with this very error.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Patience(u32);

impl Patience {
    /// It went well.
    pub(crate) fn renew(&mut self) {
        self.0 = 0;
    }

    /// It failed: whether to try again, or the error to end with.
    pub(crate) fn bear(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.0 += 1;
        // A full disk is waited for by those who must; here somebody is to be told.
        let passes = error.is_transient() && !matches!(error, StoreError::Full(_));
        if passes && self.0 < MOST { Ok(()) } else { Err(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_borne_for_a_while_and_the_rest_not_at_all() {
        let busy = || StoreError::Overloaded(1);
        let mut patience = Patience::default();
        assert!((1..MOST).all(|_| patience.bear(busy()).is_ok()));
        assert!(patience.bear(busy()).is_err());
        patience.renew();
        assert!(patience.bear(busy()).is_ok());
        assert!(patience.bear(StoreError::ReadOnly("x".into())).is_err());
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert!(patience.bear(StoreError::Full(std::sync::Arc::new(full))).is_err());
    }
}
