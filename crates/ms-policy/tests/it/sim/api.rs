//! Calls to supervisors and their replies, printed as OTP prints them.
#![allow(clippy::expect_used, reason = "tests")]

use ms_core::{ChildType, Restart, Shutdown};
use ms_policy::{ChildKey, ChildRow, Command, CommandError, Event, PidRef, Reply, Target, Ticket};
use serde_json::{Value, json};

use super::scenario;
use super::scenario::{reason_text, text};
use super::world::{Asked, Done, Kind, NoProc, Pid, Starter, TEMPLATE, World};

impl World {
    pub(super) fn api(&mut self, sup: Pid, step: &Value) -> Result<Done, NoProc> {
        if matches!(self.procs[sup].kind, Kind::Worker { .. }) {
            // The oracle's workers say `ok` to any call.
            return Ok(Done::Now(json!("ok")));
        }
        let id = || scenario::id(text(step, "id", "none"));
        let mut record = None;
        let mut arriving = None;
        let base = self.procs[sup].path.clone();
        let command = match text(step, "op", "?") {
            "start_child" if step.get("args").is_some() => {
                let path = format!("{base}/{}", text(step, "args", ""));
                let Kind::Supervisor(state) = &self.procs[sup].kind else { return Err(NoProc) };
                let template = state.starters.get(&TEMPLATE).expect("it is dynamic");
                arriving = Some(Starter { path, spec: template.spec.clone() });
                Command::StartDynamic
            }
            "start_child" => {
                let spec = &step["child"];
                record = Some(text(spec, "id", "").to_owned());
                let path = format!("{base}/{}", text(spec, "id", ""));
                arriving = Some(Starter { path, spec: spec.clone() });
                match scenario::child(spec) {
                    Ok(entry) => Command::StartChild(entry),
                    Err(term) => return Ok(Done::Now(json!(format!("{{error,{term}}}")))),
                }
            }
            "terminate_child" => match step.get("pid").and_then(Value::as_str) {
                Some(path) => Command::TerminateChild(Target::Key(self.key_below(sup, path)?)),
                None => Command::TerminateChild(Target::Id(id())),
            },
            "restart_child" => Command::RestartChild(id()),
            "delete_child" => Command::DeleteChild(id()),
            "which_children" => Command::WhichChildren,
            "count_children" => Command::CountChildren,
            "get_childspec" => Command::GetChildSpec(Target::Id(id())),
            other => panic!("unknown step {other}"),
        };
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        if let Some(starter) = arriving {
            self.sup(sup).arriving.insert(ticket, starter);
        }
        self.asked.insert(ticket, Asked { sup, record });
        self.post(sup, Event::Command { ticket, command });
        Ok(Done::Asked(ticket))
    }

    /// The key of the process at `path`, a dead one when it is not a child of `sup`.
    pub(super) fn key_below(&self, sup: Pid, path: &str) -> Result<ChildKey, NoProc> {
        let proc = &self.procs[self.pid(path)?];
        let key = proc.link.filter(|_| proc.parent == Some(sup)).map(|(key, _)| key);
        Ok(key.unwrap_or(ChildKey::from_raw(u64::MAX)))
    }

    pub(super) fn answer(&mut self, ticket: Ticket) -> Value {
        self.answers.remove(&ticket).unwrap_or_else(|| json!("noproc"))
    }

    pub(super) fn reply(&mut self, ticket: Ticket, result: Result<Reply, CommandError>) {
        let asked = self.asked.remove(&ticket).expect("every ticket is answered once");
        let answer = match result {
            Ok(reply) => self.reply_value(asked.sup, reply),
            Err(CommandError::Stopping) => json!("noproc"),
            Err(error) => json!(format!("{{error,{}}}", self.error_text(&asked, &error))),
        };
        assert!(self.answers.insert(ticket, answer).is_none());
    }

    pub(super) fn reply_value(&self, sup: Pid, reply: Reply) -> Value {
        match reply {
            Reply::Started { key, incarnation, info } => {
                let pid = self.pid_text(sup, key, PidRef::Incarnation(incarnation));
                json!(if info { format!("{{ok,{pid},info}}") } else { format!("{{ok,{pid}}}") })
            }
            Reply::Ignored => json!("{ok,undefined}"),
            Reply::Done => json!("ok"),
            Reply::Children(rows) => self.rows(sup, &rows),
            Reply::Counts(counts) => serde_json::to_value(counts).expect("serialises"),
            Reply::Spec(entry) => {
                let restart = match entry.policy.restart {
                    Restart::Permanent => "permanent",
                    Restart::Transient => "transient",
                    Restart::Temporary => "temporary",
                };
                let shutdown = match entry.policy.shutdown {
                    Shutdown::BrutalKill => "brutal_kill".to_owned(),
                    Shutdown::Infinity => "infinity".to_owned(),
                    Shutdown::Timeout(time) => time.as_millis().to_string(),
                };
                json!(format!(
                    "{{ok,[{{id,{}}},{{restart,{restart}}},{{shutdown,{shutdown}}},\
                     {{significant,{}}},{{type,{}}}]}}",
                    entry.id,
                    entry.policy.significant,
                    kind_text(entry.policy.kind)
                ))
            }
        }
    }

    pub(super) fn rows(&self, sup: Pid, rows: &[ChildRow]) -> Value {
        let mut rows: Vec<(String, Value)> = rows
            .iter()
            .map(|row| {
                let child = match row.child {
                    PidRef::Restarting(_) => "restarting".to_owned(),
                    pid => self.pid_text(sup, row.key, pid),
                };
                let id = row.id.as_ref().map_or("undefined", |id| id.as_str());
                let value = json!({"id": id, "child": child, "type": kind_text(row.kind)});
                (child, value)
            })
            .collect();
        if self.is_dynamic(sup) {
            rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        Value::Array(rows.into_iter().map(|(_, row)| row).collect())
    }

    pub(super) fn error_text(&self, asked: &Asked, error: &CommandError) -> String {
        match error {
            CommandError::AlreadyStarted { key, incarnation } => {
                let pid = PidRef::Incarnation(*incarnation);
                format!("{{already_started,{}}}", self.pid_text(asked.sup, *key, pid))
            }
            CommandError::AlreadyPresent => "already_present".into(),
            CommandError::NotFound => "not_found".into(),
            CommandError::Running => "running".into(),
            CommandError::Restarting => "restarting".into(),
            CommandError::SimpleOneForOne => "simple_one_for_one".into(),
            CommandError::StartFailed { reason } => match &asked.record {
                Some(id) => format!("{{{},{{child,{id}}}}}", reason_text(reason)),
                None => reason_text(reason),
            },
            CommandError::InvalidSpec(error) => scenario::child_spec_error(error),
            other => panic!("not an error of OTP: {other}"),
        }
    }
}

fn kind_text(kind: ChildType) -> &'static str {
    match kind {
        ChildType::Worker => "worker",
        ChildType::Supervisor => "supervisor",
    }
}
