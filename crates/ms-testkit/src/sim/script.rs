//! A run as data: the tree, and what is done to it. A seed gives a script; a script can be saved, cut
//! down and played again.

use std::fmt;

use ms_actor::{Overflow, WhileDown};
use ms_core::{AutoShutdown, Restart, Shutdown, Strategy};
use serde::{Deserialize, Serialize};

/// A tree, and the steps that are taken with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// The seed it came from. The node's jitter uses it too.
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
    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Leaf(leaf) => &leaf.name,
            Self::Sup(sup) => &sup.name,
        }
    }

    /// Returns its options as a child.
    #[must_use]
    pub fn options(&self) -> &ChildOptions {
        match self {
            Self::Leaf(leaf) => &leaf.options,
            Self::Sup(sup) => &sup.options,
        }
    }
}

/// The options of a child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildOptions {
    /// Restart type.
    pub restart: Restart,
    /// The way it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end counts for automatic shutdown.
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
    /// Most restarts within the period.
    pub max_restarts: u32,
    /// The period, in seconds.
    pub period: u64,
    /// Whether it ends with its significant children.
    pub auto: AutoShutdown,
    /// Its options as a child of its own supervisor.
    pub options: ChildOptions,
    /// Its children. A dynamic supervisor has one: the template.
    pub children: Vec<Plan>,
    /// The lives, counted from 1, whose init callback fails or says `ignore`.
    pub tricks: Vec<(u64, Trick)>,
}

/// The kind of a leaf.
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
    /// Its kind.
    pub kind: Kind,
    /// Its options as a child.
    pub options: ChildOptions,
    /// The bound of its mailbox.
    pub capacity: usize,
    /// The policy of its mailbox at the bound.
    pub overflow: Full,
    /// Its mailbox is kept over a crash.
    pub keep: bool,
    /// Its mailbox is drained before an orderly stop.
    pub drain: bool,
    /// Messages are refused between two lives.
    pub refuse_while_down: bool,
    /// It has heartbeats, so that a second at one message counts as a hang.
    pub heartbeat: bool,
    /// Longest init, in milliseconds.
    pub start_timeout: u64,
    /// What goes wrong, and in which of its lives, counted from 1.
    pub tricks: Vec<(u64, Trick)>,
}

impl LeafPlan {
    /// Says whether it reports its hooks. The registry and the router do not.
    #[must_use]
    pub fn is_tracked(&self) -> bool {
        !matches!(self.kind, Kind::Registry | Kind::Router)
    }

    pub(crate) fn while_down(&self) -> WhileDown {
        if self.refuse_while_down { WhileDown::Refuse } else { WhileDown::Hold }
    }
}

/// [`Overflow`] as data.
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

/// What goes wrong in one life, and in which hook. Times are in milliseconds.
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
    /// It panics when it is told to stop.
    StopPanics,
    /// It stops late when it is told to stop.
    StopSlow(u64),
    /// It does not stop when it is told to.
    StopNever,
    /// `stopped` panics.
    StoppedPanics,
    /// Dropping it panics.
    DropPanics,
}

impl Trick {
    /// Returns its name in statistics.
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

/// What a message makes its actor do. Times are in milliseconds.
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
    /// Await without serving other messages, then answer.
    Slow(u64),
    /// Await for ever.
    Hang,
    /// Await, then panic.
    PanicAfterAwait(u64),
    /// Answer, and panic later in a future of the actor.
    PanicLater(u64),
    /// Answer, and misbehave later in one of the last hooks.
    Arm(Trick),
    /// Ask another actor and wait for the answer.
    Ask(String, u64),
}

/// One thing that is done to the tree. A step about a path that does not exist does nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub what: What,
    /// The pause before the next step.
    pub then: Pause,
}

/// The pause between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pause {
    /// Not at all.
    No,
    /// Until other tasks have had this many turns: the next step strikes in the middle of things.
    Turns(u8),
    /// Until nothing can happen without time passing.
    Quiet,
    /// This many milliseconds of virtual time.
    Ms(u64),
}

/// What a step does. Limits are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// Sends this many messages without waiting.
    Tell(String, Act, u32),
    /// Sends one message and waits for room.
    TellWaiting(String, Act, u64),
    /// Asks.
    Ask(String, Act, u64),
    /// Asks, and gives the ask up after this many milliseconds.
    AskAndLeave(String, Act, u64),
    /// Kills it from outside.
    Kill(String),
    /// Sends an exit signal from outside: abnormal if true, else `normal`.
    Exit(String, bool),
    /// Stops it without its supervisor.
    StopDirectly(String),
    /// Injects a fault with the kernel: a panic if true, else a hang.
    Inject(String, bool),
    /// Suspends it.
    Suspend(String),
    /// Resumes it.
    Resume(String),
    /// Monitors its present life.
    Monitor(String),
    /// OTP's `start_child` of a supervisor.
    StartChild(String, Box<LeafPlan>),
    /// Starts a child of a dynamic supervisor by name.
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
    /// OTP's `count_children`, compared with the model.
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
    /// Returns its name in statistics.
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
    /// Counts the planned actors and supervisors, itself included.
    #[must_use]
    pub fn size(&self) -> usize {
        let below = |plan: &Plan| match plan {
            Plan::Leaf(_) => 1,
            Plan::Sup(sup) => sup.size(),
        };
        1 + self.children.iter().map(below).sum::<usize>()
    }

    /// Counts the levels of the tree, its own included.
    #[must_use]
    pub fn depth(&self) -> usize {
        let below = |plan: &Plan| match plan {
            Plan::Leaf(_) => 1,
            Plan::Sup(sup) => sup.depth(),
        };
        1 + self.children.iter().map(below).max().unwrap_or(0)
    }
}

impl fmt::Display for Script {
    /// Writes the tree and the steps, one line each.
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
    let options = plan.options();
    let mut tail = format!("{:?} {:?}", options.restart, options.shutdown);
    if options.significant {
        tail += " significant";
    }
    if let Some((min, max)) = options.backoff {
        tail += &format!(" backoff {min}..{max} ms");
    }
    match plan {
        Plan::Sup(sup) => {
            let SupPlan { name, strategy, max_restarts, period, auto, tricks, .. } = sup;
            writeln!(
                f,
                "{indent}{name}/ {strategy:?} {max_restarts} in {period} s, {auto:?}, {tail} {tricks:?}"
            )?;
            sup.children.iter().try_for_each(|child| show(f, child, level + 1))
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
