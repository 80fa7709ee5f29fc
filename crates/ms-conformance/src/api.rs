//! Calls to supervisors, with results in the form in which OTP prints them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Task, Waker};
use std::time::Duration;

use ms_core::{ActorPath, ChildId, ChildType};
use ms_policy::PidRef;
use ms_supervisor::{ChildInfo, DynamicChild, StartedChild, SupervisorError, SupervisorRef};
use serde_json::{Value, json};

use crate::fields::text;
use crate::ids::{child_id, nth_child_id, original};
use crate::world::{Pid, World};
use crate::{build, terms};

/// Longer than anything in a scenario takes, in virtual time.
pub(crate) const EVER: Duration = Duration::from_secs(3600);

/// Returns the supervisor `pid`; `None` for a worker.
pub(crate) fn reference(world: &World, pid: Pid) -> Option<SupervisorRef> {
    let state = world.state();
    SupervisorRef::of(&state.procs[pid].cell).map(|supervisor| supervisor.within(EVER))
}

/// Puts a call into the supervisor's mailbox at once. Its result is added to the trace later.
pub(crate) fn issue(world: &World, sup: Pid, call: Value) {
    let number = world.state().trace.push_call();
    let (world, op) = (world.clone(), text(&call, "op", "?").to_owned());
    let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
        let result = perform(&world, sup, &call).await;
        world.state().trace.answer_call(number, json!({"op": op, "result": result}));
    });
    // The first poll sends the call. A spawned task would be polled later, when other calls may be in
    // the mailbox before it.
    if future.as_mut().poll(&mut Task::from_waker(Waker::noop())).is_pending() {
        actix::spawn(future);
    }
}

/// Makes a call and returns its result.
pub(crate) async fn perform(world: &World, sup: Pid, call: &Value) -> Value {
    let Some(supervisor) = reference(world, sup) else {
        // The workers of the Erlang driver answer `ok` to every call.
        return json!("ok");
    };
    let (base, at) = {
        let proc = &world.state().procs[sup];
        (proc.path.clone(), proc.cell.path().clone())
    };
    let caller = Caller { world, sup, base, at, call };
    match text(call, "op", "?") {
        "start_child" if call.get("args").is_some() => caller.start_dynamic(&supervisor).await,
        "start_child" => caller.start(&supervisor).await,
        "terminate_child" if call.get("pid").is_some() => {
            caller.terminate_dynamic(&supervisor).await
        }
        "terminate_child" => caller.done(supervisor.terminate_child(&caller.id()).await),
        "restart_child" => caller.started(
            supervisor.restart_child(&caller.id()).await,
            &caller.at.child(&caller.id()),
            None,
        ),
        "delete_child" => caller.done(supervisor.delete_child(&caller.id()).await),
        "which_children" => match supervisor.which_children().await {
            Ok(rows) => caller.rows(&rows),
            Err(error) => caller.error(&error),
        },
        "count_children" => match supervisor.count_children().await {
            Ok(counts) => json!({
                "specs": counts.specs,
                "active": counts.active,
                "supervisors": counts.supervisors,
                "workers": counts.workers,
            }),
            Err(error) => caller.error(&error),
        },
        "get_childspec" => match supervisor.get_childspec(&caller.id()).await {
            Ok(entry) => json!(format!(
                "{{ok,[{{id,{}}},{{restart,{}}},{{shutdown,{}}},{{significant,{}}},{{type,{}}}]}}",
                original(entry.id.as_str()),
                terms::restart_text(entry.policy.restart),
                terms::shutdown_text(entry.policy.shutdown),
                entry.policy.significant,
                kind_text(entry.policy.kind)
            )),
            Err(error) => caller.error(&error),
        },
        // Unreachable, as scenarios are checked before they are played.
        other => json!(format!("unknown call {other}")),
    }
}

struct Caller<'a> {
    world: &'a World,
    sup: Pid,
    /// The path of the supervisor, as in scenarios and as in its cell.
    base: String,
    at: ActorPath,
    call: &'a Value,
}

impl Caller<'_> {
    #[allow(
        clippy::expect_used,
        reason = "ids are checked before a scenario is played; others are names that nobody has"
    )]
    fn id(&self) -> ChildId {
        child_id(text(self.call, "id", "none"))
            .or_else(|_| ChildId::new("none"))
            .expect("a valid id")
    }

    async fn start(&self, supervisor: &SupervisorRef) -> Value {
        let spec = &self.call["child"];
        match build::child(self.world, &self.base, spec) {
            Ok(child) => {
                let id = text(spec, "id", "");
                let at = child.id().map_or_else(|_| self.at.clone(), |id| self.at.child(id));
                self.started(supervisor.start_child(child).await, &at, Some(id))
            }
            Err(term) => json!(format!("{{error,{term}}}")),
        }
    }

    async fn start_dynamic(&self, supervisor: &SupervisorRef) -> Value {
        let args = text(self.call, "args", "");
        let path = format!("{}/{args}", self.base);
        let Some(template) = self.world.template(self.sup) else {
            return json!("{error,not_dynamic}");
        };
        let child = if text(&template, "type", "worker") == "supervisor" {
            DynamicChild::supervisor(build::supervisor_below(self.world, &path, &template))
        } else {
            DynamicChild::blueprint(build::worker_blueprint(self.world, &path, &template))
        };
        let name = nth_child_id(args, self.world.namesake(self.sup, args));
        let name = name.map_or_else(|_| args.to_owned(), |id| id.as_str().to_owned());
        let started = supervisor.start_dynamic(child.name(&name)).await;
        let at = match &started {
            Ok(StartedChild { actor: Some(actor), .. }) => actor.path().clone(),
            _ => self.at.clone(),
        };
        self.started(started, &at, None)
    }

    async fn terminate_dynamic(&self, supervisor: &SupervisorRef) -> Value {
        let path = text(self.call, "pid", "");
        let found = {
            let state = self.world.state();
            state.resolve(path).map(|pid| state.procs[pid].cell.path().clone())
        };
        match found {
            Some(at) => self.done(supervisor.terminate_dynamic(&at).await),
            None => json!("noproc"),
        }
    }

    fn done(&self, result: Result<(), SupervisorError>) -> Value {
        match result {
            Ok(()) => json!("ok"),
            Err(error) => self.error(&error),
        }
    }

    fn error(&self, error: &SupervisorError) -> Value {
        json!(terms::call_error(error, None, |_| String::new()))
    }

    fn started(
        &self,
        result: Result<StartedChild, SupervisorError>,
        at: &ActorPath,
        record: Option<&str>,
    ) -> Value {
        let state = self.world.state();
        let name = |incarnation| state.pid_text(self.sup, at, PidRef::Incarnation(incarnation));
        json!(match result {
            Ok(StartedChild { actor: None, .. }) => "{ok,undefined}".to_owned(),
            Ok(StartedChild { incarnation, info: None, .. }) =>
                format!("{{ok,{}}}", name(incarnation)),
            Ok(StartedChild { incarnation, .. }) => format!("{{ok,{},info}}", name(incarnation)),
            Err(error) => terms::call_error(&error, record, |n| name(ms_core::Incarnation(n))),
        })
    }

    fn rows(&self, rows: &[ChildInfo]) -> Value {
        let state = self.world.state();
        let row = |row: &ChildInfo| {
            let child = match row.child {
                PidRef::Restarting(_) => "restarting".to_owned(),
                pid => state.pid_text(self.sup, &row.path, pid),
            };
            let id = id_text(row);
            (child.clone(), json!({"id": id, "child": child, "type": kind_text(row.kind)}))
        };
        let mut rows: Vec<(String, Value)> = rows.iter().map(row).collect();
        // OTP lists dynamic children in the order of a map of pids, which it does not promise.
        if state.procs[self.sup].dynamic {
            rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        Value::Array(rows.into_iter().map(|(_, row)| row).collect())
    }
}

fn id_text(row: &ChildInfo) -> String {
    row.id.as_ref().map_or_else(|| "undefined".to_owned(), |id| original(id.as_str()))
}

fn kind_text(kind: ChildType) -> &'static str {
    match kind {
        ChildType::Worker => "worker",
        ChildType::Supervisor => "supervisor",
    }
}

/// Returns the tree below a supervisor, for the last line of a trace.
pub(crate) fn dump(world: &World, sup: Pid) -> Pin<Box<dyn Future<Output = Value> + '_>> {
    Box::pin(async move {
        let Some(supervisor) = reference(world, sup) else { return Value::Null };
        let Ok(mut rows) = supervisor.which_children().await else { return Value::Null };
        // OTP lists the latest start first; the trace has them in start order.
        rows.reverse();
        let (path, life, dynamic) = {
            let state = world.state();
            let proc = &state.procs[sup];
            (proc.path.clone(), proc.life, proc.dynamic)
        };
        let mut children = Vec::new();
        for row in rows {
            let (at, id) = (&row.path, id_text(&row));
            let child = match row.child {
                PidRef::Incarnation(incarnation) => world.state().child(sup, at, incarnation),
                _ => None,
            };
            let name = world.state().pid_text(sup, at, row.child);
            let below = match child.filter(|_| row.kind == ChildType::Supervisor) {
                Some(child) => {
                    let mut below = dump(world, child).await;
                    below["id"] = json!(id);
                    below
                }
                None => json!({"id": id, "child": name}),
            };
            children.push((name, below));
        }
        if dynamic {
            children.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        let children: Vec<Value> = children.into_iter().map(|(_, child)| child).collect();
        json!({"path": path, "incarnation": life, "children": children})
    })
}
