//! A boot that fails leaves nothing behind. Alone in its file: it counts the process's files.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::parts;

use std::fs;

use ms_core::lifecycle::Phase;
use ms_runtime::ShutdownReason;
use parts::{MS, Parts, Quirk, SECOND, builder, real, real_settings};

fn over() -> ShutdownReason {
    ShutdownReason::Requested("the test is over".to_owned())
}

/// F14, S4.2-06, S4.1-14: component k of 6 fails; nothing is left, on real threads.
#[test]
fn a_failure_at_each_component_of_six_leaves_no_task_no_port_and_no_file() {
    real(async {
        let files = || fs::read_dir("/proc/self/fd").expect("linux").count();
        // What the first service of a process opens for all that follow.
        let first = builder(real_settings(), []).start().await.expect("boots");
        let _ = first.shut_down(over()).await;
        for k in 0..6 {
            let parts = Parts::default();
            let name = |n: usize| format!("c{n}");
            let all = (0..6).map(|n| {
                let quirk = if n == k { Quirk::FailsStart } else { Quirk::None };
                let spec = parts.odd(&name(n), quirk).phase(Phase::ALL[2 + n]);
                if n == 0 { spec } else { spec.needs([name(n - 1)]) }
            });
            let before = files();
            let error = builder(real_settings(), all).start().await.expect_err("fails");
            assert!(format!("{error:?}").contains(&format!("component c{k}")), "{error:?}");
            let started: Vec<_> = (0..k).map(name).collect();
            assert_eq!(parts.log.of("start"), started);
            let reversed: Vec<_> = started.iter().rev().cloned().collect();
            // The failed one was initialised: it is asked to stop too, or just dropped.
            assert_eq!(
                parts.log.of("stop").into_iter().filter(|one| *one != name(k)).collect::<Vec<_>>(),
                reversed
            );
            assert_eq!(parts.log.of("drop").len(), 6, "every instance is gone");
            // A thread that was told to end has them for a moment longer.
            let began = std::time::Instant::now();
            while files() > before && began.elapsed() < 60 * SECOND {
                tokio::time::sleep(5 * MS).await;
            }
            assert!(files() <= before, "component {k}: no file is left");
        }
    });
}
