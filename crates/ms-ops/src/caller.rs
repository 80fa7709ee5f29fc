//! Who asks, and through which door.

use std::any::Any;
use std::fmt;

/// The door that a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Door {
    /// The control socket: a user of this machine, as the kernel says.
    Control,
    /// HTTP.
    Http,
    /// Code of the program itself.
    Process,
}

impl Door {
    /// Returns its name, a label for metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Http => "http",
            Self::Process => "process",
        }
    }
}

/// What a caller is to the node; the policy knows what each may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Nobody knows who it is.
    Anonymous,
    /// A program that a door has let in: over loopback, or with the node's token.
    Client,
    /// The user that runs the node, root, and the program itself.
    Operator,
}

/// Somebody whom a door or the desk knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who, as it goes on record: `uid 1000 pid 4711`, `http 127.0.0.1`.
    pub name: String,
    /// What that one is to the node.
    pub role: Role,
}

/// What a caller shows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// Nothing, as a probe does.
    Nothing,
    /// Its door has made sure of it: by the kernel's word, or by a token.
    Known(Principal),
}

/// Keeps a request counted as inside until it is dropped; what it is says the gate.
pub type Pass = Box<dyn Any + Send>;

/// One caller of one operation.
pub struct Caller {
    pub(crate) door: Door,
    pub(crate) credential: Credential,
    pub(crate) pass: Option<Pass>,
}

impl Caller {
    /// A caller at a door that shows this.
    #[must_use]
    pub const fn new(door: Door, credential: Credential) -> Self {
        Self { door, credential, pass: None }
    }

    /// A local user at the control socket, as the kernel names it.
    #[must_use]
    pub fn local(uid: u32, pid: Option<i32>) -> Self {
        let name = match pid {
            Some(pid) => format!("uid {uid} pid {pid}"),
            None => format!("uid {uid}"),
        };
        Self::new(Door::Control, Credential::Known(Principal { name, role: Role::Operator }))
    }

    /// The program itself; `who` goes on record.
    #[must_use]
    pub fn process(who: impl Into<String>) -> Self {
        let principal = Principal { name: who.into(), role: Role::Operator };
        Self::new(Door::Process, Credential::Known(principal))
    }

    /// The same, let in by its door already: the gate is not asked again, and the pass is held
    /// until the work is done.
    #[must_use]
    pub fn inside(mut self, pass: Pass) -> Self {
        self.pass = Some(pass);
        self
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("door", &self.door)
            .field("credential", &self.credential)
            .field("inside", &self.pass.is_some())
            .finish()
    }
}
