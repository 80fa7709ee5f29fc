//! Callers, and the doors they come through.

use std::any::Any;
use std::fmt;

/// The door a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Door {
    /// The control socket, whose callers are users of this machine.
    Control,
    /// HTTP.
    Http,
    /// Code of the program itself.
    Process,
}

impl Door {
    /// Returns its name, which is a label of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Http => "http",
            Self::Process => "process",
        }
    }
}

/// The role of a caller; the policy decides what each role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// A caller nobody knows.
    Anonymous,
    /// A program that HTTP has let in: over loopback, or with the node's token.
    Client,
    /// The user that runs the node, root, and the program itself.
    Operator,
}

/// A known caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its name: `uid 1000`, `http 127.0.0.1`.
    pub name: String,
    /// The process it speaks through, where the kernel has named it.
    // Beside the name, not in it: a user whose program died, and who asks again with another one, is
    // the same principal.
    pub pid: Option<i32>,
    /// Its role.
    pub role: Role,
}

impl Principal {
    /// Creates a principal whose process is not known.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self { name: name.into(), pid: None, role }
    }

    /// Returns the text that goes on record: `uid 1000 pid 4711`, `http 127.0.0.1`.
    #[must_use]
    pub fn on_record(&self) -> String {
        match self.pid {
            Some(pid) => format!("{} pid {pid}", self.name),
            None => self.name.clone(),
        }
    }
}

/// The credentials of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// No credentials, as from a probe.
    Nothing,
    /// The door has verified the caller, with the kernel or by a token.
    Known(Principal),
}

/// Counts a request as inside until it is dropped. Its type is the gate's own business.
pub type Pass = Box<dyn Any + Send>;

/// The caller of one operation.
pub struct Caller {
    pub(crate) door: Door,
    pub(crate) credential: Credential,
    pub(crate) pass: Option<Pass>,
}

impl Caller {
    /// Creates a caller at a door.
    #[must_use]
    pub const fn new(door: Door, credential: Credential) -> Self {
        Self { door, credential, pass: None }
    }

    /// Creates the caller for a local user at the control socket.
    #[must_use]
    pub fn local(uid: u32, pid: Option<i32>) -> Self {
        // Numbers, not names: the kernel vouches for them, and a name would need a look-up.
        // Whoever comes this far is the node's user or root: the socket has refused everybody else.
        let principal = Principal { pid, ..Principal::new(format!("uid {uid}"), Role::Operator) };
        Self::new(Door::Control, Credential::Known(principal))
    }

    /// Creates the caller for the program itself; `who` goes on record.
    #[must_use]
    pub fn process(who: impl Into<String>) -> Self {
        Self::new(Door::Process, Credential::Known(Principal::new(who, Role::Operator)))
    }

    /// Marks the caller as let in by its door: the gate is not asked again, and the pass is held
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
