//! The end of a process, as a state machine.
//!
//! A process runs until its node reports, until an emergency ends it, or until a stopped node has
//! not reported in time. The first signal stops the node in order, the second one at once; further
//! signals change nothing. A bare node and a service differ only in their [`ProcessRules`].

use std::time::Duration;

use ms_core::time::{Tick, part};

/// What SIGHUP means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// The same as SIGTERM: there is nothing to reload.
    Stops,
    /// The node reloads and goes on.
    Reloads,
}

/// The rules in which processes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessRules {
    /// What SIGHUP means.
    pub(crate) hangup: Hangup,
    /// How long to wait for the node's report after the first signal.
    pub(crate) stop_within: Duration,
    /// How long to wait after the second signal, whatever is left of the first time.
    pub(crate) hurry_within: Duration,
    /// How long the procedures of an emergency may take. `None` for a process without any: a root
    /// that gives up, a panic or a second signal then ends it without procedures.
    pub(crate) emergency_within: Option<Duration>,
}

/// A signal that asks for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessSignal {
    /// SIGINT, SIGTERM or SIGQUIT, by name.
    Stop(&'static str),
    /// SIGHUP.
    Hangup,
}

/// What the node's thread reported, as far as the decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeReport {
    /// It has ended or failed, and nothing is left to do.
    Finished,
    /// Its root supervisor gave up; the text says why.
    GaveUp(String),
    /// It ended without a report: it panicked.
    Panicked,
}

/// What happened. `R` is the reason of an emergency that some part of the process raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProcessEvent<R> {
    /// The process got a signal.
    Signal(ProcessSignal),
    /// The node's thread has ended.
    Reported(NodeReport),
    /// Somebody in the process says that it cannot go on.
    Raised(R),
    /// The root supervisor hangs; the text says how that was noticed.
    RootHung(String),
    /// Time has passed; see [`ProcessMachine::next_deadline`].
    Elapsed,
}

/// What the node's thread is ordered to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Stop in order; because of this signal.
    Stop(&'static str),
    /// Kill what has not stopped; because of this signal.
    Hurry(&'static str),
    /// Take over what may have changed outside.
    Reload,
}

/// Why there is an emergency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EmergencyCause<R> {
    /// Somebody in the process says that it cannot go on.
    Raised(R),
    /// The root supervisor hangs; the text says how that was noticed.
    RootHung(String),
    /// The root supervisor gave up; the text says why.
    RootGaveUp(String),
    /// The node's own thread panicked outside any actor.
    NodePanicked,
    /// A second signal came, of this name.
    StoppedTwice(&'static str),
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessEnd {
    /// With the node's report.
    Reported,
    /// Without a report: the node's thread panicked.
    Panicked,
    /// After an emergency, without waiting for the node.
    LeftBehind,
    /// Out of time: the node's thread is blocked.
    Blocked,
}

/// What the driver has to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProcessEffect<R> {
    /// Pass this on to the node's thread.
    Order(Order),
    /// Carry out the emergency procedures, within this time.
    Emergency(EmergencyCause<R>, Duration),
    /// End; nothing follows.
    End(ProcessEnd),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Stopping { give_up: Tick },
    Hurried { give_up: Tick },
    Over,
}

/// The process that runs a node, from its first moment to its end.
#[derive(Debug, Clone)]
pub(crate) struct ProcessMachine {
    rules: ProcessRules,
    stage: Stage,
}

impl ProcessMachine {
    /// Returns the machine of a process whose node has just been started.
    pub(crate) fn new(rules: ProcessRules) -> Self {
        Self { rules, stage: Stage::Running }
    }

    /// Takes an event and returns what is to be done, in order.
    pub(crate) fn handle<R>(&mut self, now: Tick, event: ProcessEvent<R>) -> Vec<ProcessEffect<R>> {
        let effects = match event {
            _ if self.stage == Stage::Over => Vec::new(),
            ProcessEvent::Signal(signal) => self.signal(now, signal),
            ProcessEvent::Reported(report) => self.reported(report),
            ProcessEvent::Raised(reason) => self.raised(reason),
            ProcessEvent::RootHung(why) if self.watches_root() => {
                self.at_once(EmergencyCause::RootHung(why))
            }
            ProcessEvent::Elapsed if self.next_deadline().is_some_and(|due| due <= now) => {
                vec![ProcessEffect::End(ProcessEnd::Blocked)]
            }
            ProcessEvent::RootHung(_) | ProcessEvent::Elapsed => Vec::new(),
        };
        if matches!(effects.last(), Some(ProcessEffect::End(_))) {
            self.stage = Stage::Over;
        }
        effects
    }

    /// Returns when [`ProcessEvent::Elapsed`] is due; `None` before the first signal, since a node
    /// that nobody stops may run forever.
    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        match self.stage {
            Stage::Stopping { give_up } | Stage::Hurried { give_up } => Some(give_up),
            Stage::Running | Stage::Over => None,
        }
    }

    /// Returns whether a root supervisor that hangs is an emergency.
    // Not while it stops: the root may wait long for the stop of one child, and the deadline of the
    // stop ends that anyway.
    pub(crate) fn watches_root(&self) -> bool {
        self.stage == Stage::Running
    }

    fn signal<R>(&mut self, now: Tick, signal: ProcessSignal) -> Vec<ProcessEffect<R>> {
        let name = match (signal, self.rules.hangup) {
            (ProcessSignal::Hangup, Hangup::Reloads) => {
                return vec![ProcessEffect::Order(Order::Reload)];
            }
            (ProcessSignal::Hangup, Hangup::Stops) => "SIGHUP",
            (ProcessSignal::Stop(name), _) => name,
        };
        match self.stage {
            Stage::Running => {
                self.stage = Stage::Stopping { give_up: now + self.rules.stop_within };
                vec![ProcessEffect::Order(Order::Stop(name))]
            }
            Stage::Stopping { .. } => self.hurry(now, name),
            // Ignored: a third signal that began the time anew would put the end off, and a
            // process that is signalled every second would never end.
            Stage::Hurried { .. } | Stage::Over => Vec::new(),
        }
    }

    fn hurry<R>(&mut self, now: Tick, name: &'static str) -> Vec<ProcessEffect<R>> {
        let within = self.rules.hurry_within;
        // Counted from the signal, so that the emergency uses up part of this time and does not
        // add to it.
        self.stage = Stage::Hurried { give_up: now + within };
        // The emergency comes before the order: its report is to show what did not stop, and the
        // order kills that. It gets half of the time at most; the node needs the rest to kill.
        let emergency = self.rules.emergency_within.map(|limit| {
            let cause = EmergencyCause::StoppedTwice(name);
            ProcessEffect::Emergency(cause, limit.min(part(within, 2)))
        });
        emergency.into_iter().chain([ProcessEffect::Order(Order::Hurry(name))]).collect()
    }

    fn reported<R>(&self, report: NodeReport) -> Vec<ProcessEffect<R>> {
        let hurried = matches!(self.stage, Stage::Hurried { .. });
        match (report, self.rules.emergency_within) {
            (NodeReport::Panicked, None) => vec![ProcessEffect::End(ProcessEnd::Panicked)],
            (NodeReport::Panicked, Some(_)) => self.at_once(EmergencyCause::NodePanicked),
            // After a second signal there was an emergency, and its exit code stands.
            (NodeReport::GaveUp(why), Some(limit)) if !hurried => vec![
                ProcessEffect::Emergency(EmergencyCause::RootGaveUp(why), limit),
                ProcessEffect::End(ProcessEnd::Reported),
            ],
            (NodeReport::GaveUp(_) | NodeReport::Finished, _) => {
                vec![ProcessEffect::End(ProcessEnd::Reported)]
            }
        }
    }

    fn raised<R>(&self, reason: R) -> Vec<ProcessEffect<R>> {
        match self.stage {
            Stage::Running | Stage::Stopping { .. } => self.at_once(EmergencyCause::Raised(reason)),
            // The second signal was one already, and the process is about to end.
            Stage::Hurried { .. } | Stage::Over => Vec::new(),
        }
    }

    /// Returns the effects of an emergency that ends the process.
    // The node itself may be what is wrong, so its report is not waited for.
    fn at_once<R>(&self, cause: EmergencyCause<R>) -> Vec<ProcessEffect<R>> {
        let Some(limit) = self.rules.emergency_within else { return Vec::new() };
        vec![ProcessEffect::Emergency(cause, limit), ProcessEffect::End(ProcessEnd::LeftBehind)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Event = ProcessEvent<&'static str>;
    type Effect = ProcessEffect<&'static str>;
    use ProcessEffect::{Emergency, End};
    use ProcessEvent::{Elapsed, Raised, Reported, RootHung};

    const SECOND: Duration = Duration::from_secs(1);
    const NODE: ProcessRules = ProcessRules {
        hangup: Hangup::Stops,
        stop_within: Duration::from_secs(33),
        hurry_within: Duration::from_secs(3),
        emergency_within: None,
    };
    const SERVICE: ProcessRules = ProcessRules {
        hangup: Hangup::Reloads,
        stop_within: Duration::from_secs(30),
        hurry_within: Duration::from_millis(1_500),
        emergency_within: Some(Duration::from_secs(10)),
    };
    const TERM: Event = ProcessEvent::Signal(ProcessSignal::Stop("SIGTERM"));
    const INT: Event = ProcessEvent::Signal(ProcessSignal::Stop("SIGINT"));
    const HUP: Event = ProcessEvent::Signal(ProcessSignal::Hangup);

    /// A process at a given second.
    struct Process(ProcessMachine, Tick);

    impl Process {
        fn new(rules: ProcessRules) -> Self {
            Self(ProcessMachine::new(rules), Tick::ZERO)
        }

        /// One that has seen these signals, a second apart.
        fn after(rules: ProcessRules, signals: &[Event]) -> Self {
            let mut process = Self::new(rules);
            for signal in signals {
                process.see(signal.clone());
                process.1 = process.1 + SECOND;
            }
            process
        }

        fn see(&mut self, event: Event) -> Vec<Effect> {
            self.0.handle(self.1, event)
        }
    }

    fn order(order: Order) -> Vec<Effect> {
        vec![ProcessEffect::Order(order)]
    }

    fn at_once(cause: EmergencyCause<&'static str>) -> Vec<Effect> {
        vec![Emergency(cause, 10 * SECOND), End(ProcessEnd::LeftBehind)]
    }

    #[test]
    fn the_first_signal_stops_the_second_hurries_a_third_changes_nothing() {
        let mut node = Process::new(NODE);
        assert_eq!(node.0.next_deadline(), None, "it may run for ever");
        assert_eq!(node.see(TERM), order(Order::Stop("SIGTERM")));
        assert_eq!(node.0.next_deadline(), Some(Tick::ZERO + 33 * SECOND));
        node.1 = Tick::from_millis(20_000);
        assert_eq!(node.see(INT), order(Order::Hurry("SIGINT")));
        assert_eq!(node.0.next_deadline(), Some(Tick::from_millis(23_000)));
        node.1 = Tick::from_millis(22_000);
        assert_eq!(node.see(TERM), []);
        assert_eq!(node.0.next_deadline(), Some(Tick::from_millis(23_000)), "not put off");
    }

    #[test]
    fn a_second_signal_of_a_service_is_an_emergency_before_it_is_an_order() {
        let mut service = Process::after(SERVICE, &[TERM]);
        let cause = EmergencyCause::StoppedTwice("SIGINT");
        let half = Duration::from_millis(750);
        let hurry = ProcessEffect::Order(Order::Hurry("SIGINT"));
        assert_eq!(service.see(INT), [Emergency(cause.clone(), half), hurry.clone()]);
        assert_eq!(service.0.next_deadline(), Some(Tick::from_millis(2_500)));
        let quick = ProcessRules { emergency_within: Some(SECOND / 10), ..SERVICE };
        let mut service = Process::after(quick, &[TERM]);
        assert_eq!(service.see(INT), [Emergency(cause, SECOND / 10), hurry]);
    }

    #[test]
    fn sighup_stops_a_bare_node_and_has_a_service_reload() {
        let mut node = Process::new(NODE);
        assert_eq!(node.see(HUP), order(Order::Stop("SIGHUP")));
        assert_eq!(node.see(HUP), order(Order::Hurry("SIGHUP")));
        let mut service = Process::new(SERVICE);
        assert_eq!(service.see(HUP), order(Order::Reload));
        assert_eq!(service.0.next_deadline(), None);
        assert_eq!(service.see(TERM), order(Order::Stop("SIGTERM")), "the first that stops");
        assert_eq!(service.see(HUP), order(Order::Reload), "what it means now is the node's");
        assert_eq!(service.0.next_deadline(), Some(Tick::ZERO + 30 * SECOND));
    }

    #[test]
    fn a_report_ends_the_process_and_nothing_follows() {
        for rules in [NODE, SERVICE] {
            for signals in [&[][..], &[TERM], &[TERM, TERM]] {
                let mut process = Process::after(rules, signals);
                let report = Reported(NodeReport::Finished);
                assert_eq!(process.see(report.clone()), [End(ProcessEnd::Reported)]);
                for late in [TERM, HUP, report, Raised("x"), RootHung("y".into()), Elapsed] {
                    assert_eq!(process.see(late), []);
                }
                assert_eq!(process.0.next_deadline(), None);
            }
        }
    }

    #[test]
    fn a_root_that_gives_up_is_an_emergency_of_a_service_unless_it_had_one() {
        let gave_up = || Reported(NodeReport::GaveUp("why".into()));
        assert_eq!(Process::new(NODE).see(gave_up()), [End(ProcessEnd::Reported)]);
        let emergency = Emergency(EmergencyCause::RootGaveUp("why".into()), 10 * SECOND);
        for signals in [&[][..], &[TERM]] {
            let effects = Process::after(SERVICE, signals).see(gave_up());
            assert_eq!(effects, [emergency.clone(), End(ProcessEnd::Reported)]);
        }
        let effects = Process::after(SERVICE, &[TERM, TERM]).see(gave_up());
        assert_eq!(effects, [End(ProcessEnd::Reported)]);
    }

    #[test]
    fn a_panic_of_the_nodes_thread_is_an_error_of_a_node_and_an_emergency_of_a_service() {
        let panicked = || Reported(NodeReport::Panicked);
        for signals in [&[][..], &[TERM], &[TERM, TERM]] {
            let effects = Process::after(NODE, signals).see(panicked());
            assert_eq!(effects, [End(ProcessEnd::Panicked)]);
            let effects = Process::after(SERVICE, signals).see(panicked());
            assert_eq!(effects, at_once(EmergencyCause::NodePanicked));
        }
    }

    #[test]
    fn an_emergency_ends_a_service_at_once_but_for_one_that_is_hurried() {
        for signals in [&[][..], &[TERM]] {
            let effects = Process::after(SERVICE, signals).see(Raised("harm"));
            assert_eq!(effects, at_once(EmergencyCause::Raised("harm")));
        }
        let mut hurried = Process::after(SERVICE, &[TERM, TERM]);
        assert_eq!(hurried.see(Raised("harm")), []);
        assert_eq!(hurried.see(Reported(NodeReport::Finished)), [End(ProcessEnd::Reported)]);
    }

    #[test]
    fn a_root_that_hangs_is_an_emergency_while_nobody_stops_it() {
        let hung = || RootHung("it is silent".into());
        let mut service = Process::new(SERVICE);
        assert!(service.0.watches_root());
        assert_eq!(service.see(hung()), at_once(EmergencyCause::RootHung("it is silent".into())));
        let mut stopping = Process::after(SERVICE, &[TERM]);
        assert!(!stopping.0.watches_root());
        assert_eq!(stopping.see(hung()), []);
    }

    #[test]
    fn a_node_that_does_not_report_in_time_is_given_up() {
        let mut node = Process::new(NODE);
        assert_eq!(node.see(Elapsed), [], "nobody stops it");
        node.see(TERM);
        node.1 = Tick::from_millis(32_999);
        assert_eq!(node.see(Elapsed), [], "woken too early");
        node.1 = Tick::from_millis(33_000);
        assert_eq!(node.see(Elapsed), [End(ProcessEnd::Blocked)]);
        let mut hurried = Process::after(NODE, &[TERM, TERM]);
        hurried.1 = Tick::from_millis(4_000);
        assert_eq!(hurried.see(Elapsed), [End(ProcessEnd::Blocked)]);
    }

    /// "No limit" is no fault.
    #[test]
    fn a_stop_without_a_limit_is_waited_for() {
        let endless = ProcessRules { stop_within: Duration::MAX, ..NODE };
        let mut node = Process::after(endless, &[TERM]);
        node.1 = Tick::from_millis(1_000_000_000_000);
        assert_eq!(node.see(Elapsed), []);
    }
}
