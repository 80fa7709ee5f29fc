//! A whole tree on one thread and under virtual time: supervisors are policies,
//! workers are a few lines, a queue stands for all mailboxes.

mod api;
mod print;
pub mod scenario;
pub mod trace;
mod world;

pub use world::World;

use serde_json::{Value, json};

/// Plays a scenario and gives its trace.
pub fn play(scenario: &Value) -> Vec<Value> {
    let mut world = World::default();
    let result = world.boot(&scenario["tree"]);
    let mut lines = vec![world.line(0, "boot", result)];
    for (step, at) in scenario["steps"].as_array().into_iter().flatten().zip(1..) {
        let result = world.step(step);
        lines.push(world.line(at, scenario::text(step, "op", "?"), result));
    }
    let mut last = json!({"step": "final", "tree": world.dump("root")});
    let leaked = world.leaked();
    if !leaked.is_empty() {
        last["leaked"] = json!(leaked);
    }
    lines.push(last);
    lines
}
