//! Stops, reports and the final tree in the words of the trace.

use ms_core::{ChildType, ExitReason, Incarnation};
use ms_policy::{ChildKey, Offender, PidRef, ReportReason, SupervisorReport};
use serde_json::{Value, json};

use super::scenario::{reason_text, text};
use super::world::{Kind, Pid, World};

impl World {
    pub(super) fn log_stop(&mut self, pid: Pid, reason: &ExitReason) {
        let proc = &self.procs[pid];
        let stop = json!({
            "event": "stop",
            "child": format!("{}#{}", proc.path, proc.life),
            "reason": reason_text(reason),
        });
        if proc.orphan {
            self.trace.push_orphan(stop);
        } else {
            let dynamic = proc.parent.filter(|&parent| self.is_dynamic(parent));
            self.trace.push_stop(stop, dynamic, (proc.life, proc.path.clone()));
        }
    }

    pub(super) fn report(&mut self, pid: Pid, report: &SupervisorReport) {
        let reason = match &report.reason {
            ReportReason::Exit(reason) => reason_text(reason),
            ReportReason::ReachedMaxRestartIntensity => "reached_max_restart_intensity".into(),
        };
        let proc = &self.procs[pid];
        let mut value = json!({
            "event": "report",
            "supervisor": format!("{}#{}", proc.path, proc.life),
            "context": report.context.to_string(),
            "id": report.id.as_str(),
            "reason": reason,
        });
        match report.offender {
            Offender::Child { key, pid: child } => {
                value["child"] = json!(self.pid_text(pid, key, child));
            }
            Offender::Many { count } => value["nb_children"] = json!(count),
        }
        if proc.orphan {
            self.trace.push_orphan(value);
        } else {
            self.trace.push(value);
        }
    }

    pub(super) fn pid_text(&self, sup: Pid, key: ChildKey, pid: PidRef) -> String {
        let Kind::Supervisor(state) = &self.procs[sup].kind else { unreachable!() };
        let name = |incarnation: Incarnation| {
            let child = &self.procs[state.pids[&(key, incarnation)]];
            format!("{}#{}", child.path, child.life)
        };
        match pid {
            PidRef::Undefined => "undefined".into(),
            PidRef::Incarnation(incarnation) => name(incarnation),
            PidRef::Restarting(None) => "{restarting,undefined}".into(),
            PidRef::Restarting(Some(old)) => format!("{{restarting,{}}}", name(old)),
        }
    }

    pub fn dump(&self, path: &str) -> Value {
        let Ok(pid) = self.pid(path) else { return Value::Null };
        let Kind::Supervisor(sup) = &self.procs[pid].kind else { unreachable!() };
        let mut children: Vec<Value> = sup
            .policy
            .children()
            .map(|child| {
                let id = if self.is_dynamic(pid) { "undefined" } else { child.id.as_str() };
                let running = matches!(child.pid, PidRef::Incarnation(_));
                if running && child.policy.kind == ChildType::Supervisor {
                    let mut below = self.dump(&format!("{path}/{id}"));
                    below["id"] = json!(id);
                    return below;
                }
                json!({"id": id, "child": self.pid_text(pid, child.key, child.pid)})
            })
            .collect();
        if self.is_dynamic(pid) {
            children.sort_by_key(|child| text(child, "child", "").to_owned());
        }
        json!({"path": path, "incarnation": self.procs[pid].life, "children": children})
    }

    pub fn leaked(&self) -> Vec<String> {
        let leaked = self.procs.iter().filter(|proc| proc.alive && proc.orphan);
        let mut names: Vec<String> =
            leaked.map(|proc| format!("{}#{}", proc.path, proc.life)).collect();
        names.sort();
        names
    }
}
