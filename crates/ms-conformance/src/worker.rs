//! The stand-in worker: does what the scenario says, and reports to the record.

use actix::{Actor, Handler, Message, Running};
use ms_actor::{AnyRef, Context, Ref, StartError};
use ms_core::ExitReason;
use serde_json::Value;

use crate::fields::text;
use crate::world::{Pid, World};

pub(crate) struct Worker {
    world: World,
    pid: Pid,
    stop: OnStop,
    traps: bool,
    info: bool,
    /// It ends by itself, in which case its cleanup does nothing.
    crashing: bool,
}

/// Its reaction to the order to stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnStop {
    Obey,
    EndNormally,
    Fail,
    Hang,
}

/// Makes the worker end by itself with a reason.
pub(crate) struct Crash(pub(crate) ExitReason);

impl Message for Crash {
    type Result = ();
}

impl Worker {
    /// Makes one start attempt.
    pub(crate) fn start(
        world: &World,
        path: &str,
        spec: &Value,
        me: &Ref<Self>,
    ) -> Result<Self, StartError> {
        let script = spec["start"].as_array().map_or(&[][..], Vec::as_slice);
        let outcome = attempt(world, path, &me.any(), script)?;
        let stop = match text(spec, "stop", "shutdown") {
            "normal" => OnStop::EndNormally,
            "error" => OnStop::Fail,
            "hang" => OnStop::Hang,
            _ => OnStop::Obey,
        };
        // In Erlang only a process that traps exits has a say in how it is stopped.
        let traps = spec["trap_exit"] == true || stop != OnStop::Obey;
        let pid = world.started(path, me.any(), false, false);
        Ok(Self {
            world: world.clone(),
            pid,
            stop,
            traps,
            info: outcome == Outcome::Info,
            crashing: false,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Info,
}

/// Plays one start attempt of a worker or supervisor, with the calls that are made during it.
pub(crate) fn attempt(
    world: &World,
    path: &str,
    me: &AnyRef,
    script: &[Value],
) -> Result<Outcome, StartError> {
    let attempt = world.attempt(path, script);
    let parent = world.state().parent_of(me);
    if let Some(parent) = parent {
        attempt.calls.into_iter().for_each(|call| world.issue(parent, call));
    }
    match attempt.outcome.as_str() {
        "error" => Err(StartError::Failed(ExitReason::failed("boom"))),
        "throw" => Err(StartError::Failed(ExitReason::failed("oops"))),
        "ignore" => Err(StartError::Ignore),
        "ok_info" => Ok(Outcome::Info),
        _ => Ok(Outcome::Ok),
    }
}

impl Actor for Worker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.traps {
            ctx.trap_exit(|_, _, _| {});
        }
        if self.info {
            ctx.set_start_info("info");
        }
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        match self.stop {
            _ if self.crashing => {}
            OnStop::Obey => {}
            OnStop::EndNormally => ctx.exit_with(ExitReason::Normal),
            OnStop::Fail => ctx.exit_with(ExitReason::failed("cleanup_failed")),
            OnStop::Hang => return Running::Continue,
        }
        Running::Stop
    }
}

impl Handler<Crash> for Worker {
    type Result = ();

    fn handle(&mut self, Crash(reason): Crash, ctx: &mut Self::Context) {
        self.crashing = true;
        // There are two ways to end with a reason, with hooks and without. Both are played, as both must
        // give OTP's trace.
        if reason.is_clean() {
            ctx.stop_with(reason);
        } else {
            ctx.exit_with(reason);
        }
    }
}

impl Drop for Worker {
    /// Notes the end. The kernel drops the instance after it has recorded the reason, and before it
    /// notifies anybody.
    fn drop(&mut self) {
        let cell = self.world.state().procs.get(self.pid).map(|proc| proc.cell.clone());
        if let Some(reason) = cell.and_then(|cell| cell.last_exit()) {
            self.world.stopped(self.pid, &reason);
        }
    }
}
