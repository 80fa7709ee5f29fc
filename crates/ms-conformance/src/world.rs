//! The record of a scenario: its processes and its trace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ms_actor::AnyRef;
use ms_core::{ActorPath, ExitReason, Incarnation};
use ms_policy::{Offender, PidRef, ReportReason, SupervisorReport};
use ms_supervisor::{Observation, Observer};
use serde_json::{Value, json};

use crate::ids::original;
use crate::terms::reason_text;
use crate::trace::Trace;

/// The number of a process in the record.
pub(crate) type Pid = usize;

pub(crate) struct Proc {
    /// Its path as in scenarios: `root/a`.
    pub(crate) path: String,
    /// The `N` of `root/a#N`.
    pub(crate) life: u32,
    pub(crate) parent: Option<Pid>,
    pub(crate) cell: AnyRef,
    incarnation: Incarnation,
    pub(crate) supervisor: bool,
    /// A supervisor of `simple_one_for_one`.
    pub(crate) dynamic: bool,
    pub(crate) alive: bool,
    pub(crate) orphan: bool,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) procs: Vec<Proc>,
    attempts: HashMap<String, usize>,
    lives: HashMap<String, u32>,
    templates: HashMap<String, Value>,
    /// Counts the dynamic children that were asked for, by supervisor and arguments.
    namesakes: HashMap<(Pid, String), usize>,
    pub(crate) trace: Trace,
}

/// Carries out a call to the supervisor with this number, as a step of the scenario would.
pub(crate) type Issue = fn(&World, Pid, Value);

/// The record of a scenario. The player, the stand-in workers and the supervisors' observer share it.
#[derive(Clone)]
pub(crate) struct World {
    state: Arc<Mutex<State>>,
    // A function, as calls start children and children make calls: named from here, the two would
    // depend on each other.
    issue: Issue,
}

/// What a start attempt is to do.
pub(crate) struct Attempt {
    pub(crate) outcome: String,
    pub(crate) calls: Vec<Value>,
}

impl World {
    /// Returns an empty record; `issue` carries out the calls that are made during starts.
    pub(crate) fn new(issue: Issue) -> Self {
        Self { state: Arc::default(), issue }
    }

    /// Makes a call to a supervisor, as an actor does while it starts.
    pub(crate) fn issue(&self, sup: Pid, call: Value) {
        (self.issue)(self, sup, call);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the spec that the children of a dynamic supervisor are made from.
    pub(crate) fn template(&self, sup: Pid) -> Option<Value> {
        let state = self.state();
        state.templates.get(&state.procs.get(sup)?.path).cloned()
    }

    pub(crate) fn set_template(&self, path: &str, template: &Value) {
        self.state().templates.insert(path.to_owned(), template.clone());
    }

    /// Counts one more dynamic child with these arguments, and returns its number, from 1.
    pub(crate) fn namesake(&self, sup: Pid, args: &str) -> usize {
        let mut state = self.state();
        let count = state.namesakes.entry((sup, args.to_owned())).or_default();
        *count += 1;
        *count
    }

    /// Counts a start attempt at `path` and returns what it is to do. A failure is added to the trace.
    pub(crate) fn attempt(&self, path: &str, script: &[Value]) -> Attempt {
        let mut state = self.state();
        let attempt = state.attempts.entry(path.to_owned()).or_default();
        *attempt += 1;
        let at = (*attempt).min(script.len()).saturating_sub(1);
        let (outcome, calls) = match script.get(at) {
            None => ("ok", Vec::new()),
            Some(Value::String(outcome)) => (outcome.as_str(), Vec::new()),
            Some(entry) => {
                let calls = entry["calls"].as_array().cloned().unwrap_or_default();
                (entry["outcome"].as_str().unwrap_or("ok"), calls)
            }
        };
        let error = |why: &str| json!({"event": "start_error", "child": path, "reason": why});
        match outcome {
            "error" => state.trace.push(error("boom")),
            "throw" => state.trace.push(error("throw oops")),
            "ignore" => state.trace.push(json!({"event": "start_ignore", "child": path})),
            _ => {}
        }
        Attempt { outcome: outcome.to_owned(), calls }
    }

    /// Notes a start, and returns the process: the present incarnation of the cell.
    pub(crate) fn started(&self, path: &str, cell: AnyRef, supervisor: bool, dynamic: bool) -> Pid {
        let mut state = self.state();
        let life = state.lives.entry(path.to_owned()).or_default();
        *life += 1;
        let life = *life;
        let parent = state.parent_of(&cell);
        state.trace.push(json!({"event": "start", "child": format!("{path}#{life}")}));
        let (path, incarnation) = (path.to_owned(), cell.incarnation());
        state.procs.push(Proc {
            path,
            life,
            parent,
            cell,
            incarnation,
            supervisor,
            dynamic,
            alive: true,
            orphan: false,
        });
        state.procs.len() - 1
    }

    /// Notes an end. Processes that still live below it are orphans from now on.
    pub(crate) fn stopped(&self, pid: Pid, reason: &ExitReason) {
        let mut state = self.state();
        let state = &mut *state;
        let Some(proc) = state.procs.get_mut(pid).filter(|proc| proc.alive) else { return };
        proc.alive = false;
        let (parent, orphan) = (proc.parent, proc.orphan);
        let (name, place) = (proc.name(), (proc.life, proc.path.clone()));
        let stop = json!({"event": "stop", "child": name, "reason": reason_text(reason)});
        match parent.filter(|&parent| state.procs[parent].dynamic) {
            _ if orphan => state.trace.push_orphan(stop),
            Some(parent) => state.trace.push_stop(stop, parent, place),
            None => state.trace.push(stop),
        }
        state.orphan_below(pid);
    }

    /// Empties the record. Cells and factories hold it and it holds cells, so they would leak.
    pub(crate) fn clear(&self) {
        let state = std::mem::take(&mut *self.state());
        drop(state);
    }
}

impl Proc {
    pub(crate) fn name(&self) -> String {
        format!("{}#{}", self.path, self.life)
    }
}

impl State {
    /// Returns the process that scenarios mean by `path`.
    pub(crate) fn resolve(&self, path: &str) -> Option<Pid> {
        self.procs.iter().rposition(|proc| proc.alive && !proc.orphan && proc.path == path)
    }

    /// Returns the supervisor that starts the actor of this cell now.
    pub(crate) fn parent_of(&self, cell: &AnyRef) -> Option<Pid> {
        let above = cell.path().parent()?;
        let it = |proc: &Proc| proc.alive && !proc.orphan && *proc.cell.path() == above;
        self.procs.iter().rposition(it)
    }

    fn orphan_below(&mut self, pid: Pid) {
        let below: Vec<Pid> = (0..self.procs.len())
            .filter(|&at| self.procs[at].alive && self.procs[at].parent == Some(pid))
            .collect();
        for at in below {
            self.procs[at].orphan = true;
            self.orphan_below(at);
        }
    }

    fn supervisor(&self, cell: &AnyRef, incarnation: Incarnation) -> Option<Pid> {
        self.procs.iter().rposition(|proc| proc.incarnation == incarnation && proc.cell == *cell)
    }

    /// Returns the process that is this incarnation of a child.
    pub(crate) fn child(&self, sup: Pid, at: &ActorPath, incarnation: Incarnation) -> Option<Pid> {
        let it = |proc: &Proc| {
            proc.parent == Some(sup) && proc.incarnation == incarnation && proc.cell.path() == at
        };
        self.procs.iter().rposition(it)
    }

    /// Returns the text that stands for a child's pid.
    pub(crate) fn pid_text(&self, sup: Pid, at: &ActorPath, pid: PidRef) -> String {
        let name = |incarnation| match self.child(sup, at, incarnation) {
            Some(child) => self.procs[child].name(),
            None => format!("{at}#?{}", incarnation.0),
        };
        match pid {
            PidRef::Undefined => "undefined".to_owned(),
            PidRef::Incarnation(incarnation) => name(incarnation),
            PidRef::Restarting(None) => "{restarting,undefined}".to_owned(),
            PidRef::Restarting(Some(old)) => format!("{{restarting,{}}}", name(old)),
        }
    }

    fn report(&mut self, sup: Pid, child: Option<&ActorPath>, report: &SupervisorReport) {
        let reason = match &report.reason {
            ReportReason::Exit(reason) => reason_text(reason),
            ReportReason::ReachedMaxRestartIntensity => "reached_max_restart_intensity".to_owned(),
        };
        let mut value = json!({
            "event": "report",
            "supervisor": self.procs[sup].name(),
            "context": report.context.to_string(),
            "id": original(report.id.as_str()),
            "reason": reason,
        });
        match report.offender {
            Offender::Child { pid, .. } => {
                let name = child.map(|at| self.pid_text(sup, at, pid));
                value["child"] = json!(name.unwrap_or_else(|| "?".to_owned()));
            }
            Offender::Many { count } => value["nb_children"] = json!(count),
        }
        if self.procs[sup].orphan {
            self.trace.push_orphan(value);
        } else {
            self.trace.push(value);
        }
    }
}

impl Observer for World {
    fn observe(&self, supervisor: &AnyRef, incarnation: Incarnation, observation: &Observation) {
        let sup = self.state().supervisor(supervisor, incarnation);
        // A supervisor whose init failed was never a process.
        let Some(sup) = sup else { return };
        match observation {
            Observation::Report { child, report } => {
                self.state().report(sup, child.as_ref(), report)
            }
            Observation::SupervisorExited { reason } => self.stopped(sup, reason),
            _ => {}
        }
    }
}
