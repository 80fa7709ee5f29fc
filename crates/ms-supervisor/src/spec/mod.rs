//! Specs of supervisors and their children, as OTP users write them.
//!
//! A supervisor has children, and a child may be a supervisor. The two types need each
//! other, so both are declared here; their builders are in `child`, `supervisor` and
//! `dynamic`. What is refused before anything starts is in `check`.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{AnyRef, MailboxSpec, Placement, StartError, StateValue};
use ms_core::{ChildId, ChildPolicy, IdError, SupervisorFlags};

use crate::heartbeat::{Heartbeat, HeartbeatSetting};
use crate::observer::Observer;

mod check;
mod child;
mod dynamic;
mod options;
mod supervisor;

pub(crate) use options::ChildOptions;

/// How one child is made and treated: OTP's child specification.
///
/// ```
/// use std::time::Duration;
/// use actix::prelude::*;
/// use ms_core::{Restart, Shutdown};
/// use ms_supervisor::ChildSpec;
///
/// struct Legacy;
/// impl Actor for Legacy {
///     type Context = Context<Self>; // plain actix, nothing changed
/// }
/// let spec = ChildSpec::actor("legacy", || Legacy)
///     .restart(Restart::Transient)
///     .shutdown(Shutdown::Timeout(Duration::from_secs(1)));
/// assert_eq!(spec.id().expect("valid").as_str(), "legacy");
/// ```
#[derive(Clone)]
pub struct ChildSpec {
    id: Result<ChildId, IdError>,
    policy: ChildPolicy,
    make: Make,
    mailbox: Option<MailboxSpec>,
    placement: Placement,
    start_timeout: Option<Duration>,
    heartbeat: HeartbeatSetting,
    in_background: bool,
}

/// What a spec starts.
#[derive(Clone)]
pub(crate) enum Make {
    Actor(Blueprint),
    Supervisor(Box<SupervisorSpec>),
}

/// A child of a dynamic supervisor: what is made, under which name.
///
/// The supervisor's template decides how it is treated.
#[derive(Clone)]
pub struct DynamicChild {
    name: Option<Result<ChildId, IdError>>,
    make: Make,
}

/// The spec of a supervisor: OTP's flags and child list.
///
/// ```no_run
/// use std::time::Duration;
/// use ms_supervisor::{ChildSpec, SupervisorSpec};
/// # use actix::prelude::*;
/// # struct Legacy;
/// # impl Actor for Legacy { type Context = Context<Self>; }
/// let tree = SupervisorSpec::one_for_one("root")
///     .intensity(5, Duration::from_secs(60))
///     .child(ChildSpec::actor("legacy", || Legacy))
///     .child(ChildSpec::supervisor(SupervisorSpec::rest_for_one("agents")));
/// ```
#[derive(Clone)]
pub struct SupervisorSpec {
    id: Result<ChildId, IdError>,
    flags: SupervisorFlags,
    children: Vec<ChildSpec>,
    observer: Option<Arc<dyn Observer>>,
    lasting_refs: bool,
    /// Levels of the tree it is the top of, itself included.
    depth: usize,
    /// What was left out below it because it was too deep.
    too_deep: Option<IdError>,
    heartbeats: Option<Heartbeat>,
    init: Option<Arc<InitFn>>,
    wanted: Option<Arc<WantedFn>>,
}

/// The former name of [`SupervisorSpec`].
pub type Supervisor = SupervisorSpec;

/// An init callback. It is given the supervisor as an [`AnyRef`], for a spec knows neither the
/// actor that is made of it nor its handle.
pub(crate) type InitFn = dyn Fn(&AnyRef) -> Result<Option<StateValue>, StartError> + Send + Sync;

type WantedFn = dyn Fn() -> bool + Send + Sync;

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("policy", &self.policy)
            .field("placement", &self.placement)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DynamicChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicChild").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for SupervisorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(type_name::<Self>())
            .field("id", &self.id)
            .field("flags", &self.flags)
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}
