//! The builder of child specs.

use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{Hosted, MailboxSpec, Overflow, Placement, Ref, StartError, StateValue, WhileDown};
use ms_core::{Backoff, ChildId, ChildPolicy, IdError, Restart, Shutdown};

use super::{ChildSpec, Make, SupervisorSpec};
use crate::heartbeat::{Heartbeat, HeartbeatSetting};

/// Longest time a child's init may take unless its spec says otherwise.
const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(60);

impl ChildSpec {
    /// Makes a permanent worker out of `factory`: an actor for [`ms_actor::Context`], or any
    /// unchanged actix actor.
    ///
    /// The factory runs for every start, on the arbiter the actor will live on.
    pub fn actor<A: Hosted>(
        id: impl AsRef<str>,
        factory: impl Fn() -> A + Send + Sync + 'static,
    ) -> Self {
        Self::blueprint(id, Blueprint::actor(factory))
    }

    /// Makes a permanent worker like [`ChildSpec::actor`], of a factory that may fail (a start
    /// error) or ask not to be started ([`StartError::Ignore`]), and that gets the reference the
    /// actor will have.
    pub fn try_actor<A: Hosted>(
        id: impl AsRef<str>,
        factory: impl Fn(&Ref<A>) -> Result<A, StartError> + Send + Sync + 'static,
    ) -> Self {
        Self::blueprint(id, Blueprint::fallible(factory))
    }

    /// Makes a permanent worker like [`ChildSpec::actor`], with a view of the state for inspectors.
    pub fn inspectable<A: Hosted>(
        id: impl AsRef<str>,
        factory: impl Fn() -> A + Send + Sync + 'static,
        view: fn(&A) -> StateValue,
    ) -> Self {
        Self::blueprint(id, Blueprint::with_view(move |_| Ok(factory()), A::TIER, Some(view)))
    }

    /// Makes a permanent worker of a blueprint: what libraries build upon.
    pub fn blueprint(id: impl AsRef<str>, blueprint: Blueprint) -> Self {
        Self {
            id: ChildId::new(id),
            policy: ChildPolicy::worker(),
            make: Make::Actor(blueprint),
            mailbox: None,
            placement: Placement::Pool,
            start_timeout: Some(DEFAULT_START_TIMEOUT),
            heartbeat: HeartbeatSetting::Inherited,
            in_background: false,
        }
    }

    /// Makes a permanent supervisor, with its own children below it.
    ///
    /// A tree that would be deeper than [`MAX_PATH_DEPTH`](ms_core::id::MAX_PATH_DEPTH) levels is refused here: the spec
    /// then has no id but [`IdError::TooDeep`], and what it is given to does not start.
    #[must_use]
    pub fn supervisor(supervisor: SupervisorSpec) -> Self {
        let (id, supervisor) = match supervisor.check_depth(1) {
            Ok(()) => (supervisor.id.clone(), supervisor),
            // What is too deep is not kept: deeper and deeper, it could not even be dropped.
            Err(error) => (Err(error), SupervisorSpec::one_for_one("too-deep")),
        };
        Self {
            id,
            policy: ChildPolicy::supervisor(),
            make: Make::Supervisor(Box::new(supervisor)),
            mailbox: None,
            // Beside the other supervisors: a pool that is busy or blocked must not hold up restarts.
            placement: Placement::Control,
            // It takes as long as all its children take, and each of those has a limit of its own.
            start_timeout: None,
            heartbeat: HeartbeatSetting::Inherited,
            in_background: false,
        }
    }

    /// Returns its id.
    ///
    /// # Errors
    /// What is wrong with the text it was given.
    pub fn id(&self) -> Result<&ChildId, &IdError> {
        self.id.as_ref()
    }

    /// Sets when it is started again (default permanent).
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.policy.restart = restart;
        self
    }

    /// Sets how it is stopped (default 5 s for workers, without limit for supervisors).
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.policy.shutdown = shutdown;
        self
    }

    /// Sets whether its own end may end the supervisor (default no).
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
    /// [`SupervisorSpec::heartbeats`] of a supervisor above says, and off without one).
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.heartbeat = HeartbeatSetting::Own(heartbeat);
        self
    }

    /// Lets the child be at one message for as long as it likes, whatever
    /// [`SupervisorSpec::heartbeats`] of a supervisor above says. What is below the child keeps
    /// the heartbeats it has.
    #[must_use]
    pub fn without_heartbeat(mut self) -> Self {
        self.heartbeat = HeartbeatSetting::Never;
        self
    }

    /// Sets the bound and the policies of its mailbox.
    #[must_use]
    pub fn mailbox(mut self, mailbox: MailboxSpec) -> Self {
        self.mailbox = Some(mailbox);
        self
    }

    /// Sets the bound of its mailbox, and what happens over it.
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

    /// Sets what happens to messages sent between two incarnations (default: they wait).
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

    /// Sets on which arbiter it lives (default: the least loaded of the pool).
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Sets how long its init may take (default 60 s for workers, no limit for supervisors).
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

    pub(crate) fn make(&self) -> &Make {
        &self.make
    }

    /// Makes the same spec for something else to start.
    pub(crate) fn with_make(&self, make: Make) -> Self {
        Self { make, ..self.clone() }
    }

    /// Makes a blueprint of it, given one of the actor itself: kind and mailbox are the spec's to say.
    pub(crate) fn complete(&self, blueprint: Blueprint) -> Blueprint {
        let blueprint = match &self.make {
            Make::Actor(_) => blueprint.kind(self.policy.kind),
            Make::Supervisor(_) => blueprint,
        };
        match self.mailbox {
            Some(mailbox) => blueprint.mailbox(mailbox),
            None => blueprint,
        }
    }
}
