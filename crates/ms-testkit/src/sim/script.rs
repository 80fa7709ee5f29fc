//! A run as data: the tree, and what is done to it. A seed gives a script, a script can
//! be written down, cut smaller and played again.

use std::fmt;

use ms_actor::{Overflow, WhileDown};
use ms_core::{AutoShutdown, Restart, Shutdown, Strategy};
use serde::{Deserialize, Serialize};

/// A tree and the steps to be taken with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// The seed it came from; seeds the jitter of the node too.
    pub seed: u64,
    /// The tree.
    pub root: SupPlan,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// One child of the tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Plan {
    /// An actor.
    Leaf(LeafPlan),
    /// A supervisor.
    Sup(SupPlan),
}

impl Plan {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Leaf(leaf) => &leaf.name,
            Self::Sup(sup) => &sup.name,
        }
    }

    /// How it is kept.
    #[must_use]
    pub fn care(&self) -> &Care {
        match self {
            Self::Leaf(leaf) => &leaf.care,
            Self::Sup(sup) => &sup.care,
        }
    }
}

/// How a child is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Care {
    /// Restart type.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end may end its supervisor.
    pub significant: bool,
    /// Shortest and longest delay of restarts, in milliseconds.
    pub backoff: Option<(u64, u64)>,
}

/// A supervisor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SupPlan {
    /// Its name.
    pub name: String,
    /// Its strategy.
    pub strategy: Strategy,
    /// Restarts granted...
    pub max_restarts: u32,
    /// ...within so many seconds.
    pub period: u64,
    /// Whether ends of significant children end it.
    pub auto: AutoShutdown,
    /// How it is kept itself.
    pub care: Care,
    /// Its children; of a dynamic supervisor the one template.
    pub kids: Vec<Plan>,
    /// Lives whose init callback fails or ignores.
    pub tricks: Vec<(u64, Trick)>,
}

/// What a leaf is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// An actor with the kernel's context (tier 1).
    Kernel,
    /// An unchanged actix actor (tier 2).
    Actix,
    /// An agent.
    Agent,
    /// The registry of the run.
    Registry,
    /// The router of the run.
    Router,
}

/// An actor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeafPlan {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub kind: Kind,
    /// How it is kept.
    pub care: Care,
    /// Bound of its mailbox.
    pub capacity: usize,
    /// What happens over the bound.
    pub overflow: Full,
    /// Mail waits over a crash.
    pub keep: bool,
    /// Mail is handled before an orderly stop.
    pub drain: bool,
    /// Mail is refused between two lives.
    pub refuse_while_down: bool,
    /// It is taken for hung after a second at one message.
    pub heartbeat: bool,
    /// How long its init may take, in milliseconds.
    pub start_timeout: u64,
    /// What happens in which of its lives, counted from 1.
    pub tricks: Vec<(u64, Trick)>,
}

impl LeafPlan {
    /// Whether it tells of its life: the registry and the router do not.
    #[must_use]
    pub fn is_tracked(&self) -> bool {
        !matches!(self.kind, Kind::Registry | Kind::Router)
    }

    pub(crate) fn while_down(&self) -> WhileDown {
        if self.refuse_while_down { WhileDown::Refuse } else { WhileDown::Hold }
    }
}

/// [`Overflow`], as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Full {
    /// [`Overflow::Block`]
    Block,
    /// [`Overflow::Reject`]
    Reject,
    /// [`Overflow::DropNewest`]
    DropNewest,
    /// [`Overflow::DropOldest`]
    DropOldest,
}

impl From<Full> for Overflow {
    fn from(full: Full) -> Self {
        match full {
            Full::Block => Self::Block,
            Full::Reject => Self::Reject,
            Full::DropNewest => Self::DropNewest,
            Full::DropOldest => Self::DropOldest,
        }
    }
}

/// What goes wrong in one life, by the hook it goes wrong in. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trick {
    /// The factory panics.
    FactoryPanics,
    /// The factory fails.
    FactoryFails,
    /// The factory says `ignore`.
    FactoryIgnores,
    /// The init panics.
    InitPanics,
    /// The init fails.
    InitFails,
    /// The init says `ignore`.
    InitIgnores,
    /// The init waits.
    InitSlow(u64),
    /// The init never ends.
    InitHangs,
    /// The init ends later, and mail is served meanwhile.
    InitDeferred(u64),
    /// A timer panics.
    TimerPanics(u64),
    /// A timer stops the actor in an orderly way.
    TimerStops(u64),
    /// A future of the actor panics.
    FuturePanics(u64),
    /// Told to stop, it panics.
    StopPanics,
    /// Told to stop, it takes its time.
    StopSlow(u64),
    /// Told to stop, it does not.
    StopNever,
    /// `stopped` panics.
    StoppedPanics,
    /// Dropping it panics.
    DropPanics,
}

impl Trick {
    /// Its name in statistics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::FactoryPanics => "panic in factory",
            Self::FactoryFails => "factory fails",
            Self::FactoryIgnores => "factory ignores",
            Self::InitPanics => "panic in init",
            Self::InitFails => "init fails",
            Self::InitIgnores => "init ignores",
            Self::InitSlow(_) => "slow init",
            Self::InitHangs => "init hangs",
            Self::InitDeferred(_) => "deferred init",
            Self::TimerPanics(_) => "panic in timer",
            Self::TimerStops(_) => "timer stops",
            Self::FuturePanics(_) => "panic in future",
            Self::StopPanics => "panic in stopping",
            Self::StopSlow(_) => "slow stop",
            Self::StopNever => "stop ignored",
            Self::StoppedPanics => "panic in stopped",
            Self::DropPanics => "panic in drop",
        }
    }
}

/// What a message makes its actor do. Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Act {
    /// Answer.
    Nothing,
    /// Panic in the handler.
    Panic,
    /// Fail.
    Fail,
    /// Stop in an orderly way.
    Stop,
    /// Await, serving nothing else, then answer.
    Slow(u64),
    /// Await for ever.
    Hang,
    /// Await, then panic.
    PanicAfterAwait(u64),
    /// Go on, and panic later in a future of its own.
    PanicLater(u64),
    /// Prepare to misbehave in one of its last hooks.
    Arm(Trick),
    /// Ask another actor and wait for the answer.
    Ask(String, u64),
}

/// One thing done to the tree. Paths that do not exist (any more) make a step do nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What.
    pub what: What,
    /// How long the next step waits.
    pub then: Pause,
}

/// How long to wait between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pause {
    /// Not at all.
    No,
    /// Until others had so many turns: in the middle of whatever is going on.
    Turns(u8),
    /// Until nothing can happen without time passing.
    Quiet,
    /// So many milliseconds of virtual time.
    Ms(u64),
}

/// What is done. Limits in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// Sends so many messages without waiting.
    Tell(String, Act, u32),
    /// Sends one, waiting for room.
    TellWaiting(String, Act, u64),
    /// Asks.
    Ask(String, Act, u64),
    /// Asks, and loses interest after so many milliseconds.
    AskAndLeave(String, Act, u64),
    /// Kills it from outside.
    Kill(String),
    /// A stranger's exit signal: an abnormal one, or `normal`.
    Exit(String, bool),
    /// Tells it to stop, past its supervisor.
    StopDirectly(String),
    /// The kernel's own fault injection: a panic, or a hang.
    Inject(String, bool),
    /// Suspends it (by the supervisors' own verb for a supervisor).
    Suspend(String),
    /// Undoes that.
    Resume(String),
    /// Monitors its present life.
    Monitor(String),
    /// OTP's `start_child` of a supervisor.
    StartChild(String, Box<LeafPlan>),
    /// One more child of a dynamic supervisor, by this name.
    StartDynamic(String, Box<LeafPlan>),
    /// OTP's `terminate_child` of the child at this path.
    Terminate(String),
    /// OTP's `restart_child`.
    Restart(String),
    /// OTP's `delete_child`.
    Delete(String),
    /// The verb `restart`: stop and start again.
    Renew(String),
    /// The verb `kill`, through its supervisor.
    SteerKill(String),
    /// OTP's `count_children`, compared with the truth.
    Count(String),
    /// Gives it a name in the registry.
    Register(String),
    /// Gives it a route.
    Route(String),
    /// Publishes a bulletin to all routes.
    Publish,
    /// Asks one of the routes.
    AskOne(u64),
    /// Waits only.
    Wait,
}

impl What {
    /// Its name in statistics, where it is a fault or a command.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Tell(_, act, _) | Self::TellWaiting(_, act, _) | Self::Ask(_, act, _) => {
                act.label()
            }
            Self::AskAndLeave(..) => "ask given up",
            Self::Kill(_) => "kill",
            Self::Exit(..) => "exit signal",
            Self::StopDirectly(_) => "stop past the supervisor",
            Self::Inject(_, true) => "injected panic",
            Self::Inject(_, false) => "injected hang",
            Self::Suspend(_) => "suspend",
            Self::Resume(_) => "resume",
            Self::Monitor(_) => "monitor",
            Self::StartChild(..) => "start_child",
            Self::StartDynamic(..) => "start_child (dynamic)",
            Self::Terminate(_) => "terminate_child",
            Self::Restart(_) => "restart_child",
            Self::Delete(_) => "delete_child",
            Self::Renew(_) => "verb restart",
            Self::SteerKill(_) => "verb kill",
            Self::Count(_) => "count_children",
            Self::Register(_) => "register",
            Self::Route(_) => "route",
            Self::Publish => "publish",
            Self::AskOne(_) => "ask one of many",
            Self::Wait => "wait",
        }
    }
}

impl Act {
    const fn label(&self) -> &'static str {
        match self {
            Self::Nothing => "message",
            Self::Panic => "panic in handler",
            Self::Fail => "handler fails",
            Self::Stop => "handler stops",
            Self::Slow(_) => "slow handler",
            Self::Hang => "handler hangs",
            Self::PanicAfterAwait(_) => "panic after an await",
            Self::PanicLater(_) => "panic in future",
            Self::Arm(trick) => trick.label(),
            Self::Ask(..) => "ask between actors",
        }
    }
}

impl SupPlan {
    /// Actors and supervisors at and below it, as planned.
    #[must_use]
    pub fn size(&self) -> usize {
        let below = |plan: &Plan| match plan {
            Plan::Leaf(_) => 1,
            Plan::Sup(sup) => sup.size(),
        };
        1 + self.kids.iter().map(below).sum::<usize>()
    }

    /// Levels below it, its own included.
    #[must_use]
    pub fn depth(&self) -> usize {
        let below = |plan: &Plan| match plan {
            Plan::Leaf(_) => 1,
            Plan::Sup(sup) => sup.depth(),
        };
        1 + self.kids.iter().map(below).max().unwrap_or(0)
    }
}

impl fmt::Display for Script {
    /// The tree and the steps, a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "script of seed {}: {} actors", self.seed, self.root.size())?;
        show(f, &Plan::Sup(self.root.clone()), 1)?;
        writeln!(f, "  {} steps", self.steps.len())?;
        for (at, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {at:>3}  {:?}, then {:?}", step.what, step.then)?;
        }
        Ok(())
    }
}

fn show(f: &mut fmt::Formatter<'_>, plan: &Plan, level: usize) -> fmt::Result {
    let indent = "  ".repeat(level);
    let care = plan.care();
    let mut tail = format!("{:?} {:?}", care.restart, care.shutdown);
    if care.significant {
        tail += " significant";
    }
    if let Some((min, max)) = care.backoff {
        tail += &format!(" backoff {min}..{max} ms");
    }
    match plan {
        Plan::Sup(sup) => {
            let SupPlan { name, strategy, max_restarts, period, auto, tricks, .. } = sup;
            writeln!(
                f,
                "{indent}{name}/ {strategy:?} {max_restarts} in {period} s, {auto:?}, {tail} {tricks:?}"
            )?;
            sup.kids.iter().try_for_each(|kid| show(f, kid, level + 1))
        }
        Plan::Leaf(leaf) => {
            let LeafPlan { name, kind, capacity, overflow, tricks, .. } = leaf;
            let flags = [
                (leaf.keep, " keep"),
                (leaf.drain, " drain"),
                (leaf.refuse_while_down, " refuse"),
                (leaf.heartbeat, " heartbeat"),
            ];
            let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, text)| *text).collect();
            writeln!(
                f,
                "{indent}{name} {kind:?} mailbox {capacity} {overflow:?}{flags}, {tail} {tricks:?}"
            )
        }
    }
}
