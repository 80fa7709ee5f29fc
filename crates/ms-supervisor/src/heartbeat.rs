//! Heartbeats: finding children that hang without ending.
//!
//! The watchdog asks the loop of an arbiter that does not sleep for a sign of life, for all who
//! live on it, and every actor publishes what it handles and since when as part of handling it; so
//! a beat of one actor costs nothing, with a million of them too. At each beat a supervisor
//! reads this of the children that opted in, by themselves or by their supervisor for all below
//! it. A child that has been at one message for longer than the beats it may miss, and whose
//! handler said nothing meanwhile, is hung: it is killed, or abandoned where its thread is
//! blocked, and restarted on another arbiter. Time in which the whole process stood still
//! (SIGSTOP, a suspended machine) is nobody's silence.

use std::time::Duration;

use actix::{AsyncContext, SpawnHandle};
use ms_core::ExitReason;
use ms_core::view::Lifecycle;
use ms_policy::{ChildKey, ChildState};

use crate::actor::{Ctx, SupervisorActor};
use crate::kids::Kid;

/// How a child shows that it is not hung. Off unless the child or a supervisor above asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Time between two beats: 1 ms to [`Heartbeat::MAX_EVERY`].
    pub every: Duration,
    /// Beats missed in a row that make it hung.
    pub missed: u32,
}

impl Default for Heartbeat {
    /// Five seconds, three misses.
    fn default() -> Self {
        Self { every: Duration::from_secs(5), missed: 3 }
    }
}

impl Heartbeat {
    /// Longest time between two beats.
    pub const MAX_EVERY: Duration = Duration::from_secs(24 * 3_600);

    /// The longest a child may be at one message.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.every.saturating_mul(self.missed.max(1))
    }

    /// Whether it can tell a hung child from one at work.
    pub(crate) fn is_sane(&self) -> bool {
        (Duration::from_millis(1)..=Self::MAX_EVERY).contains(&self.every)
    }
}

/// Whether a child has a heartbeat, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Beating {
    /// That of its supervisor's [`Supervisor::heartbeats`](crate::Supervisor::heartbeats), if any.
    #[default]
    Inherited,
    /// None, whatever its supervisor says.
    Never,
    /// Its own.
    Own(Heartbeat),
}

impl Beating {
    /// Its own, if it has one.
    pub(crate) fn own(self) -> Option<Heartbeat> {
        match self {
            Self::Own(heartbeat) => Some(heartbeat),
            Self::Inherited | Self::Never => None,
        }
    }

    /// What it comes to under a supervisor with this default.
    pub(crate) fn or(self, inherited: Option<Heartbeat>) -> Option<Heartbeat> {
        match self {
            Self::Inherited => inherited,
            Self::Never => None,
            Self::Own(heartbeat) => Some(heartbeat),
        }
    }
}

/// The timers of one supervisor that looks after its children's beats.
#[derive(Debug, Default)]
pub(crate) struct Beats {
    armed: Option<(Duration, SpawnHandle)>,
    /// A look between two beats, for a child whose time is up before the next one.
    between: Option<SpawnHandle>,
    /// How often it looked.
    pub(crate) looks: u64,
}

/// The shortest time between two looks.
const MIN_EVERY: Duration = Duration::from_millis(10);

impl SupervisorActor {
    /// A child with this heartbeat starts: its supervisor looks at least that often.
    pub(crate) fn watch_beats(&mut self, ctx: &mut Ctx, heartbeat: Heartbeat) {
        let every = heartbeat.every.max(MIN_EVERY);
        match self.beats.armed {
            Some((armed, _)) if armed <= every => return,
            Some((_, handle)) => drop(ctx.cancel_future(handle)),
            None => {}
        }
        self.beats.armed = Some((every, ctx.run_interval(every, Self::beat)));
    }

    fn beat(&mut self, ctx: &mut Ctx) {
        self.beats.looks += 1;
        self.look(ctx);
    }

    /// Kills the children that are hung, and looks again when the time of the next one is up:
    /// how soon a child is found depends on its own beats, not on when the supervisor looks.
    fn look(&mut self, ctx: &mut Ctx) {
        let every = self.beats.armed.map_or(MIN_EVERY, |(every, _)| every);
        let mut hung = Vec::new();
        let mut soonest = every;
        for kid in self.kids.iter() {
            let Some((heartbeat, silent)) = silence(kid) else { continue };
            match heartbeat.limit().checked_sub(silent) {
                Some(left) => soonest = soonest.min(left),
                None => hung.push((kid.key, heartbeat.missed)),
            }
        }
        self.replace_hung(ctx, hung);
        if let Some(between) = self.beats.between.take() {
            ctx.cancel_future(between);
        }
        if soonest < every {
            let after = soonest.max(MIN_EVERY);
            self.beats.between = Some(ctx.run_later(after, |this, ctx| {
                this.beats.between = None;
                this.look(ctx);
            }));
        }
    }

    fn replace_hung(&mut self, ctx: &mut Ctx, hung: Vec<(ChildKey, u32)>) {
        for (key, missed) in hung {
            let running =
                self.policy.child(key).is_some_and(|child| child.state == ChildState::Running);
            if let Some(kid) = self.kids.get_mut(key).filter(|_| running) {
                kid.rare().hung = true;
                self.kill_for(ctx, key, ExitReason::HeartbeatLost { missed });
            }
        }
    }
}

/// How long a child that beats has been at one message, if it is at one and not yet given up.
fn silence(kid: &Kid) -> Option<(Heartbeat, Duration)> {
    let heartbeat = kid.care.heartbeat?;
    // Suspended on purpose, perhaps in the middle of a message, is not hung.
    let cell = kid.cell.as_ref().filter(|cell| cell.lifecycle() != Lifecycle::Suspended)?;
    let silent = cell.silent_for()?;
    let counts = kid.acknowledged && kid.rare.as_ref().is_none_or(|rare| !rare.hung);
    counts.then_some((heartbeat, silent))
}
