//! The gate of the service, in the form that the API's listener asks for.

use std::any::Any;

use ms_runtime::{GateError, WorkGate};
use ms_transport::{Admission, Closed, Gate};

/// Answers a gateway from the [`WorkGate`] of the runtime, which knows no gateway.
pub(crate) struct Entrance(pub(crate) WorkGate);

impl Admission for Entrance {
    fn enter(&self) -> Result<Box<dyn Any + Send + Sync>, Gate> {
        match self.0.enter() {
            Ok(permit) => Ok(Box::new(permit)),
            Err(GateError::Starting) => Err(Gate::Starting),
            // Whatever else keeps work out, a client is well advised to try another instance.
            Err(_) => Err(Gate::Draining),
        }
    }

    fn closed(&self) -> Closed<'_> {
        Box::pin(self.0.closed())
    }
}
