//! Plays a scenario: one step after another, each until nothing happens any more.

use std::time::Duration;

use actix::System;
use ms_actor::{AnyRef, Node, NodeConfig};
use ms_supervisor::{Root, start_root};
use serde_json::{Value, json};

use crate::api::{self, EVER};
use crate::build;
use crate::error::PlayError;
use crate::fields::text;
use crate::processes;
use crate::scenario;
use crate::terms;
use crate::worker::{Crash, Worker};
use crate::world::{Pid, World};

/// Plays a scenario, bare or in a golden file, and returns the lines of its trace.
///
/// # Errors
/// See [`PlayError`].
pub fn play(file: &Value) -> Result<Vec<Value>, PlayError> {
    let scenario = scenario::of_file(file);
    scenario::check(scenario).map_err(|malformed| PlayError::Malformed(malformed.0))?;
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build();
    let runtime = runtime.map_err(|error| PlayError::Setup(error.to_string()))?;
    let runtime = std::cell::Cell::new(Some(runtime));
    #[allow(clippy::expect_used, reason = "asked for once")]
    let system = System::with_tokio_rt(|| runtime.take().expect("one runtime"));
    system.block_on(async {
        // One arbiter: the order of events is part of a trace, and threads would make it random.
        let node = Node::boot(NodeConfig::single_arbiter());
        let node = node.map_err(|error| PlayError::Setup(error.to_string()))?;
        if processes::is_one(scenario) {
            return processes::play(&node, scenario).await;
        }
        let world = World::new(api::issue);
        let lines = Player { node, world: world.clone(), root: None }.play(scenario).await;
        world.clear();
        lines
    })
}

struct Player {
    node: Node,
    world: World,
    root: Option<Root>,
}

impl Player {
    async fn play(mut self, scenario: &Value) -> Result<Vec<Value>, PlayError> {
        let result = self.boot(&scenario["tree"]).await;
        self.settle().await?;
        let mut lines = vec![self.line(0, "boot", result)];
        for (step, at) in scenario["steps"].as_array().into_iter().flatten().zip(1..) {
            let result = self.step(step).await.unwrap_or_else(|NoProc| json!("noproc"));
            self.settle().await?;
            lines.push(self.line(at, text(step, "op", "?"), result));
        }
        lines.push(self.last_line().await);
        Ok(lines)
    }

    fn line(&self, step: usize, op: &str, result: Value) -> Value {
        self.world.state().trace.line(step, op, result)
    }

    async fn last_line(&self) -> Value {
        let root = self.world.state().resolve("root");
        let tree = match root {
            Some(root) => api::dump(&self.world, root).await,
            None => Value::Null,
        };
        let mut line = json!({"step": "final", "tree": tree});
        let state = self.world.state();
        let leaked = state.procs.iter().filter(|proc| proc.alive && proc.orphan);
        let mut leaked: Vec<String> = leaked.map(|proc| proc.name()).collect();
        if !leaked.is_empty() {
            leaked.sort();
            line["leaked"] = json!(leaked);
        }
        line
    }

    async fn boot(&mut self, tree: &Value) -> Value {
        let refused = match build::supervisor(&self.world, "root", tree, &Value::Null) {
            Ok(supervisor) => match start_root(&self.node, supervisor).await {
                Ok(root) => {
                    self.root = Some(root);
                    return json!("{ok,root#1}");
                }
                Err(error) => {
                    let term = terms::start_error(&error);
                    if matches!(error, ms_supervisor::StartRootError::Failed(_)) {
                        return json!(format!("{{error,{term}}}"));
                    }
                    term
                }
            },
            Err(term) => term,
        };
        // OTP checks flags and specs in the process of the supervisor, we check them before there is
        // one. The trace gets the start and stop of the process that OTP would have had.
        let mut state = self.world.state();
        state.trace.push(json!({"event": "start", "child": "root#1"}));
        state.trace.push(json!({"event": "stop", "child": "root#1", "reason": refused}));
        json!(format!("{{error,{refused}}}"))
    }

    fn pid(&self, path: &str) -> Result<Pid, NoProc> {
        self.world.state().resolve(path).ok_or(NoProc)
    }

    fn cell(&self, pid: Pid) -> AnyRef {
        self.world.state().procs[pid].cell.clone()
    }

    async fn step(&self, step: &Value) -> Result<Value, NoProc> {
        let why = text(step, "reason", "shutdown");
        match text(step, "op", "?") {
            "crash" => self.crash(self.pid(text(step, "path", ""))?, why),
            "crash_burst" => self.burst(step, why).await?,
            "exit_signal" => match (self.cell(self.pid(text(step, "path", ""))?), why) {
                (stranger, "kill") => stranger.kill(),
                (stranger, why) => stranger.exit(terms::signal(why)),
            },
            op @ ("stop_tree" | "parent_exit") => {
                let root = self.cell(self.pid("root")?);
                match (op, why) {
                    ("stop_tree", "kill") => root.kill(),
                    ("stop_tree", why) => root.stop(terms::reason(why)),
                    (_, why) => {
                        let tree = self.root.as_ref().ok_or(NoProc)?;
                        tree.parent_exit(terms::signal(why));
                    }
                }
            }
            "sleep" => {
                tokio::time::sleep(Duration::from_millis(step["ms"].as_u64().unwrap_or(0))).await
            }
            _ => {
                let sup = self.pid(text(step, "sup", ""))?;
                return Ok(api::perform(&self.world, sup, step).await);
            }
        }
        Ok(json!("ok"))
    }

    fn crash(&self, pid: Pid, why: &str) {
        let cell = self.cell(pid);
        match (cell.typed::<Worker>(), why) {
            (_, "kill") => cell.kill(),
            (Some(worker), _) => {
                // This fails if the worker hangs in its cleanup, where it takes no messages.
                drop(worker.try_tell(Crash(terms::reason(why))));
            }
            (None, _) => cell.stop(terms::reason(why)),
        }
    }

    /// Ends children in order while their supervisor is suspended, so that it finds all ends at once.
    async fn burst(&self, step: &Value, why: &str) -> Result<(), NoProc> {
        let sup = self.pid(text(step, "sup", ""))?;
        let paths = step["children"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let children: Vec<Pid> = paths.map(|path| self.pid(path)).collect::<Result<_, _>>()?;
        let supervisor = api::reference(&self.world, sup).ok_or(NoProc)?;
        supervisor.suspend().await.map_err(|_| NoProc)?;
        for child in children {
            let end = self.cell(child).monitor();
            self.crash(child, why);
            end.await;
        }
        supervisor.resume().await.map_err(|_| NoProc)
    }

    /// Runs until nothing happens any more.
    ///
    /// The clock is paused, so a sleep ends when nothing else can run. What may still wait for a
    /// deadline then is a supervisor in the middle of a change, and it does not answer until the change
    /// is done. So it is over after a round in which all supervisors answer and nothing happens.
    async fn settle(&self) -> Result<(), PlayError> {
        let began = tokio::time::Instant::now();
        loop {
            let version = self.world.state().trace.version;
            tokio::time::sleep(Duration::from_millis(1)).await;
            let busy = self.wait_for_supervisors().await;
            let state = self.world.state();
            if !busy && !state.trace.calls_wait() && state.trace.version == version {
                return Ok(());
            }
            if began.elapsed() > EVER {
                let alive = state.procs.iter().filter(|proc| proc.alive && proc.supervisor);
                let names: Vec<String> = alive.map(|proc| proc.name()).collect();
                return Err(PlayError::Unsettled(format!(
                    "supervisors {} are still at it",
                    names.join(", ")
                )));
            }
        }
    }

    /// Waits until each supervisor has answered or ended. Returns true if one was busy.
    async fn wait_for_supervisors(&self) -> bool {
        let supervisors: Vec<Pid> = {
            let state = self.world.state();
            let living = |&pid: &Pid| state.procs[pid].alive && state.procs[pid].supervisor;
            (0..state.procs.len()).filter(living).collect()
        };
        let mut busy = false;
        for pid in supervisors {
            let Some(supervisor) = api::reference(&self.world, pid) else { continue };
            if supervisor.count_children().await.is_err() {
                busy = true;
                // A successor may live in the cell by now. It is asked in the next round.
                if self.world.state().procs[pid].alive {
                    // If this times out, the caller notices.
                    drop(tokio::time::timeout(EVER, self.cell(pid).monitor()).await);
                }
            }
        }
        busy
    }
}

/// The addressed process is not alive.
struct NoProc;
