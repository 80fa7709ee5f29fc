//! The test oracle: follows what the policy does, and knows OTP's rules independently of it.

use std::hash::{Hash, Hasher};

use ms_core::{AutoShutdown, ExitReason, Restart, Strategy, Tick};
use ms_policy::{ChildKey, Decision, Policy, StartCause, Verdict};

use crate::laws::Law;
use crate::setup::PERIOD;

/// What is in progress, as far as an order is prescribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Course {
    /// Nothing with a prescribed order.
    Single,
    /// The boot.
    Boot,
    /// The restart of a group, and the child whose end led to it.
    Group(ChildKey),
    /// The end of the supervisor.
    End,
}

/// Whether a restart concerns one child only, whatever the strategy.
type Alone = bool;

/// The last step of a course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Last {
    None,
    Start(ChildKey),
    Stop(ChildKey),
}

/// What was decided, what is in progress, and the first law that was broken.
#[derive(Debug, Clone)]
pub(crate) struct Oracle {
    /// Children in the order in which they were added, including those that were dropped.
    order: Vec<ChildKey>,
    course: Course,
    last: Last,
    significant: Vec<ChildKey>,
    /// Children whose restart was granted and has not happened yet. Those that lost their arbiter are
    /// started alone, whatever the strategy.
    granted: Vec<(ChildKey, Alone)>,
    /// Children that a command terminated and no command has started since.
    terminated: Vec<ChildKey>,
    /// The times of counted restarts in seconds, newest first, as in OTP's list.
    window: Vec<u64>,
    /// The reason with which the supervisor must end, once it is known.
    ending: Option<&'static str>,
    pub(crate) broken: Option<Law>,
}

impl Oracle {
    pub(crate) fn new() -> Self {
        Self {
            order: Vec::new(),
            significant: Vec::new(),
            course: Course::Boot,
            last: Last::None,
            granted: Vec::new(),
            terminated: Vec::new(),
            window: Vec::new(),
            ending: None,
            broken: None,
        }
    }

    /// Hashes everything that matters for what is demanded from `now` on.
    pub(crate) fn fingerprint(&self, now: Tick, to: &mut impl Hasher) {
        let Self { order, course, last, significant, granted, terminated, window, ending, broken } =
            self;
        (order, course, last, significant, granted, terminated, ending, broken).hash(to);
        let now = now.as_secs();
        // Restarts that are out of the window matter no more, and would tell equal states apart.
        let counts = |at: &&u64| **at + PERIOD.as_secs() >= now;
        window.iter().filter(counts).for_each(|at| (now - at).hash(to));
    }

    /// Notes the first law that does not hold.
    pub(crate) fn demand(&mut self, holds: bool, law: Law) {
        if !holds {
            // Only the first: what breaks after it is mostly a consequence.
            self.broken.get_or_insert(law);
        }
    }

    /// Adds children that are new.
    pub(crate) fn enter(&mut self, policy: &Policy) {
        for child in policy.children() {
            if !self.order.contains(&child.key) {
                self.order.push(child.key);
                if child.policy.significant {
                    self.significant.push(child.key);
                }
            }
        }
    }

    fn place(&self, key: ChildKey) -> Option<usize> {
        self.order.iter().position(|&known| known == key)
    }

    /// Checks that a child may be started now, while those in `alive` live.
    pub(crate) fn start(
        &mut self,
        policy: &Policy,
        key: ChildKey,
        cause: StartCause,
        alive: &[ChildKey],
    ) {
        match cause {
            StartCause::Boot => {
                self.demand(self.course == Course::Boot, Law::StartOrder);
                self.in_order(policy, key, None);
            }
            StartCause::Added(_) | StartCause::Asked(_) => {
                self.terminated.retain(|&known| known != key);
                self.course = Course::Single;
            }
            StartCause::Restart => self.restart(policy, key, alive),
        }
        self.last = Last::Start(key);
    }

    fn restart(&mut self, policy: &Policy, key: ChildKey, alive: &[ChildKey]) {
        let strategy = policy.flags().strategy;
        if strategy == Strategy::OneForOne || self.granted.contains(&(key, true)) {
            self.demand(!self.terminated.contains(&key), Law::NoLateStart);
            self.demand(self.granted.iter().any(|(known, _)| *known == key), Law::Intensity);
            self.granted.retain(|(known, _)| *known != key);
            return;
        }
        if !matches!((self.course, self.last), (Course::Group(_), Last::Start(_))) {
            // The first of a group: right after the decision, or when a delay is over.
            let trigger = match strategy {
                Strategy::RestForOne => Some(key),
                _ => self.granted.last().map(|(trigger, _)| *trigger),
            };
            let trigger = trigger.filter(|key| self.granted.contains(&(*key, false)));
            self.demand(trigger.is_some(), Law::Intensity);
            let Some(trigger) = trigger else { return };
            self.course = Course::Group(trigger);
            self.last = Last::None;
            let floor = self.floor(policy, trigger);
            let places = &self.order;
            let of_group = |at: ChildKey| places.iter().position(|known| *known == at) >= floor;
            // All living members of the group must have been stopped.
            let left = alive.iter().any(|at| of_group(*at));
            self.granted.retain(|(known, _)| !of_group(*known));
            self.demand(!left, Law::Group);
        }
        if let Course::Group(trigger) = self.course {
            let floor = self.floor(policy, trigger);
            self.in_order(policy, key, floor);
        }
    }

    /// Returns the place of the first child of the group.
    fn floor(&self, policy: &Policy, trigger: ChildKey) -> Option<usize> {
        match policy.flags().strategy {
            Strategy::RestForOne => self.place(trigger),
            _ => Some(0),
        }
    }

    /// Demands that `key` is the next child after the last one, or the first of all, without a gap.
    fn in_order(&mut self, policy: &Policy, key: ChildKey, floor: Option<usize>) {
        let after = match self.last {
            Last::Start(last) => self.place(last).map(|place| place + 1),
            _ => floor,
        };
        let expected = self.first_from(policy, after.unwrap_or(0));
        self.demand(expected == Some(key), Law::StartOrder);
    }

    fn first_from(&self, policy: &Policy, place: usize) -> Option<ChildKey> {
        let rest = self.order.get(place..).unwrap_or_default();
        rest.iter().copied().find(|&key| policy.child(key).is_some())
    }

    /// Notes a successful start. In a boot or a group, the next start must follow at once.
    pub(crate) fn started(&mut self, policy: &Policy, key: ChildKey, next: Option<ChildKey>) {
        let follows = matches!(self.course, Course::Boot | Course::Group(_));
        if !follows || self.last != Last::Start(key) {
            return;
        }
        let place = self.place(key).map_or(0, |place| place + 1);
        let left = self.first_from(policy, place);
        self.demand(left.is_none() || left == next, Law::Group);
        if left.is_none() {
            self.course = Course::Single;
        }
    }

    /// Notes a start that failed or was postponed. The rest of the boot or group does not follow.
    pub(crate) fn interrupted(&mut self) {
        if self.course != Course::End {
            self.course = Course::Single;
            self.last = Last::None;
        }
    }

    /// Says whether the supervisor is booting.
    pub(crate) fn boots(&self) -> bool {
        self.course == Course::Boot
    }

    /// Checks that a child may be stopped now. `ordered` says whether a command or the parent asked.
    pub(crate) fn stop(&mut self, policy: &Policy, key: ChildKey, ordered: bool) {
        if let Last::Stop(last) = self.last {
            self.demand(self.place(key) < self.place(last), Law::StopOrder);
        }
        self.last = Last::Stop(key);
        // Under one_for_one no child is stopped because another one has ended.
        let alone = policy.flags().strategy == Strategy::OneForOne;
        self.demand(!alone || ordered || self.ending.is_some(), Law::Group);
        if let Course::Group(trigger) = self.course {
            let rest = policy.flags().strategy == Strategy::RestForOne;
            self.demand(!rest || self.place(key) > self.place(trigger), Law::Group);
        }
    }

    /// Notes that the supervisor begins to end, if it has not begun.
    pub(crate) fn ends(&mut self, reason: &'static str) {
        if self.ending.is_none() {
            self.ending = Some(reason);
            self.course = Course::End;
            self.last = Last::None;
        }
    }

    /// Checks the reason of the supervisor's end. `parent` is the reason that its parent gave, if any.
    pub(crate) fn exit(&mut self, reason: &ExitReason, parent: Option<&'static str>) {
        let expected = self.ending.or(parent);
        self.demand(expected == Some(reason.label()), Law::Reason);
    }

    /// Notes that a command was answered.
    pub(crate) fn answered(&mut self) {
        self.interrupted();
    }

    /// Notes that a command terminated this child. A restart that was granted to it must not happen.
    pub(crate) fn terminated(&mut self, key: ChildKey) {
        self.granted.retain(|(known, _)| *known != key);
        self.terminated.push(key);
    }

    /// Checks a decision against OTP's rules.
    pub(crate) fn decided(
        &mut self,
        policy: &Policy,
        now: Tick,
        decision: &Decision,
        alive: &[ChildKey],
    ) {
        self.follow_type(policy, decision, alive);
        self.follow_window(policy, now, decision.verdict);
        self.last = Last::None;
        match decision.verdict {
            Verdict::Restart => {
                self.granted.retain(|(known, _)| *known != decision.key);
                self.granted.push((decision.key, false));
                self.course = match decision.strategy {
                    Strategy::OneForAll | Strategy::RestForOne => Course::Group(decision.key),
                    _ => Course::Single,
                };
            }
            Verdict::Evacuate => {
                self.granted.push((decision.key, true));
                self.course = Course::Single;
            }
            Verdict::GiveUp | Verdict::AutoShutdown => self.ends("shutdown"),
            Verdict::LetGo => self.course = Course::Single,
        }
    }

    /// Checks a decision against OTP's table of restart types and reasons.
    fn follow_type(&mut self, policy: &Policy, decision: &Decision, alive: &[ChildKey]) {
        let Some(reason) = &decision.reason else { return };
        let clean = matches!(
            reason,
            ExitReason::Normal | ExitReason::Shutdown | ExitReason::ShutdownWith(_)
        );
        let wants = match decision.restart {
            Restart::Permanent => true,
            Restart::Transient => !clean,
            Restart::Temporary => false,
        };
        let restarted =
            matches!(decision.verdict, Verdict::Restart | Verdict::GiveUp | Verdict::Evacuate);
        self.demand(wants == restarted, Law::RestartType);
        if !wants {
            let ends = decision.verdict == Verdict::AutoShutdown;
            let mine = self.significant.contains(&decision.key);
            let others = self.significant.iter().any(|key| alive.contains(key));
            match policy.flags().auto_shutdown {
                AutoShutdown::Never => self.demand(!ends, Law::RestartType),
                AutoShutdown::AnySignificant => self.demand(ends == mine, Law::RestartType),
                // Whether a child that has just ended still counts is checked by the golden traces.
                AutoShutdown::AllSignificant => {
                    self.demand(!ends || (mine && !others), Law::RestartType);
                }
            }
        }
    }

    /// Checks the restart window, written as OTP's `add_restart` is.
    fn follow_window(&mut self, policy: &Policy, now: Tick, verdict: Verdict) {
        if !matches!(verdict, Verdict::Restart | Verdict::GiveUp) {
            return;
        }
        let now = now.as_secs();
        self.window.retain(|at| at + PERIOD.as_secs() >= now);
        self.window.insert(0, now);
        let granted = self.window.len() <= policy.flags().intensity.max_restarts as usize;
        self.demand(granted == (verdict == Verdict::Restart), Law::Intensity);
    }
}
