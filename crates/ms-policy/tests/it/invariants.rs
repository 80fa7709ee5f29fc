//! What holds for every supervisor, whatever happens to it.
#![allow(clippy::expect_used, unreachable_pub, dead_code, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ms_core::{
    AutoShutdown, ChildPolicy, ExitReason, Incarnation, Intensity, Restart, StopOrder, Strategy,
    SupervisorFlags, Tick, WhenExhausted,
};
use ms_policy::{
    ChildEntry, ChildKey, ChildState, Command, CommandError, Effect, Event, Phase, Policy, Preview,
    Reply, Target, Ticket, Verdict,
};
use proptest::prelude::*;
use rig::{Rig, boom, ended, id, slow};

use crate::rig;

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// One thing the world does. Numbers pick among what is there.
#[derive(Debug, Clone)]
enum Step {
    /// Answers an open start or stop: 0 to 4 well, 5 and 6 badly, 7 oddly.
    Answer(u8),
    Exit(usize, u8),
    Evacuate(usize),
    Retry,
    Ring,
    Call(u8, usize),
    Advance(u16),
    Suspend,
    Resume,
    Shutdown,
}

fn steps() -> impl Strategy_<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..8_u8).prop_map(Step::Answer),
        6 => (any::<usize>(), 0..4_u8).prop_map(|(at, why)| Step::Exit(at, why)),
        1 => any::<usize>().prop_map(Step::Evacuate),
        3 => Just(Step::Retry),
        2 => Just(Step::Ring),
        6 => (0..8_u8, any::<usize>()).prop_map(|(what, at)| Step::Call(what, at)),
        2 => (0..4_000_u16).prop_map(Step::Advance),
        1 => Just(Step::Suspend),
        2 => Just(Step::Resume),
        1 => Just(Step::Shutdown),
    ];
    prop::collection::vec(step, 0..120)
}

use proptest::strategy::Strategy as Strategy_;

fn restart() -> impl Strategy_<Value = Restart> {
    prop_oneof![
        3 => Just(Restart::Permanent), 2 => Just(Restart::Transient), 1 => Just(Restart::Temporary)
    ]
}

fn supervisor() -> impl Strategy_<Value = (SupervisorFlags, Vec<ChildEntry>)> {
    let strategy = prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::OneForAll),
        Just(Strategy::RestForOne),
        Just(Strategy::SimpleOneForOne),
    ];
    let auto = prop_oneof![
        2 => Just(AutoShutdown::Never),
        1 => Just(AutoShutdown::AnySignificant),
        1 => Just(AutoShutdown::AllSignificant),
    ];
    let child = (restart(), any::<bool>(), any::<bool>());
    (strategy, auto, 0..5_u32, 1..4_u64, prop::collection::vec(child, 1..6)).prop_map(
        |(strategy, auto_shutdown, max_restarts, period, children)| {
            let intensity = Intensity { max_restarts, period: Duration::from_secs(period) };
            let max_children = (strategy == Strategy::SimpleOneForOne).then_some(4);
            // Each second supervisor of those that would give up pauses instead.
            let when_exhausted = match period % 2 {
                0 => WhenExhausted::Pause(Duration::from_secs(2)),
                _ => WhenExhausted::GiveUp,
            };
            let flags = SupervisorFlags {
                strategy,
                intensity,
                auto_shutdown,
                max_children,
                when_exhausted,
                stop_order: match period % 3 {
                    0 => StopOrder::Together,
                    _ => StopOrder::Reverse,
                },
            };
            let mut specs: Vec<ChildEntry> = children
                .into_iter()
                .zip(NAMES)
                .map(|((restart, significant, delayed), name)| {
                    let backoff = slow(name, 1).policy.backoff.filter(|_| delayed);
                    let significant = significant
                        && restart != Restart::Permanent
                        && auto_shutdown != AutoShutdown::Never;
                    let policy =
                        ChildPolicy { restart, significant, backoff, ..ChildPolicy::worker() };
                    ChildEntry { id: id(name), policy }
                })
                .collect();
            if strategy == Strategy::SimpleOneForOne {
                specs.truncate(1);
            }
            (flags, specs)
        },
    )
}

/// The world as it really is, beside what the policy believes.
struct World {
    policy: Policy,
    now: Tick,
    alive: BTreeMap<ChildKey, Incarnation>,
    starting: Option<(ChildKey, Incarnation)>,
    stopping: BTreeMap<ChildKey, Incarnation>,
    retries: Vec<ChildKey>,
    timers: Vec<(ChildKey, Incarnation)>,
    asked: BTreeSet<Ticket>,
    answered: BTreeSet<Ticket>,
    exit: Option<ExitReason>,
    /// OTP's list of restarts, newest first.
    window: Vec<u64>,
    stop_order: Vec<ChildKey>,
}

impl World {
    fn new(flags: SupervisorFlags, specs: Vec<ChildEntry>) -> Self {
        let mut world = Self {
            policy: Policy::new(flags, specs).expect("valid"),
            now: Tick::ZERO,
            alive: BTreeMap::new(),
            starting: None,
            stopping: BTreeMap::new(),
            retries: Vec::new(),
            timers: Vec::new(),
            asked: BTreeSet::new(),
            answered: BTreeSet::new(),
            exit: None,
            window: Vec::new(),
            stop_order: Vec::new(),
        };
        world.feed(Event::Boot);
        world
    }

    fn feed(&mut self, event: Event) {
        self.policy.handle(self.now, event);
        while let Some(effect) = self.policy.poll_effect() {
            self.take(effect);
        }
        self.check();
    }

    fn take(&mut self, effect: Effect) {
        if self.exit.is_some() {
            assert!(matches!(effect, Effect::Reply { .. }), "after the exit: {effect:?}");
        }
        match effect {
            Effect::Start { key, incarnation, .. } => {
                assert!(self.starting.is_none() && self.stopping.is_empty());
                assert!(!self.alive.contains_key(&key), "it runs already");
                self.starting = Some((key, incarnation));
            }
            Effect::Stop { key, incarnation, .. } => {
                let together = self.policy.flags().stop_order == StopOrder::Together
                    && self.policy.phase() == Phase::Stopping;
                assert!(self.starting.is_none() && (together || self.stopping.is_empty()));
                self.stopping.insert(key, incarnation);
                self.stop_order.push(key);
            }
            Effect::StopMany { count, .. } => {
                self.stopping = self.policy.stopping().collect();
                assert_eq!(self.stopping.len(), count);
            }
            Effect::RetryLater { key } => self.retries.push(key),
            Effect::ArmBackoff { key, incarnation, .. } => self.timers.push((key, incarnation)),
            Effect::Decision(decision) => self.follow(decision.verdict),
            Effect::Reply { ticket, .. } => {
                assert!(self.asked.contains(&ticket));
                assert!(self.answered.insert(ticket), "{ticket:?} was answered twice");
            }
            Effect::Exit { reason } => self.exit = Some(reason),
            Effect::Report(_) | Effect::Booted | Effect::BootFailed { .. } => {}
            Effect::Dropped { key } => assert!(self.policy.child(key).is_none()),
        }
    }

    /// D1 as OTP writes it.
    fn follow(&mut self, verdict: Verdict) {
        if !matches!(verdict, Verdict::Restart | Verdict::GiveUp) {
            return;
        }
        let intensity = self.policy.flags().intensity;
        let now = self.now.as_secs();
        let kept = |&at: &u64| at + intensity.period.as_secs() >= now;
        let older: Vec<u64> = self.window.iter().copied().take_while(kept).collect();
        self.window = std::iter::once(now).chain(older).collect();
        let pauses = self.policy.flags().when_exhausted != WhenExhausted::GiveUp;
        let granted = pauses || self.window.len() <= intensity.max_restarts as usize;
        assert_eq!(verdict == Verdict::Restart, granted, "D1");
    }

    fn check(&self) {
        let states = [
            ChildState::Stopped,
            ChildState::Starting,
            ChildState::Running,
            ChildState::Stopping,
            ChildState::Restarting,
        ];
        let sum: usize = states.iter().map(|&state| self.policy.in_state(state)).sum();
        assert_eq!(sum, self.policy.len());
        assert_eq!(self.policy.children().count(), sum);
        let backwards: Vec<ChildKey> = self.policy.children_reversed().map(|c| c.key).collect();
        let forwards: Vec<ChildKey> = self.policy.children().map(|child| child.key).collect();
        assert!(forwards.iter().rev().eq(&backwards));
        for key in self.alive.keys().filter(|key| !self.stopping.contains_key(key)) {
            let state = self.policy.child(*key).map(|child| child.state);
            assert_eq!(state, Some(ChildState::Running), "who lives is known to run");
        }
        if self.exit.is_some() {
            assert!(self.alive.is_empty(), "after the exit no child runs");
        }
        if self.policy.phase() == Phase::Idle && !self.policy.is_suspended() {
            assert_eq!(self.asked, self.answered, "an idle supervisor owes no answer");
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Answer(choice) => self.answer(*choice),
            Step::Exit(at, why) => {
                if let Some((key, incarnation)) = self.pick(*at) {
                    self.alive.remove(&key);
                    // Whoever is being stopped answers with its own reason.
                    self.stopping.remove(&key);
                    self.feed(Event::Exited { key, incarnation, exit: ended(end(*why)) });
                }
            }
            Step::Evacuate(at) => {
                if let Some((key, incarnation)) = self.pick(*at) {
                    self.alive.remove(&key);
                    self.stopping.remove(&key);
                    self.feed(Event::Evacuated {
                        key,
                        incarnation,
                        exit: ended(ExitReason::ArbiterLost),
                    });
                }
            }
            Step::Retry => {
                if !self.retries.is_empty() {
                    let key = self.retries.remove(0);
                    self.feed(Event::TryAgain { key });
                }
            }
            Step::Ring => {
                if !self.timers.is_empty() {
                    let (key, incarnation) = self.timers.remove(0);
                    self.feed(Event::BackoffElapsed { key, incarnation });
                }
            }
            Step::Call(what, at) => self.call(*what, *at),
            Step::Advance(ms) => self.now = self.now + Duration::from_millis(u64::from(*ms)),
            Step::Suspend => self.feed(Event::Suspend),
            Step::Resume => self.feed(Event::Resume),
            Step::Shutdown => self.feed(Event::Shutdown { reason: ExitReason::Shutdown }),
        }
    }

    fn pick(&self, at: usize) -> Option<(ChildKey, Incarnation)> {
        let at = at.checked_rem(self.alive.len())?;
        self.alive.iter().nth(at).map(|(key, incarnation)| (*key, *incarnation))
    }

    fn answer(&mut self, choice: u8) {
        if let Some((key, incarnation)) = self.starting.take() {
            return match choice {
                0..=4 => {
                    self.alive.insert(key, incarnation);
                    self.feed(Event::Started { key, incarnation, info: choice == 0 });
                }
                5 | 6 => self.feed(Event::StartFailed { key, incarnation, reason: boom() }),
                _ => self.feed(Event::Ignored { key, incarnation }),
            };
        }
        if let Some((key, incarnation)) = self.stopping.pop_last() {
            self.alive.remove(&key);
            let reason = if choice < 5 { ExitReason::Shutdown } else { end(choice) };
            self.feed(Event::Exited { key, incarnation, exit: ended(reason) });
        }
    }

    fn call(&mut self, what: u8, at: usize) {
        let ticket = Ticket(self.asked.len() as u64);
        self.asked.insert(ticket);
        let name = id(NAMES[at % NAMES.len()]);
        let key = self.pick(at).map_or(ChildKey::from_raw(u64::MAX), |(key, _)| key);
        let command = match what {
            0 | 1 if self.policy.template().is_some() => Command::StartDynamic,
            0 | 1 => Command::StartChild(ChildEntry { id: name, policy: ChildPolicy::worker() }),
            2 => Command::TerminateChild(Target::Id(name)),
            3 => Command::TerminateChild(Target::Key(key)),
            4 => Command::RestartChild(name),
            5 => Command::DeleteChild(name),
            6 => Command::WhichChildren,
            _ => Command::CountChildren,
        };
        self.feed(Event::Command { ticket, command });
    }
}

fn end(why: u8) -> ExitReason {
    match why % 4 {
        0 => ExitReason::Normal,
        1 => ExitReason::Shutdown,
        2 => ExitReason::Killed,
        _ => boom(),
    }
}

/// What really happens when a child ends in a world that obliges.
fn outcome(policy: &Policy, now: Tick, key: ChildKey, reason: &ExitReason) -> Preview {
    let incarnation = policy.child(key).expect("there").incarnation;
    let mut seen = policy.preview_exit(now, key, reason);
    seen.stopped.clear();
    seen.restarted.clear();
    seen.dropped.clear();
    seen.supervisor_exits = None;
    seen.delay = None;
    let mut policy = policy.clone();
    let mut mail = vec![Event::Exited { key, incarnation, exit: ended(reason.clone()) }];
    while let Some(event) = mail.pop() {
        policy.handle(now, event);
        while let Some(effect) = policy.poll_effect() {
            match effect {
                Effect::Start { key, incarnation, .. } => {
                    seen.restarted.push(key);
                    mail.push(Event::Started { key, incarnation, info: false });
                }
                Effect::Stop { key, incarnation, .. } => {
                    seen.stopped.push(key);
                    mail.push(Event::Exited {
                        key,
                        incarnation,
                        exit: ended(ExitReason::Shutdown),
                    });
                }
                Effect::StopMany { .. } => {
                    for (key, incarnation) in policy.stopping() {
                        seen.stopped.push(key);
                        let reason = ExitReason::Shutdown;
                        mail.push(Event::Exited { key, incarnation, exit: ended(reason) });
                    }
                }
                Effect::ArmBackoff { key, incarnation, delay, .. } => {
                    seen.delay = Some(delay);
                    mail.push(Event::BackoffElapsed { key, incarnation });
                }
                Effect::Dropped { key } => seen.dropped.push(key),
                Effect::Exit { reason } => seen.supervisor_exits = Some(reason),
                Effect::Decision(decision) => seen.verdict = Some(decision.verdict),
                _ => {}
            }
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// The assertions are in `World::take` and `World::check`.
    /// S9.1-01
    #[test]
    fn invariants_hold_and_every_ticket_is_answered_once((flags, specs) in supervisor(), steps in steps()) {
        let mut world = World::new(flags, specs);
        for step in &steps {
            world.step(step);
        }
        world.feed(Event::Shutdown { reason: ExitReason::Normal });
        world.feed(Event::Resume);
        for _ in 0..200 {
            world.answer(0);
        }
        prop_assert!(world.exit.is_some(), "it always ends: {:?}", world.policy);
        prop_assert_eq!(&world.asked, &world.answered);
        world.call(7, 0);
        prop_assert_eq!(&world.asked, &world.answered);
    }

    #[test]
    fn a_preview_is_what_then_happens((flags, specs) in supervisor(), steps in steps(), why in 0..4_u8) {
        let mut world = World::new(flags, specs);
        let steps = steps.iter().filter(|step| !matches!(step, Step::Shutdown | Step::Suspend));
        for step in steps {
            world.step(step);
            if world.policy.phase() != Phase::Idle {
                continue;
            }
            for (key, _) in world.alive.clone() {
                let reason = end(why);
                let mut preview = world.policy.preview_exit(world.now, key, &reason);
                prop_assert!(preview.settled);
                let mut seen = outcome(&world.policy, world.now, key, &reason);
                if preview.supervisor_exits.is_some() {
                    // All specs go with the supervisor.
                    seen.dropped.clear();
                    preview.dropped.clear();
                }
                prop_assert_eq!(preview, seen);
            }
        }
    }

    #[test]
    fn children_stop_in_reverse_start_order((flags, specs) in supervisor()) {
        let mut flags = flags;
        if flags.strategy == Strategy::SimpleOneForOne {
            (flags.strategy, flags.max_children) = (Strategy::OneForOne, None);
        }
        let mut world = World::new(flags, specs);
        while world.starting.is_some() {
            world.answer(1);
        }
        let order: Vec<ChildKey> = world.policy.children_reversed().map(|c| c.key).collect();
        world.feed(Event::Shutdown { reason: ExitReason::Shutdown });
        for _ in 0..10 {
            world.answer(0);
        }
        prop_assert_eq!(world.stop_order, order);
    }
}

#[test]
fn commands_after_the_end_are_refused() {
    let mut rig = Rig::three(Strategy::OneForOne, 1);
    rig.feed(Event::Shutdown { reason: ExitReason::Shutdown });
    assert_eq!(rig.ask(Command::WhichChildren), Err::<Reply, _>(CommandError::Stopping));
}
