//! Processes, signals, mailboxes and timers of the simulation.
#![allow(clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ms_core::{ExitReason, Incarnation, Shutdown, Strategy, Tick};
use ms_policy::{ChildKey, Effect, Event, Policy, StartCause, Ticket};
use serde_json::{Value, json};

use super::scenario::{reason_text, text};
use super::trace::Golden;
use super::{scenario, trace};
use crate::rig::ended;

pub(super) type Pid = usize;

#[derive(Default)]
pub struct World {
    pub(super) now: Tick,
    pub(super) procs: Vec<Proc>,
    /// One queue for all mailboxes keeps the order between any two of them as well.
    pub(super) mail: VecDeque<(Pid, Event)>,
    pub(super) timers: BTreeMap<(Tick, usize), Pid>,
    pub(super) attempts: BTreeMap<String, usize>,
    pub(super) lives: BTreeMap<String, u32>,
    pub(super) trace: Golden,
    pub(super) armed: usize,
    pub(super) tickets: u64,
    pub(super) asked: BTreeMap<Ticket, Asked>,
    pub(super) answers: BTreeMap<Ticket, Value>,
    /// Calls made from within start attempts, in the order issued.
    pub(super) calls: Vec<(Ticket, String)>,
    pub(super) booted: Option<Value>,
}

pub(super) struct Proc {
    pub(super) path: String,
    pub(super) life: u32,
    pub(super) parent: Option<Pid>,
    pub(super) link: Option<(ChildKey, Incarnation)>,
    pub(super) alive: bool,
    pub(super) orphan: bool,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Worker { traps: bool, stop: String },
    Supervisor(Box<Sup>),
}

pub(super) struct Sup {
    pub(super) policy: Policy,
    pub(super) booting: bool,
    pub(super) info: bool,
    pub(super) starters: BTreeMap<ChildKey, Starter>,
    pub(super) arriving: BTreeMap<Ticket, Starter>,
    pub(super) pids: BTreeMap<(ChildKey, Incarnation), Pid>,
}

#[derive(Clone)]
pub(super) struct Starter {
    pub(super) path: String,
    pub(super) spec: Value,
}

/// What has to be known to print a reply as OTP does.
pub(super) struct Asked {
    pub(super) sup: Pid,
    /// `start_child` of a static supervisor puts the child record in its error.
    pub(super) record: Option<String>,
}

impl World {
    pub fn boot(&mut self, tree: &Value) -> Value {
        let starter = Starter { path: "root".into(), spec: json!({"supervisor": tree}) };
        if let Err(reason) = self.spawn_supervisor(&starter, None, None, false) {
            return json!(format!("{{error,{}}}", reason_text(&reason)));
        }
        self.settle();
        self.booted.take().expect("boot succeeds or fails")
    }

    pub fn line(&mut self, step: usize, op: &str, result: Value) -> Value {
        let calls = std::mem::take(&mut self.calls);
        let calls =
            calls.into_iter().map(|(ticket, op)| json!({"op": op, "result": self.answer(ticket)}));
        let calls = calls.collect::<Vec<_>>();
        trace::line(step, op, result, &mut self.trace, calls)
    }

    pub fn step(&mut self, step: &Value) -> Value {
        let result = self.perform_step(step);
        self.settle();
        match result {
            Ok(Done::Now(value)) => value,
            Ok(Done::Asked(ticket)) => self.answer(ticket),
            Err(NoProc) => json!("noproc"),
        }
    }

    fn perform_step(&mut self, step: &Value) -> Result<Done, NoProc> {
        let why = text(step, "reason", "shutdown");
        match text(step, "op", "?") {
            "crash" => self.crash(self.pid(text(step, "path", ""))?, why),
            "crash_burst" => self.burst(step, why)?,
            "exit_signal" => self.signal(self.pid(text(step, "path", ""))?, why),
            "stop_tree" | "parent_exit" => {
                let root = self.pid("root")?;
                if why == "kill" {
                    self.die(root, ExitReason::Killed);
                } else {
                    self.post(root, Event::Shutdown { reason: scenario::reason(why) });
                }
            }
            "sleep" => {
                let ms = step["ms"].as_u64().expect("a number");
                self.now = self.now + Duration::from_millis(ms);
            }
            _ => {
                let sup = self.pid(text(step, "sup", ""))?;
                return self.api(sup, step);
            }
        }
        Ok(Done::Now(json!("ok")))
    }

    fn crash(&mut self, pid: Pid, why: &str) {
        match (&self.procs[pid].kind, why) {
            (_, "kill") => self.die(pid, ExitReason::Killed),
            (Kind::Worker { .. }, _) => self.die(pid, scenario::reason(why)),
            (Kind::Supervisor(_), _) => {
                self.post(pid, Event::Shutdown { reason: scenario::reason(why) });
            }
        }
    }

    fn burst(&mut self, step: &Value, why: &str) -> Result<(), NoProc> {
        let sup = self.pid(text(step, "sup", ""))?;
        let paths = step["children"].as_array().expect("a list");
        let pids: Result<Vec<Pid>, NoProc> =
            paths.iter().map(|path| self.pid(path.as_str().expect("a path"))).collect();
        let pids = pids?;
        self.post(sup, Event::Suspend);
        for pid in pids {
            self.crash(pid, why);
        }
        self.post(sup, Event::Resume);
        Ok(())
    }

    /// A stranger's exit signal.
    fn signal(&mut self, pid: Pid, why: &str) {
        match (&self.procs[pid].kind, why) {
            (_, "kill") => self.die(pid, ExitReason::Killed),
            (Kind::Worker { traps: false, .. }, why) if why != "normal" => {
                self.die(pid, scenario::reason(why));
            }
            _ => {}
        }
    }

    pub(super) fn post(&mut self, pid: Pid, event: Event) {
        self.mail.push_back((pid, event));
    }

    /// Runs until nobody has anything left to do.
    fn settle(&mut self) {
        loop {
            while let Some((pid, event)) = self.mail.pop_front() {
                if self.procs[pid].alive {
                    let now = self.now;
                    self.sup(pid).policy.handle(now, event);
                    while let Some(effect) = self.sup(pid).policy.poll_effect() {
                        self.carry_out(pid, effect);
                    }
                }
            }
            let Some(((at, _), pid)) = self.timers.pop_first() else { return };
            if self.procs[pid].alive {
                self.now = self.now.max(at);
                self.die(pid, ExitReason::Killed);
            }
        }
    }

    fn carry_out(&mut self, pid: Pid, effect: Effect) {
        match effect {
            Effect::Start { key, incarnation, cause, .. } => {
                if let StartCause::Added(ticket) = cause {
                    let sup = self.sup(pid);
                    let starter = sup.arriving.remove(&ticket).expect("came with the ticket");
                    sup.starters.insert(key, starter);
                }
                let event = self.start(pid, key, incarnation);
                if let Some(event) = event {
                    self.post(pid, event);
                }
            }
            Effect::Stop { key, incarnation, shutdown } => {
                let child = self.sup(pid).pids[&(key, incarnation)];
                self.tell_to_stop(child, shutdown);
            }
            Effect::StopMany { shutdown, count } => {
                let all: Vec<_> = self.sup(pid).policy.stopping().collect();
                assert_eq!(all.len(), count);
                for life in all {
                    let child = self.sup(pid).pids[&life];
                    self.tell_to_stop(child, shutdown);
                }
            }
            Effect::RetryLater { key } => self.post(pid, Event::TryAgain { key }),
            Effect::ArmBackoff { .. } => panic!("scenarios have no backoff"),
            Effect::Report(report) => self.report(pid, &report),
            Effect::Decision(_) => {}
            Effect::Reply { ticket, result } => self.reply(ticket, result),
            Effect::Booted => self.booted(pid),
            Effect::BootFailed { .. } => {}
            Effect::Dropped { key } => drop(self.sup(pid).starters.remove(&key)),
            Effect::Exit { reason } => self.die(pid, reason),
        }
    }

    fn booted(&mut self, pid: Pid) {
        self.sup(pid).booting = false;
        let info = self.sup(pid).info;
        match (self.procs[pid].parent, self.procs[pid].link) {
            (Some(parent), Some((key, incarnation))) => {
                self.post(parent, Event::Started { key, incarnation, info });
            }
            _ => self.booted = Some(json!("{ok,root#1}")),
        }
    }

    /// One start attempt; a supervisor answers later.
    fn start(&mut self, pid: Pid, key: ChildKey, incarnation: Incarnation) -> Option<Event> {
        let starter = self.sup(pid).starters[&key].clone();
        let (outcome, calls) = self.attempt(&starter);
        for call in calls {
            let op = text(&call, "op", "?").to_owned();
            match self.api(pid, &call) {
                Ok(Done::Asked(ticket)) => self.calls.push((ticket, op)),
                _ => panic!("a call of a start attempt was not made"),
            }
        }
        let failed =
            |why: &str| Event::StartFailed { key, incarnation, reason: ExitReason::failed(why) };
        let path = &starter.path;
        let error = |why: &str| json!({"event": "start_error", "child": path, "reason": why});
        match outcome.as_str() {
            "error" => {
                self.trace.push(error("boom"));
                return Some(failed("boom"));
            }
            "throw" => {
                self.trace.push(error("throw oops"));
                return Some(failed("oops"));
            }
            "ignore" => {
                self.trace.push(json!({"event": "start_ignore", "child": path}));
                return Some(Event::Ignored { key, incarnation });
            }
            _ => {}
        }
        let info = outcome == "ok_info";
        let link = Some((key, incarnation));
        if text(&starter.spec, "type", "worker") == "worker" {
            let stop = text(&starter.spec, "stop", "shutdown").to_owned();
            let traps = starter.spec["trap_exit"] == json!(true) || stop != "shutdown";
            self.spawn(path, Some(pid), link, Kind::Worker { traps, stop });
            return Some(Event::Started { key, incarnation, info });
        }
        let reason = self.spawn_supervisor(&starter, Some(pid), link, info).err()?;
        Some(Event::StartFailed { key, incarnation, reason })
    }

    fn attempt(&mut self, starter: &Starter) -> (String, Vec<Value>) {
        let attempt = self.attempts.entry(starter.path.clone()).or_default();
        *attempt += 1;
        let ok = vec![json!("ok")];
        let script = starter.spec.get("start").and_then(Value::as_array).unwrap_or(&ok);
        match &script[(*attempt).min(script.len()) - 1] {
            Value::String(outcome) => (outcome.clone(), Vec::new()),
            entry => {
                let calls = entry["calls"].as_array().cloned().unwrap_or_default();
                (text(entry, "outcome", "ok").to_owned(), calls)
            }
        }
    }

    fn spawn(
        &mut self,
        path: &str,
        parent: Option<Pid>,
        link: Option<(ChildKey, Incarnation)>,
        kind: Kind,
    ) -> Pid {
        let life = self.lives.entry(path.to_owned()).or_default();
        *life += 1;
        let (life, pid) = (*life, self.procs.len());
        let path = path.to_owned();
        self.trace.push(json!({"event": "start", "child": format!("{path}#{life}")}));
        self.procs.push(Proc { path, life, parent, link, alive: true, orphan: false, kind });
        if let (Some(parent), Some(link)) = (parent, link) {
            self.sup(parent).pids.insert(link, pid);
        }
        pid
    }

    /// Starts a supervisor, or says why its flags and specs were refused.
    fn spawn_supervisor(
        &mut self,
        starter: &Starter,
        parent: Option<Pid>,
        link: Option<(ChildKey, Incarnation)>,
        info: bool,
    ) -> Result<(), ExitReason> {
        let (tree, path) = (&starter.spec["supervisor"], &starter.path);
        let worker = Kind::Worker { traps: false, stop: String::new() };
        let pid = self.spawn(path, parent, link, worker);
        let specs = tree["children"].as_array().cloned().unwrap_or_default();
        let made = scenario::flags(tree).and_then(|flags| {
            let entries: Result<Vec<_>, _> = specs.iter().map(scenario::child).collect();
            let entries = entries.map_err(|term| format!("{{start_spec,{term}}}"))?;
            Policy::new(flags, entries).map_err(|error| scenario::spec_error(&error))
        });
        let policy = match made {
            Ok(policy) => policy,
            Err(term) => {
                self.procs[pid].alive = false;
                let reason = ExitReason::failed(term);
                self.log_stop(pid, &reason);
                return Err(reason);
            }
        };
        let starter =
            |spec: Value| Starter { path: format!("{path}/{}", text(&spec, "id", "")), spec };
        let starters = if policy.template().is_some() {
            specs.into_iter().map(|spec| (TEMPLATE, starter(spec))).collect()
        } else {
            let keys: Vec<ChildKey> = policy.children().map(|child| child.key).collect();
            keys.into_iter().zip(specs.into_iter().map(starter)).collect()
        };
        let (arriving, pids) = (BTreeMap::new(), BTreeMap::new());
        let sup = Sup { policy, booting: true, info, starters, arriving, pids };
        self.procs[pid].kind = Kind::Supervisor(Box::new(sup));
        self.post(pid, Event::Boot);
        Ok(())
    }

    fn tell_to_stop(&mut self, pid: Pid, shutdown: Shutdown) {
        if !self.procs[pid].alive {
            return;
        }
        match shutdown {
            Shutdown::BrutalKill => return self.die(pid, ExitReason::Killed),
            Shutdown::Timeout(time) => {
                self.armed += 1;
                self.timers.insert((self.now + time, self.armed), pid);
            }
            Shutdown::Infinity => {}
        }
        self.exit_from_parent(pid, ExitReason::Shutdown);
    }

    /// The exit signal of the parent, alive or just dead.
    fn exit_from_parent(&mut self, pid: Pid, reason: ExitReason) {
        match &self.procs[pid].kind {
            Kind::Supervisor(_) => self.post(pid, Event::Shutdown { reason }),
            Kind::Worker { traps: false, .. } => self.die(pid, reason),
            Kind::Worker { stop, .. } => match stop.as_str() {
                "hang" => {}
                "normal" => self.die(pid, ExitReason::Normal),
                "error" => self.die(pid, ExitReason::failed("cleanup_failed")),
                _ => self.die(pid, reason),
            },
        }
    }

    fn die(&mut self, pid: Pid, reason: ExitReason) {
        assert!(self.procs[pid].alive, "{} dies twice", self.procs[pid].path);
        self.procs[pid].alive = false;
        self.log_stop(pid, &reason);
        let booting = matches!(&self.procs[pid].kind, Kind::Supervisor(sup) if sup.booting);
        match (self.procs[pid].parent, self.procs[pid].link) {
            (Some(parent), Some((key, incarnation))) if booting => {
                self.post(parent, Event::StartFailed { key, incarnation, reason: reason.clone() });
            }
            (Some(parent), Some((key, incarnation))) => {
                self.post(parent, Event::Exited { key, incarnation, exit: ended(reason.clone()) });
            }
            _ if booting => {
                self.booted = Some(json!(format!("{{error,{}}}", reason_text(&reason))));
            }
            _ => {}
        }
        self.orphan_below(pid);
        for child in self.children_of(pid) {
            self.exit_from_parent(child, reason.clone());
        }
    }

    fn children_of(&self, pid: Pid) -> Vec<Pid> {
        let below = |&at: &Pid| self.procs[at].parent == Some(pid) && self.procs[at].alive;
        (0..self.procs.len()).filter(below).collect()
    }

    fn orphan_below(&mut self, pid: Pid) {
        for child in self.children_of(pid) {
            self.procs[child].orphan = true;
            self.orphan_below(child);
        }
    }

    pub(super) fn pid(&self, path: &str) -> Result<Pid, NoProc> {
        let here = |proc: &Proc| proc.alive && !proc.orphan && proc.path == path;
        self.procs.iter().rposition(here).ok_or(NoProc)
    }

    pub(super) fn sup(&mut self, pid: Pid) -> &mut Sup {
        match &mut self.procs[pid].kind {
            Kind::Supervisor(sup) => sup,
            Kind::Worker { .. } => panic!("a worker is no supervisor"),
        }
    }

    pub(super) fn is_dynamic(&self, pid: Pid) -> bool {
        match &self.procs[pid].kind {
            Kind::Supervisor(sup) => sup.policy.flags().strategy == Strategy::SimpleOneForOne,
            Kind::Worker { .. } => false,
        }
    }
}

pub(super) const TEMPLATE: ChildKey = ChildKey::from_raw(u64::MAX - 1);

pub(super) enum Done {
    Now(Value),
    Asked(Ticket),
}

/// The addressed process is not alive.
pub(super) struct NoProc;
