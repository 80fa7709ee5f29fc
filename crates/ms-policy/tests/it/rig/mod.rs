//! A policy with an obliging world around it: starts succeed and stops are clean unless
//! told otherwise, and everything is written down.
#![allow(clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ms_core::{
    ActorPath, AutoShutdown, Backoff, ChildExit, ChildId, ChildPolicy, ExitReason, Incarnation,
    Intensity, Restart, Strategy, SupervisorFlags, Tick,
};
use ms_policy::{
    ChildEntry, ChildKey, ChildState, Command, CommandError, Decision, Effect, Event, Policy,
    Reply, Target, Ticket,
};

pub fn id(text: &str) -> ChildId {
    ChildId::new(text).expect("valid")
}

pub fn boom() -> ExitReason {
    ExitReason::failed("boom")
}

/// An exit as a cell makes it. Its incarnation is that cell's own, and far from the policy's
/// count: the policy must not look at it.
pub fn ended(reason: ExitReason) -> ChildExit {
    ChildExit::new(ActorPath::root(&id("child")), Incarnation(1_000), reason)
}

pub fn flags(strategy: Strategy, max_restarts: u32) -> SupervisorFlags {
    let intensity = Intensity { max_restarts, period: Duration::from_secs(5) };
    SupervisorFlags {
        strategy,
        intensity,
        auto_shutdown: AutoShutdown::Never,
        max_children: None,
        ..SupervisorFlags::default()
    }
}

pub fn entry(name: &str, restart: Restart) -> ChildEntry {
    ChildEntry { id: id(name), policy: ChildPolicy { restart, ..ChildPolicy::worker() } }
}

pub fn slow(name: &str, min: u64) -> ChildEntry {
    let backoff = Backoff {
        min: Duration::from_secs(min),
        max: Duration::from_secs(60),
        jitter: 0.0,
        reset_after: Duration::from_secs(100),
    };
    let mut entry = entry(name, Restart::Permanent);
    entry.policy.backoff = Some(backoff);
    entry
}

pub struct Rig {
    pub policy: Policy,
    pub now: Tick,
    /// What happened since it was last looked at: `start a`, `stop b`, `exit shutdown`.
    log: Vec<String>,
    pub decisions: Vec<Decision>,
    pub timers: Vec<(ChildKey, Incarnation, Duration)>,
    /// Answers to the next starts of an id, before they succeed again.
    pub script: BTreeMap<String, VecDeque<Answer>>,
    /// Effects are answered as they come; otherwise they wait in `open`.
    pub obliging: bool,
    pub open: VecDeque<Effect>,
    mail: VecDeque<Event>,
    tickets: u64,
    replies: BTreeMap<Ticket, Result<Reply, CommandError>>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Answer {
    Ok,
    Fail,
    Ignore,
}

impl Rig {
    pub fn new(flags: SupervisorFlags, specs: Vec<ChildEntry>) -> Self {
        let mut rig = Self::around(Policy::new(flags, specs).expect("valid specs"), Tick::ZERO);
        rig.feed(Event::Boot);
        rig.log.clear();
        rig
    }

    pub fn three(strategy: Strategy, max_restarts: u32) -> Self {
        let specs = ["a", "b", "c"].map(|name| entry(name, Restart::Permanent));
        Self::new(flags(strategy, max_restarts), specs.into())
    }

    pub fn around(policy: Policy, now: Tick) -> Self {
        Self {
            policy,
            now,
            log: Vec::new(),
            decisions: Vec::new(),
            timers: Vec::new(),
            script: BTreeMap::new(),
            obliging: true,
            open: VecDeque::new(),
            mail: VecDeque::new(),
            tickets: 0,
            replies: BTreeMap::new(),
        }
    }

    pub fn feed(&mut self, event: Event) {
        self.mail.push_back(event);
        self.run();
    }

    pub fn run(&mut self) {
        while let Some(event) = self.mail.pop_front() {
            self.policy.handle(self.now, event);
            while let Some(effect) = self.policy.poll_effect() {
                self.note(&effect);
                match effect {
                    Effect::RetryLater { key } => self.mail.push_back(Event::TryAgain { key }),
                    Effect::Start { .. } | Effect::Stop { .. } | Effect::StopMany { .. }
                        if self.obliging =>
                    {
                        self.oblige(effect);
                    }
                    Effect::Start { .. } | Effect::Stop { .. } => self.open.push_back(effect),
                    _ => {}
                }
            }
        }
    }

    fn note(&mut self, effect: &Effect) {
        let line = match effect {
            Effect::Start { id, .. } => format!("start {id}"),
            Effect::Stop { key, .. } => format!("stop {}", self.name(*key)),
            Effect::StopMany { count, .. } => format!("stop all {count}"),
            Effect::RetryLater { key } => format!("retry {}", self.name(*key)),
            Effect::ArmBackoff { key, incarnation, delay, .. } => {
                self.timers.push((*key, *incarnation, *delay));
                format!("delay {} {}", self.name(*key), delay.as_secs())
            }
            Effect::Report(report) => format!("report {} {}", report.context, report.id),
            Effect::Decision(decision) => {
                self.decisions.push((**decision).clone());
                return;
            }
            Effect::Reply { ticket, result } => {
                let twice = self.replies.insert(*ticket, result.clone());
                assert!(twice.is_none(), "{ticket:?} was answered twice");
                return;
            }
            Effect::Booted => "booted".into(),
            Effect::BootFailed { reason } => format!("boot failed: {reason}"),
            Effect::Dropped { .. } => "dropped".into(),
            Effect::Exit { reason } => format!("exit {reason}"),
        };
        self.log.push(line);
    }

    fn oblige(&mut self, effect: Effect) {
        match effect {
            Effect::Start { key, id, incarnation, .. } => {
                let script = self.script.get_mut(id.as_str());
                let answer = script.and_then(VecDeque::pop_front).unwrap_or(Answer::Ok);
                self.mail.push_front(match answer {
                    Answer::Ok => Event::Started { key, incarnation, info: false },
                    Answer::Ignore => Event::Ignored { key, incarnation },
                    Answer::Fail => Event::StartFailed { key, incarnation, reason: boom() },
                });
            }
            Effect::Stop { key, incarnation, .. } => {
                let reason = ExitReason::Shutdown;
                self.mail.push_front(Event::Exited { key, incarnation, exit: ended(reason) });
            }
            _ => {
                for (key, incarnation) in self.policy.stopping() {
                    let reason = ExitReason::Shutdown;
                    self.mail.push_back(Event::Exited { key, incarnation, exit: ended(reason) });
                }
            }
        }
    }

    pub fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    fn name(&self, key: ChildKey) -> String {
        self.policy.child(key).map_or("?".into(), |child| child.id.to_string())
    }

    pub fn key(&self, name: &str) -> ChildKey {
        self.policy.key_of(&id(name)).expect("there is such a child")
    }

    pub fn life(&self, name: &str) -> (ChildKey, Incarnation) {
        let key = self.key(name);
        (key, self.policy.child(key).expect("there").incarnation)
    }

    pub fn state(&self, name: &str) -> Option<ChildState> {
        let key = self.policy.key_of(&id(name))?;
        self.policy.child(key).map(|child| child.state)
    }

    pub fn exit(&mut self, name: &str, reason: ExitReason) {
        let (key, incarnation) = self.life(name);
        self.feed(Event::Exited { key, incarnation, exit: ended(reason) });
    }

    pub fn exit_key(&mut self, key: ChildKey, reason: ExitReason) {
        let incarnation = self.policy.child(key).expect("there").incarnation;
        self.feed(Event::Exited { key, incarnation, exit: ended(reason) });
    }

    /// Posts a command; the reply may come later.
    pub fn post(&mut self, command: Command) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.feed(Event::Command { ticket, command });
        ticket
    }

    pub fn reply(&mut self, ticket: Ticket) -> Option<Result<Reply, CommandError>> {
        self.replies.remove(&ticket)
    }

    pub fn ask(&mut self, command: Command) -> Result<Reply, CommandError> {
        let ticket = self.post(command);
        self.reply(ticket).expect("answered at once")
    }

    pub fn terminate(&mut self, name: &str) -> Result<Reply, CommandError> {
        self.ask(Command::TerminateChild(Target::Id(id(name))))
    }

    pub fn advance(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Lets the oldest backoff elapse.
    pub fn ring(&mut self) {
        let (key, incarnation, delay) = self.timers.remove(0);
        self.advance(delay);
        self.feed(Event::BackoffElapsed { key, incarnation });
    }

    pub fn script(&mut self, name: &str, answers: &[Answer]) {
        self.script.insert(name.into(), answers.iter().copied().collect());
    }
}
