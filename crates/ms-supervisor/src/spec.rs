//! Child specs, as OTP users write them.

use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{Hosted, MailboxSpec, Overflow, Placement, Ref, StartError, StateValue, WhileDown};
use ms_core::{Backoff, ChildId, ChildPolicy, IdError, Restart, Shutdown};
use ms_policy::{ChildEntry, ChildSpecError};

use crate::bank::Bank;
use crate::heartbeat::{Beating, Heartbeat};
use crate::kids::Below;
use crate::supervisor::{Supervisor, supervisor_blueprint};

/// Longest time a child's init may take unless its spec says otherwise.
pub(crate) const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(60);

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
    pub(crate) id: Result<ChildId, IdError>,
    pub(crate) policy: ChildPolicy,
    pub(crate) make: Make,
    pub(crate) mailbox: Option<MailboxSpec>,
    pub(crate) placement: Placement,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) heartbeat: Beating,
    pub(crate) in_background: bool,
}

/// What a spec starts.
#[derive(Clone)]
pub(crate) enum Make {
    Actor(Blueprint),
    Supervisor(Box<Supervisor>),
}

impl ChildSpec {
    /// A permanent worker made by `factory`: an actor for [`ms_actor::Context`], or
    /// any unchanged actix actor.
    ///
    /// The factory runs for every start, on the arbiter the actor will live on.
    pub fn actor<A: Hosted>(
        id: impl AsRef<str>,
        factory: impl Fn() -> A + Send + Sync + 'static,
    ) -> Self {
        Self::blueprint(id, Blueprint::actor(factory))
    }

    /// As [`ChildSpec::actor`], with a factory that may fail (a start error), ask not to
    /// be started ([`StartError::Ignore`]), and gets the reference the actor will have.
    pub fn try_actor<A: Hosted>(
        id: impl AsRef<str>,
        factory: impl Fn(&Ref<A>) -> Result<A, StartError> + Send + Sync + 'static,
    ) -> Self {
        Self::blueprint(id, Blueprint::fallible(factory))
    }

    /// As [`ChildSpec::actor`], with a view of the state for inspectors.
    pub fn inspectable<A: Hosted>(
        id: impl AsRef<str>,
        factory: impl Fn() -> A + Send + Sync + 'static,
        view: fn(&A) -> StateValue,
    ) -> Self {
        Self::blueprint(id, Blueprint::with_view(move |_| Ok(factory()), A::TIER, Some(view)))
    }

    /// A permanent worker made of a blueprint: what libraries build upon.
    pub fn blueprint(id: impl AsRef<str>, blueprint: Blueprint) -> Self {
        Self {
            id: ChildId::new(id),
            policy: ChildPolicy::worker(),
            make: Make::Actor(blueprint),
            mailbox: None,
            placement: Placement::Pool,
            start_timeout: Some(DEFAULT_START_TIMEOUT),
            heartbeat: Beating::Inherited,
            in_background: false,
        }
    }

    /// A permanent supervisor, with its own children below it.
    ///
    /// A tree that would be deeper than [`MAX_PATH_DEPTH`](ms_core::id::MAX_PATH_DEPTH) levels is refused here: the spec
    /// then has no id but [`IdError::TooDeep`], and what it is given to does not start.
    #[must_use]
    pub fn supervisor(supervisor: Supervisor) -> Self {
        let (id, supervisor) = match supervisor.check_depth(1) {
            Ok(()) => (supervisor.id.clone(), supervisor),
            // What is too deep is not kept: deeper and deeper, it could not even be dropped.
            Err(error) => (Err(error), Supervisor::one_for_one("too-deep")),
        };
        Self {
            id,
            policy: ChildPolicy::supervisor(),
            make: Make::Supervisor(Box::new(supervisor)),
            mailbox: None,
            placement: Placement::Control,
            start_timeout: None,
            heartbeat: Beating::Inherited,
            in_background: false,
        }
    }

    /// Its id.
    ///
    /// # Errors
    /// What is wrong with the text it was given.
    pub fn id(&self) -> Result<&ChildId, &IdError> {
        self.id.as_ref()
    }

    /// When it is started again (default permanent).
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.policy.restart = restart;
        self
    }

    /// How it is stopped (default 5 s for workers, without limit for supervisors).
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.policy.shutdown = shutdown;
        self
    }

    /// Whether its own end may end the supervisor (default no).
    #[must_use]
    pub fn significant(mut self, significant: bool) -> Self {
        self.policy.significant = significant;
        self
    }

    /// Waits between automatic restarts (off by default: OTP restarts at once).
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = Some(backoff);
        self
    }

    /// Finds and replaces the child when it hangs (default: as
    /// [`Supervisor::heartbeats`] of a supervisor above says, and off without one).
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.heartbeat = Beating::Own(heartbeat);
        self
    }

    /// Lets the child be at one message for as long as it likes, whatever
    /// [`Supervisor::heartbeats`] of a supervisor above says. What is below the child keeps
    /// the heartbeats it has.
    #[must_use]
    pub fn without_heartbeat(mut self) -> Self {
        self.heartbeat = Beating::Never;
        self
    }

    /// Bound and policies of its mailbox.
    #[must_use]
    pub fn mailbox(mut self, mailbox: MailboxSpec) -> Self {
        self.mailbox = Some(mailbox);
        self
    }

    /// Bound of its mailbox, and what happens over it.
    #[must_use]
    pub fn bounded(self, capacity: usize, overflow: Overflow) -> Self {
        let mailbox = self.mailbox.unwrap_or_default();
        self.mailbox(MailboxSpec { capacity: Some(capacity.max(1)), overflow, ..mailbox })
    }

    /// Keeps waiting messages over a crash (off by default: OTP drops them).
    #[must_use]
    pub fn keep_mailbox(self) -> Self {
        let mailbox = self.mailbox.unwrap_or_default();
        self.mailbox(MailboxSpec { keep_on_restart: true, ..mailbox })
    }

    /// What happens to messages sent between two incarnations (default: they wait).
    #[must_use]
    pub fn while_down(self, while_down: WhileDown) -> Self {
        let mailbox = self.mailbox.unwrap_or_default();
        self.mailbox(MailboxSpec { while_down, ..mailbox })
    }

    /// Drains it at an orderly stop (off by default): it takes no new mail from then on,
    /// handles what waits, and then stops. Its [`Self::shutdown`] is the deadline for all of
    /// that; what is left then goes to the dead letters.
    #[must_use]
    pub fn drain(self) -> Self {
        let mailbox = self.mailbox.unwrap_or_default();
        self.mailbox(MailboxSpec { drain_on_stop: true, ..mailbox })
    }

    /// On which arbiter it lives (default: the least loaded of the pool).
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// How long its init may take (default 60 s for workers, no limit for supervisors).
    ///
    /// OTP has no such limit: `None` restores its behaviour.
    #[must_use]
    pub fn start_timeout(mut self, limit: Option<Duration>) -> Self {
        self.start_timeout = limit;
        self
    }

    /// Starts it in the background (off by default: OTP waits for each init).
    ///
    /// It counts as running from its launch: neither its siblings' starts nor calls to the
    /// supervisor wait for its init, and `start_child` returns at once. Its mail waits until it
    /// is ready. An init that fails or takes longer than [`Self::start_timeout`] is then an end
    /// like any other, restarted and counted as the spec says; one that asks not to be started
    /// leaves the child down.
    #[must_use]
    pub fn start_in_background(mut self) -> Self {
        self.in_background = true;
        self
    }

    /// The pure part, for the policy.
    pub(crate) fn entry(&self) -> Result<ChildEntry, IdError> {
        Ok(ChildEntry { id: self.id.clone()?, policy: self.policy })
    }

    /// How many levels of the tree it is.
    pub(crate) fn depth(&self) -> usize {
        match &self.make {
            Make::Actor(_) => 1,
            Make::Supervisor(supervisor) => supervisor.depth,
        }
    }

    /// What of it the policy does not know: a literal may say what no constructor does.
    pub(crate) fn check_settings(&self) -> Result<(), ChildSpecError> {
        if let (Some(heartbeat), Ok(id)) = (self.heartbeat.own(), &self.id)
            && !heartbeat.is_sane()
        {
            return Err(ChildSpecError::InvalidHeartbeat(id.clone()));
        }
        let mailbox = match (&self.mailbox, &self.make) {
            (Some(mailbox), _) => mailbox,
            (None, Make::Actor(blueprint)) => blueprint.mailbox_spec(),
            (None, Make::Supervisor(_)) => return Ok(()),
        };
        match (mailbox.check(), &self.id) {
            (Err(_), Ok(id)) => Err(ChildSpecError::InvalidMailbox(id.clone())),
            _ => Ok(()),
        }
    }

    /// The blueprint to make its cell from, and what is kept of a supervisor.
    pub(crate) fn resolve(&self) -> (Blueprint, Option<Box<Below>>) {
        let (blueprint, below) = match &self.make {
            Make::Actor(blueprint) => (blueprint.clone().kind(self.policy.kind), None),
            Make::Supervisor(supervisor) => {
                let bank = Bank::default();
                let blueprint = supervisor_blueprint(supervisor, &bank);
                (blueprint, Some(Box::new(Below { spec: (**supervisor).clone(), bank })))
            }
        };
        match self.mailbox {
            Some(mailbox) => (blueprint.mailbox(mailbox), below),
            None => (blueprint, below),
        }
    }
}

impl std::fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("policy", &self.policy)
            .field("placement", &self.placement)
            .finish_non_exhaustive()
    }
}
