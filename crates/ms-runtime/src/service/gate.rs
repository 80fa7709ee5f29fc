//! The gate that work enters by, and the count of work inside.

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

/// Lets work in while the service is ready, and counts the work inside.
///
/// Listeners bind before the boot is done, but each piece of work they accept has to pass here. A
/// shutdown closes the gate and waits until all work inside has left. Each service has one gate;
/// its components get clones. The gate limits nothing: listeners have limits of their own.
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
    /// Returns a gate that is not open yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Inside::default())))
    }

    /// Lets one piece of work in; it is inside until the permit is dropped.
    ///
    /// # Errors
    /// [`GateError`]: answer it with 503.
    pub fn enter(&self) -> Result<Permit, GateError> {
        // State and count under one lock: work that came in between "is it open?" and "one more"
        // would not be waited for by a shutdown.
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

    /// Opens the gate, unless it was closed for good.
    pub fn open(&self) {
        self.0.send_modify(|inside| {
            if inside.state == GateState::NotYet {
                inside.state = GateState::Open;
            }
        });
    }

    /// Closes the gate for good. Work inside stays inside.
    pub fn close(&self) {
        self.0.send_modify(|inside| inside.state = GateState::Closed);
    }

    /// Waits until the gate is closed for good.
    pub async fn closed(&self) {
        until(&self.0, |inside| inside.state == GateState::Closed).await;
    }

    /// Returns the number of pieces of work inside.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.borrow().count
    }

    /// Waits until nothing is inside. Close the gate first, or that may never happen.
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
