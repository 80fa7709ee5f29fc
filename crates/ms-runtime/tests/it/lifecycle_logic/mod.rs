//! Order, boot and shutdown of components, whatever the components do.
#![allow(clippy::expect_used, reason = "tests")]

use std::time::Duration;

use ms_core::lifecycle::{ComponentId, Phase};
use ms_runtime::logic::graph::OrderHint;
use ms_runtime::logic::plan::{BootPlan, PlannedComponent};

mod boot;
mod graph;
mod shutdown;

const SECOND: Duration = Duration::from_secs(1);

fn id(text: &str) -> ComponentId {
    ComponentId::new(text).expect("valid")
}

fn ids(text: &str) -> Vec<ComponentId> {
    text.split_whitespace().map(id).collect()
}

fn planned(name: &str, needs: &str, phase: Phase) -> PlannedComponent {
    PlannedComponent {
        id: id(name),
        needs: ids(needs),
        phase,
        start_within: 5 * SECOND,
        stop_within: 5 * SECOND,
    }
}

/// Components without needs in one phase, or with: `"b: a"`.
fn plan(lines: &[&str]) -> BootPlan {
    let components = lines.iter().map(|line| {
        let (name, needs) = line.split_once(':').unwrap_or((line, ""));
        planned(name, needs, Phase::Core)
    });
    BootPlan::new(components.collect(), &OrderHint::default()).expect("valid")
}
