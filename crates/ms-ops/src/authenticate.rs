//! The second step: a credential becomes a principal.

use crate::caller::{Credential, Principal, Role};
use crate::codes;
use crate::error::OpError;
use crate::policy::Action;

/// Makes sure who asks.
pub trait Authenticate: Send + Sync + 'static {
    /// Returns who has this credential.
    ///
    /// # Errors
    /// The refusal of a credential that is none.
    fn principal(&self, shown: Credential, action: Action) -> Result<Principal, OpError>;
}

/// Takes the word of the doors, each of which has made sure of its callers: the control socket by
/// the kernel, HTTP by the node's token or the machine's own address. Who shows nothing may only
/// what everybody may.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByDoor;

impl Authenticate for ByDoor {
    fn principal(&self, shown: Credential, action: Action) -> Result<Principal, OpError> {
        match shown {
            Credential::Known(principal) => Ok(principal),
            Credential::Nothing if action.permits(Role::Anonymous) => {
                Ok(Principal { name: "anybody".to_owned(), role: Role::Anonymous })
            }
            Credential::Nothing => {
                Err(OpError::new(&codes::UNAUTHENTICATED, "no credentials were shown"))
            }
        }
    }
}
