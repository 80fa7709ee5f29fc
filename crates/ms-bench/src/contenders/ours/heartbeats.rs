//! The CPU time of a million idle actors, and what heartbeats add to it.

use std::time::Duration;

use actix::System;
use ms_actor::{Node, NodeConfig, Placement};
use ms_supervisor::{Heartbeat, SupervisorSpec, start_root};

use super::population::idle_spec;
use crate::peer::{WAIT_LIMIT, until_alive};
use crate::proc::cpu_seconds;
use crate::sample::{Measured, Sample};
use crate::workloads::heartbeats::Size;

pub(super) fn measure(size: Size) -> Sample {
    let values = System::new().block_on(async {
        let node = Node::boot(NodeConfig { arbiters: 1, ..NodeConfig::default() }).expect("boots");
        let mut values = Vec::new();
        // One node for both measurements, so that what the node does by itself is in both figures.
        for heartbeat in [None, Some(Heartbeat::default())] {
            let spec = idle_spec().placement(Placement::WithParent);
            let spec = heartbeat.into_iter().fold(spec, |spec, beat| spec.heartbeat(beat));
            let root =
                start_root(&node, SupervisorSpec::dynamic("root", spec)).await.expect("starts");
            for _ in 0..size.actors {
                root.start_another().await.expect("starts");
            }
            values.push(cpu_per_second(Duration::from_secs(size.seconds)).await);
            root.stop(WAIT_LIMIT).await;
            until_alive(0).await;
        }
        node.halt(Duration::from_secs(5));
        values
    });
    Ok(Measured { values, note: None })
}

async fn cpu_per_second(window: Duration) -> f64 {
    let before = cpu_seconds();
    tokio::time::sleep(window).await;
    (cpu_seconds() - before) / window.as_secs_f64()
}
