//! Builds supervisors and child specs from the tree of a scenario.

use std::sync::Arc;
use std::time::Duration;

use ms_actor::StartError;
use ms_actor::host::Blueprint;
use ms_core::{AutoShutdown, ExitReason, Restart};
use ms_supervisor::{ChildSpec, Observer, SupervisorSpec};
use serde_json::Value;

use crate::fields::text;
use crate::ids;
use crate::terms;
use crate::worker::{self, Outcome, Worker};
use crate::world::World;

/// Returns the supervisor at `path`. The error is OTP's term for what our API cannot express.
pub(crate) fn supervisor(
    world: &World,
    path: &str,
    tree: &Value,
    script: &Value,
) -> Result<SupervisorSpec, String> {
    let id = id_at(path);
    let mut children = tree["children"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let strategy = text(tree, "strategy", "one_for_one");
    let dynamic = strategy == "simple_one_for_one";
    let spec =
        |spec: &Value| child(world, path, spec).map_err(|term| format!("{{start_spec,{term}}}"));
    let flags = flags(tree)?;
    let mut built = match strategy {
        "one_for_one" => SupervisorSpec::one_for_one(&id),
        "one_for_all" => SupervisorSpec::one_for_all(&id),
        "rest_for_one" => SupervisorSpec::rest_for_one(&id),
        "simple_one_for_one" => {
            let template = children.next().ok_or("{bad_start_spec,[]}")?;
            world.set_template(path, template);
            SupervisorSpec::dynamic(&id, spec(template)?)
        }
        other => return Err(format!("{{supervisor_data,{{invalid_strategy,{other}}}}}")),
    };
    for other in children {
        built = built.child(spec(other)?);
    }
    let script = script.as_array().cloned().unwrap_or_default();
    let (observer, at, here): (Arc<dyn Observer>, _, _) =
        (Arc::new(world.clone()), path.to_owned(), world.clone());
    Ok(built
        .intensity(flags.max_restarts, flags.period)
        .auto_shutdown(flags.auto_shutdown)
        .observer(observer)
        // OTP leaves the children of a killed supervisor running; with lasting references they are
        // fenced off.
        .lasting_refs(false)
        .init(move |me| {
            let outcome = worker::attempt(&here, &at, &me.any(), &script)?;
            here.started(&at, me.any(), true, dynamic);
            Ok((outcome == Outcome::Info).then(|| "info".into()))
        }))
}

/// Returns the child id of the last part of a path.
fn id_at(path: &str) -> String {
    let id = path.rsplit('/').next().unwrap_or(path);
    // Ids are checked before a scenario is played.
    ids::child_id(id).map_or_else(|_| id.to_owned(), |id| id.as_str().to_owned())
}

struct Flags {
    max_restarts: u32,
    period: Duration,
    auto_shutdown: AutoShutdown,
}

fn flags(tree: &Value) -> Result<Flags, String> {
    let number = |field: &str, default| tree.get(field).and_then(Value::as_i64).unwrap_or(default);
    let intensity = number("intensity", 1);
    let max_restarts = u32::try_from(intensity)
        .map_err(|_| format!("{{supervisor_data,{{invalid_intensity,{intensity}}}}}"))?;
    let period = number("period", 5);
    let seconds = u64::try_from(period)
        .map_err(|_| format!("{{supervisor_data,{{invalid_period,{period}}}}}"))?;
    let auto_shutdown = match text(tree, "auto_shutdown", "never") {
        "never" => AutoShutdown::Never,
        "any_significant" => AutoShutdown::AnySignificant,
        "all_significant" => AutoShutdown::AllSignificant,
        other => return Err(format!("{{supervisor_data,{{invalid_auto_shutdown,{other}}}}}")),
    };
    Ok(Flags { max_restarts, period: Duration::from_secs(seconds), auto_shutdown })
}

/// Returns the blueprint of a worker at `path`.
pub(crate) fn worker_blueprint(world: &World, path: &str, spec: &Value) -> Blueprint {
    let (world, path, spec) = (world.clone(), path.to_owned(), spec.clone());
    Blueprint::fallible(move |me| Worker::start(&world, &path, &spec, me))
}

/// Returns the supervisor of a child spec. OTP refuses some specs only when the supervisor starts, so
/// such a one is built, and fails when it is started.
pub(crate) fn supervisor_below(world: &World, path: &str, spec: &Value) -> SupervisorSpec {
    let built = supervisor(world, path, &spec["supervisor"], &spec["start"]);
    let checked = built.and_then(|built| match built.check() {
        Ok(()) => Ok(built),
        Err(error) => Err(terms::start_error(&error)),
    });
    match checked {
        Ok(built) => built,
        Err(term) => {
            let (world, at) = (world.clone(), path.to_owned());
            SupervisorSpec::one_for_one(id_at(path)).init(move |me| {
                let reason = ExitReason::failed(term.clone());
                let pid = world.started(&at, me.any(), true, false);
                world.stopped(pid, &reason);
                Err(StartError::Failed(reason))
            })
        }
    }
}

/// Returns a child spec below `parent`. The error is OTP's term for what our API cannot express.
pub(crate) fn child(world: &World, parent: &str, spec: &Value) -> Result<ChildSpec, String> {
    let id = text(spec, "id", "");
    let path = format!("{parent}/{id}");
    let restart = match text(spec, "restart", "permanent") {
        "permanent" => Restart::Permanent,
        "transient" => Restart::Transient,
        "temporary" => Restart::Temporary,
        other => return Err(format!("{{invalid_restart_type,{other}}}")),
    };
    let child = match text(spec, "type", "worker") {
        "worker" => ChildSpec::blueprint(id_at(&path), worker_blueprint(world, &path, spec)),
        "supervisor" => ChildSpec::supervisor(supervisor_below(world, &path, spec)),
        other => return Err(format!("{{invalid_child_type,{other}}}")),
    };
    let child = match terms::shutdown(spec)? {
        Some(shutdown) => child.shutdown(shutdown),
        None => child,
    };
    let significant = spec["significant"].as_bool().unwrap_or(false);
    // OTP waits for ever for the start of a child, so there is no timeout here.
    Ok(child.restart(restart).significant(significant).start_timeout(None))
}
