//! The benchmark of the same name does what it measures.

#![allow(dead_code, missing_docs, clippy::expect_used, reason = "tests, and a benchmark")]

#[path = "../../benches/agent_processing.rs"]
mod bench;

use std::time::Duration;

use ms_actor::{Node, NodeConfig};

/// S6.4-01: groups of 10, 100, 1,000 and 10,000; each ends when its last task has been worked on.
#[test]
fn s6_4_01_groups_of_tasks_are_done_whole() {
    assert_eq!(bench::GROUPS, [10, 100, 1_000, 10_000]);
    actix::System::new().block_on(async {
        let node = Node::boot(NodeConfig { arbiters: 1, ..NodeConfig::default() }).expect("boots");
        let medians = tokio::time::timeout(
            Duration::from_secs(60),
            bench::groups(node, &bench::GROUPS[..2], 2),
        );
        let medians = medians.await.expect("the last task is worked on");
        let sizes: Vec<_> = medians.iter().map(|(size, _)| *size).collect();
        assert_eq!(sizes, [10, 100]);
        assert!(medians.iter().all(|(_, time)| !time.is_zero()));
    });
}
