//! Who may do what: a table of actions and roles.
//!
//! An operation declares its action; nobody who asks can name another. Today's doors admit whom
//! they admit, and the table says the same: the control socket, which serves the node's user and
//! root, may do everything; HTTP, which a whole machine or the holders of a token reach, may do
//! what its routes have always offered.

use crate::caller::{Principal, Role};
use crate::codes;
use crate::error::OpError;
use crate::target::Target;

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $name:ident = $label:literal by $($role:ident)*;)*) => {
        /// What an operation does to the node, as far as permission is concerned.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Action {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// Returns the roles that may, besides the operator, who may everything.
            #[must_use]
            pub const fn roles(self) -> &'static [Role] {
                match self { $(Self::$name => &[$(Role::$role),*],)* }
            }
        }
    };
}

actions! {
    /// Asks whether the node is up and well, as probes do.
    HealthProbe = "health.probe" by Anonymous Client;
    /// Reads the tree.
    TreeRead = "tree.read" by Client;
    /// Reads more of actors than the tree shows: why they ended, what they count, what would be.
    ActorsRead = "actors.read" by;
    /// Reads what an actor shows of its state, and the messages it handles.
    StateRead = "state.read" by;
    /// Ends, restarts, suspends and stops actors.
    TreeSteer = "tree.steer" by;
    /// Injects faults.
    FaultsInject = "faults.inject" by;
    /// Follows what happens in the node.
    EventsRead = "events.read" by Client;
    /// Reads names and services.
    NamesRead = "names.read" by Client;
    /// Reads budgets.
    BudgetsRead = "budgets.read" by Client;
    /// Permits more of a budget.
    BudgetsRaise = "budgets.raise" by Client;
    /// Reads durable tasks and their results.
    TasksRead = "tasks.read" by Client;
    /// Submits durable tasks.
    TasksSubmit = "tasks.submit" by Client;
    /// Gives durable tasks up, and tries them again.
    TasksSteer = "tasks.steer" by Client;
    /// Reads how the components interact, and what is open.
    NodeRead = "node.read" by Client;
}

impl Action {
    /// Says whether a role may.
    #[must_use]
    pub fn permits(self, role: Role) -> bool {
        role == Role::Operator || self.roles().contains(&role)
    }
}

/// Decides whether somebody may.
pub trait Policy: Send + Sync + 'static {
    /// Permits `principal` the `action` on the `target`, or says why not.
    ///
    /// # Errors
    /// The refusal.
    fn permit(&self, who: &Principal, action: Action, target: &Target<'_>) -> Result<(), OpError>;
}

/// The policy of the table above.
#[derive(Debug, Clone, Copy, Default)]
pub struct Roles;

impl Policy for Roles {
    fn permit(&self, who: &Principal, action: Action, target: &Target<'_>) -> Result<(), OpError> {
        if action.permits(who.role) {
            return Ok(());
        }
        let what = format!("{} may not do this to {target}: {}", who.name, action.name());
        Err(OpError::new(&codes::REFUSED, what)
            .why("only the node's user and root may, over the control socket")
            .next("ask over the control socket: `msctl call --help`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each role may do, cell by cell: a change of the table is a change of this list.
    #[test]
    fn the_table_permits_what_the_doors_admit() {
        let of = |role| {
            let permitted = Action::ALL.iter().filter(|action| action.permits(role));
            permitted.map(|action| action.name()).collect::<Vec<_>>()
        };
        assert_eq!(of(Role::Anonymous), ["health.probe"]);
        assert_eq!(
            of(Role::Client),
            [
                "health.probe",
                "tree.read",
                "events.read",
                "names.read",
                "budgets.read",
                "budgets.raise",
                "tasks.read",
                "tasks.submit",
                "tasks.steer",
                "node.read",
            ]
        );
        assert_eq!(of(Role::Operator).len(), Action::ALL.len());
    }

    #[test]
    fn a_refusal_names_who_and_what() {
        let who = Principal { name: "http 127.0.0.1".to_owned(), role: Role::Client };
        let refused = Roles.permit(&who, Action::TreeSteer, &Target::Node).expect_err("refused");
        assert_eq!(
            refused.to_string(),
            "[MS0011] http 127.0.0.1 may not do this to the node: tree.steer"
        );
    }
}
