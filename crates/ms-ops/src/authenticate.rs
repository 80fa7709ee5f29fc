//! The second step: a credential becomes a principal.

use crate::caller::{Credential, Principal, Role};
use crate::codes;
use crate::error::OpError;
use crate::policy::Action;

/// Turns credentials into principals.
pub trait Authenticate: Send + Sync + 'static {
    /// Returns the principal with this credential, who asks for this action.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, when the credential is not valid, or is missing where one is needed.
    fn principal(&self, given: Credential, action: Action) -> Result<Principal, OpError>;
}

/// Accepts what the door has verified: the control socket asks the kernel, HTTP wants the node's
/// token or this machine's own address. A caller without credentials gets only what is for everybody.
#[derive(Debug, Clone, Copy, Default)]
pub struct AcceptVerified;

impl Authenticate for AcceptVerified {
    fn principal(&self, given: Credential, action: Action) -> Result<Principal, OpError> {
        match given {
            Credential::Known(principal) => Ok(principal),
            // The one reason why the action is asked for here: probes have no credentials to show.
            Credential::Nothing if action.permits(Role::Anonymous) => {
                Ok(Principal::new("anybody", Role::Anonymous))
            }
            Credential::Nothing => {
                Err(OpError::new(&codes::UNAUTHENTICATED, "no credentials were sent"))
            }
        }
    }
}
