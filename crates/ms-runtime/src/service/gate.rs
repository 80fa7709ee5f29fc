//! The gate work enters by, and the count of what is inside.

use std::sync::Arc;

use tokio::sync::watch;

use super::until::until;

/// Why a piece of work was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// The boot is not done yet.
    #[error("the service is still starting; try again in a moment")]
    Starting,
    /// The service shuts down.
    #[error("the service is shutting down; try another instance")]
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum GateState {
    #[default]
    NotYet,
    Open,
    Closed,
}

#[derive(Debug, Clone, Copy, Default)]
struct Inside {
    state: GateState,
    count: usize,
}

/// Lets work in while the service is ready, and counts what is inside.
///
/// Listeners bind before the boot is done, but what they take has to pass here; a
/// shutdown closes the gate and waits until all that is inside has left. One is made for
/// each service; components get a clone. It limits nothing: listeners have their limits.
///
/// ```
/// use ms_runtime::WorkGate;
/// let gate = WorkGate::new();
/// assert!(gate.enter().is_err(), "the service has not started");
/// gate.open();
/// let permit = gate.enter().expect("open");
/// gate.close();
/// assert!(gate.enter().is_err());
/// assert_eq!(gate.in_flight(), 1);
/// drop(permit); // the work is done
/// assert_eq!(gate.in_flight(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct WorkGate(Arc<watch::Sender<Inside>>);

impl WorkGate {
    /// A gate that is not open yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Inside::default())))
    }

    /// Lets one piece of work in; it is inside until the permit is dropped.
    ///
    /// # Errors
    /// [`GateError`]: to be answered with 503.
    pub fn enter(&self) -> Result<Permit, GateError> {
        let mut outcome = Ok(());
        self.0.send_if_modified(|inside| {
            outcome = match inside.state {
                GateState::NotYet => Err(GateError::Starting),
                GateState::Closed => Err(GateError::Closed),
                GateState::Open => {
                    inside.count += 1;
                    Ok(())
                }
            };
            outcome.is_ok()
        });
        outcome.map(|()| Permit(self.clone()))
    }

    /// Opens it, unless it was closed for good.
    pub fn open(&self) {
        self.0.send_modify(|inside| {
            if inside.state == GateState::NotYet {
                inside.state = GateState::Open;
            }
        });
    }

    /// Closes it for good; what is inside stays inside.
    pub fn close(&self) {
        self.0.send_modify(|inside| inside.state = GateState::Closed);
    }

    /// Waits until it is closed for good.
    pub async fn closed(&self) {
        until(&self.0, |inside| inside.state == GateState::Closed).await;
    }

    /// Pieces of work inside.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.borrow().count
    }

    /// Waits until nothing is inside. Close it first, or it may never be.
    pub async fn emptied(&self) {
        until(&self.0, |inside| inside.count == 0).await;
    }
}

impl Default for WorkGate {
    fn default() -> Self {
        Self::new()
    }
}

/// One piece of work that is inside a [`WorkGate`].
#[derive(Debug)]
#[must_use = "the work counts as done when this is dropped"]
pub struct Permit(WorkGate);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.send_modify(|inside| inside.count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A boot that is done while the service is shutting down opens nothing.
    #[test]
    fn a_gate_that_was_closed_for_good_stays_so() {
        let gate = WorkGate::new();
        assert!(matches!(gate.enter(), Err(GateError::Starting)));
        gate.close();
        gate.open();
        assert!(matches!(gate.enter(), Err(GateError::Closed)));
        assert_eq!(gate.in_flight(), 0);
    }
}
