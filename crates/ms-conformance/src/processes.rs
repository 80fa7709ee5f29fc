//! The second family of scenarios: links, monitors, exit signals, groups and names of plain actors,
//! compared with Erlang's processes.
//!
//! A scenario has `processes`, a list of `{id, trap}`, and `steps`. In a step, `of` is the process
//! that acts, and `to` the one that is acted upon:
//!
//! | `op` | fields | does |
//! |---|---|---|
//! | `link`, `unlink`, `monitor`, `demonitor` | of, to | as in Erlang; `demonitor` ends the latest |
//! | `exit` | to, reason | an exit signal of a stranger |
//! | `die` | of, reason | ends itself |
//! | `join`, `leave` | of, group | `pg` |
//! | `members`, `groups` | group, – | sorted |
//! | `register`, `unregister`, `whereis` | of and name, name, name | registered names |
//!
//! A line of the trace has the step's `result` (`noproc` when `of` is dead), what was `heard`
//! (`exit FROM REASON` by those that trap, `down FROM REASON`) and who `ended` with which reason,
//! sorted: Erlang promises no order between signals of different senders, nor between a link's
//! and a monitor's. For the same reason, what a process hears in the step in which it ends is left out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Actor, Handler, Message};
use ms_actor::{AnyRef, Context, Down, MonitorId, Node, Ref, spawn};
use ms_core::ExitReason;
use ms_registry::{GroupError, Registry, RegistryConfig};
use serde_json::{Value, json};

use crate::error::PlayError;
use crate::fields::{Malformed, text};
use crate::terms;

const FIELDS: [(&str, &[&str]); 13] = [
    ("link", &["of", "to"]),
    ("unlink", &["of", "to"]),
    ("monitor", &["of", "to"]),
    ("demonitor", &["of", "to"]),
    ("exit", &["to", "reason"]),
    ("die", &["of", "reason"]),
    ("join", &["of", "group"]),
    ("leave", &["of", "group"]),
    ("members", &["group"]),
    ("groups", &[]),
    ("register", &["of", "name"]),
    ("unregister", &["name"]),
    ("whereis", &["name"]),
];

/// Says whether a scenario is of this family.
pub(crate) fn is_one(scenario: &Value) -> bool {
    scenario.get("processes").is_some()
}

/// Checks the form of a scenario of this family.
pub(crate) fn check(scenario: &Value) -> Result<(), Malformed> {
    let bad = |what: String| Err(Malformed(what));
    let Some(processes) = scenario["processes"].as_array() else {
        return bad("`processes` is not a list".to_owned());
    };
    let ids: Vec<&str> = processes.iter().map(|process| text(process, "id", "")).collect();
    if let Some(id) = ids.iter().find(|id| ms_core::ChildId::new(id).is_err()) {
        return bad(format!("processes: {id:?} is no id"));
    }
    for (step, at) in scenario["steps"].as_array().into_iter().flatten().zip(1..) {
        let op = text(step, "op", "?");
        let Some((_, fields)) = FIELDS.iter().find(|(known, _)| *known == op) else {
            return bad(format!("step {at} ({op}): no such op"));
        };
        for field in *fields {
            let value = text(step, field, "");
            let is_process = ["of", "to"].contains(field);
            if value.is_empty() || (is_process && !ids.contains(&value)) {
                return bad(format!("step {at} ({op}): `{field}` is {}", step[*field]));
            }
        }
    }
    Ok(())
}

/// What processes heard, as pairs of process and text.
type Heard = Arc<Mutex<Vec<(String, String)>>>;

struct Process {
    id: String,
    traps: bool,
    heard: Heard,
    monitors: BTreeMap<String, Vec<MonitorId>>,
}

type Ctx = Context<Process>;

impl Process {
    fn hear(&self, words: String) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push((self.id.clone(), words));
    }
}

impl Actor for Process {
    type Context = Ctx;

    fn started(&mut self, ctx: &mut Ctx) {
        if self.traps {
            ctx.trap_exit(|this, _, signal| {
                let from = signal.from.as_ref().map_or("stranger", |path| path.name());
                this.hear(format!("exit {from} {}", terms::reason_text(&signal.reason)));
            });
        }
    }
}

impl Handler<Down> for Process {
    type Result = ();

    fn handle(&mut self, down: Down, _: &mut Ctx) {
        self.hear(format!("down {} {}", down.path.name(), terms::reason_text(&down.reason)));
    }
}

/// Makes a process do something in its own context.
struct Do(Box<Act>);

type Act = dyn FnOnce(&mut Process, &mut Ctx) + Send;

impl Message for Do {
    type Result = ();
}

impl Handler<Do> for Process {
    type Result = ();

    fn handle(&mut self, Do(what): Do, ctx: &mut Ctx) {
        what(self, ctx);
    }
}

struct Player {
    processes: BTreeMap<String, Ref<Process>>,
    registry: Registry,
    heard: Heard,
}

/// Plays a scenario that was checked before.
pub(crate) async fn play(node: &Node, scenario: &Value) -> Result<Vec<Value>, PlayError> {
    let setup = |error: String| PlayError::Setup(error);
    let registry = Registry::spawn(node, RegistryConfig::default())
        .map_err(|error| setup(error.to_string()))?;
    let heard = Heard::default();
    let mut processes = BTreeMap::new();
    for process in scenario["processes"].as_array().into_iter().flatten() {
        let id = text(process, "id", "").to_owned();
        let actor = Process {
            id: id.clone(),
            traps: process["trap"] == true,
            heard: Arc::clone(&heard),
            monitors: BTreeMap::new(),
        };
        let started = spawn(node, &id, actor).map_err(|error| setup(error.to_string()))?;
        processes.insert(id, started);
    }
    let player = Player { processes, registry, heard };
    settle().await;
    let mut lines = Vec::new();
    for (step, at) in scenario["steps"].as_array().into_iter().flatten().zip(1..) {
        lines.push(player.line(step, at).await);
    }
    Ok(lines)
}

/// Waits until nothing happens any more: only then does virtual time pass.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

impl Player {
    async fn line(&self, step: &Value, at: usize) -> Value {
        let alive = |process: &&Ref<Process>| process.is_alive();
        let before: Vec<&Ref<Process>> = self.processes.values().filter(alive).collect();
        let result = self.act(step).await;
        settle().await;
        let mut heard =
            std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        let ended: Vec<(String, String)> = before
            .into_iter()
            .filter(|process| !process.is_alive())
            .map(|process| {
                let reason = process.any().last_exit().unwrap_or(ExitReason::NoProc);
                (process.path().name().to_owned(), terms::reason_text(&reason))
            })
            .collect();
        // See above: what an ending process still hears depends on the order of signals, which is open.
        heard.retain(|(id, _)| !ended.iter().any(|(gone, _)| gone == id));
        heard.sort_unstable();
        let op = text(step, "op", "?");
        json!({"step": at, "op": op, "result": result, "heard": heard, "ended": ended})
    }

    fn process(&self, step: &Value, field: &str) -> Option<&Ref<Process>> {
        self.processes.get(text(step, field, ""))
    }

    async fn act(&self, step: &Value) -> String {
        let op = text(step, "op", "?");
        let to = self.process(step, "to").map(Ref::any);
        let of = self.process(step, "of");
        match (op, of, to) {
            ("exit", _, Some(to)) => {
                match text(step, "reason", "") {
                    "kill" => to.kill(),
                    reason => to.exit(terms::signal(reason)),
                }
                "ok".to_owned()
            }
            ("members" | "groups" | "unregister" | "whereis", ..) => self.ask(op, step).await,
            (_, Some(of), _) if !of.is_alive() => "noproc".to_owned(),
            ("die", Some(of), _) => {
                let reason = terms::signal(text(step, "reason", ""));
                tell(of, move |_, ctx| ctx.exit_with(reason)).await
            }
            ("join" | "leave" | "register", Some(of), _) => self.enrol(op, of, step).await,
            (_, Some(of), Some(to)) => relate(op, of, to).await,
            _ => "?".to_owned(),
        }
    }

    async fn enrol(&self, op: &str, of: &Ref<Process>, step: &Value) -> String {
        let (group, name) = (text(step, "group", ""), text(step, "name", ""));
        let word = match op {
            "join" => self.registry.join(group, of).await.map_or("refused", |()| "ok"),
            "leave" => match self.registry.leave(group, of).await {
                Ok(()) => "ok",
                Err(GroupError::NotJoined { .. }) => "not_joined",
                Err(_) => "refused",
            },
            _ => self.registry.register(name, of).await.map_or("refused", |_| "ok"),
        };
        word.to_owned()
    }

    async fn ask(&self, op: &str, step: &Value) -> String {
        let name = text(step, "name", "");
        let holder = || self.registry.whereis(name);
        match op {
            "members" => {
                let members = self.registry.members_any(text(step, "group", ""));
                let mut ids: Vec<&str> =
                    members.iter().map(|member| member.path().name()).collect();
                ids.sort_unstable();
                ids.join(" ")
            }
            "groups" => {
                let groups = self.registry.which_groups();
                let mut groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
                groups.sort_unstable();
                groups.join(" ")
            }
            "whereis" => holder()
                .map_or_else(|| "undefined".to_owned(), |holder| holder.path().name().to_owned()),
            _ => match holder().and_then(|holder| holder.typed::<Process>()) {
                Some(holder) => match self.registry.unregister(name, &holder).await {
                    Ok(_) => "ok".to_owned(),
                    Err(_) => "refused".to_owned(),
                },
                None => "refused".to_owned(),
            },
        }
    }
}

/// Sets or ends a link or a monitor, in the context of the process.
async fn relate(op: &str, of: &Ref<Process>, to: AnyRef) -> String {
    match op {
        "link" => tell(of, move |_, ctx| ctx.link(&to)).await,
        "unlink" => tell(of, move |_, ctx| ctx.unlink(&to)).await,
        "monitor" => {
            tell(of, move |this, ctx| {
                let monitor = ctx.monitor(&to);
                this.monitors.entry(to.path().name().to_owned()).or_default().push(monitor);
            })
            .await
        }
        _ => {
            tell(of, move |this, ctx| {
                let set = this.monitors.get_mut(to.path().name());
                if let Some(latest) = set.and_then(Vec::pop) {
                    ctx.demonitor(&to, latest);
                }
            })
            .await
        }
    }
}

async fn tell(
    of: &Ref<Process>,
    what: impl FnOnce(&mut Process, &mut Ctx) + Send + 'static,
) -> String {
    match of.try_tell(Do(Box::new(what))) {
        Ok(()) => "ok".to_owned(),
        Err(_) => "noproc".to_owned(),
    }
}
