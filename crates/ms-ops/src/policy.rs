//! Permissions: a table of actions and roles.
//!
//! An operation declares its action, and a caller cannot name another. The control socket serves the
//! node's user and root, who may do everything. HTTP can be reached by everybody on the machine, or
//! by the holders of a token; they may do what its routes have always offered.

use crate::caller::{Principal, Role};
use crate::codes;
use crate::error::OpError;
use crate::target::Target;

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $name:ident = $label:literal by $($role:ident)*;)*) => {
        /// The action of an operation, which a caller must be permitted.
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

            /// Returns the roles that it is permitted to, besides the operator.
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
    /// Reads more of actors than the tree shows: past ends, counts, dry runs.
    ActorsRead = "actors.read" by;
    /// Reads the disclosed state of an actor, and the messages it handles.
    StateRead = "state.read" by;
    /// Ends, restarts, suspends and stops actors.
    TreeSteer = "tree.steer" by;
    /// Injects faults.
    FaultsInject = "faults.inject" by;
    /// Follows the events of the node.
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
    /// Cancels durable tasks, and tries them again.
    TasksSteer = "tasks.steer" by Client;
    /// Reads how the components interact, and the open resources.
    NodeRead = "node.read" by Client;
}

impl Action {
    /// Returns whether a role is permitted it.
    #[must_use]
    pub fn permits(self, role: Role) -> bool {
        // By default an action is the operator's alone: a new line that names no role opens
        // nothing.
        role == Role::Operator || self.roles().contains(&role)
    }
}

/// Decides who may do what.
pub trait Policy: Send + Sync + 'static {
    /// Permits `who` the `action` on the `target`.
    ///
    /// # Errors
    /// The refusal.
    fn permit(&self, who: &Principal, action: Action, target: &Target<'_>) -> Result<(), OpError>;
}

/// The policy of the table of actions and roles.
#[derive(Debug, Clone, Copy, Default)]
pub struct Roles;

impl Policy for Roles {
    fn permit(&self, who: &Principal, action: Action, target: &Target<'_>) -> Result<(), OpError> {
        if action.permits(who.role) {
            return Ok(());
        }
        let what = format!("{} may not do this to {target}: {}", who.name, action.name());
        Err(OpError::new(&codes::REFUSED, what)
            .why("only the node's user and root may do this, over the control socket")
            .next("ask over the control socket: `msctl call --help`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every cell of the table, so that a change of the table is a change of this list.
    #[test]
    fn the_table_permits_each_role_what_it_may_do() {
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
        let who = Principal::new("http 127.0.0.1", Role::Client);
        let refused = Roles.permit(&who, Action::TreeSteer, &Target::Node).expect_err("refused");
        assert_eq!(
            refused.to_string(),
            "[MS0011] http 127.0.0.1 may not do this to the node: tree.steer"
        );
    }
}
