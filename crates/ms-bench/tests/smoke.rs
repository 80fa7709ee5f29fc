//! Every workload of ours runs at a tiny size, so that the benchmarks do not rot.

#![allow(clippy::expect_used, reason = "tests")]

use std::process::Command;

fn ms_bench(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ms-bench")).args(args).output().expect("starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), said + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn each_workload_of_ours_runs_once_at_a_tiny_scale_and_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("figures.json");
    let path = json.to_str().expect("plain");
    let (ok, said) = ms_bench(&[
        "--rounds",
        "1",
        "--scale",
        "0.001",
        "--only",
        "ours,plain actix",
        "--json",
        path,
    ]);
    assert!(ok, "{said}");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&json).expect("written")).expect("JSON");
    let (_, listed) = ms_bench(&["--list"]);
    let workloads = report["workloads"].as_array().expect("a list");
    assert!(workloads.len() >= 20, "{}", workloads.len());
    for workload in workloads {
        let name = workload["name"].as_str().expect("a name");
        assert!(listed.contains(name), "{name} is listed");
        for figure in workload["figures"].as_array().expect("a list") {
            let ours = &figure["rows"][0];
            assert_eq!(ours["contender"], "ours");
            let median = ours["summary"]["median"].as_f64();
            assert!(median.is_some_and(|median| median >= 0.0), "{name}: {ours}");
        }
    }
}

#[test]
fn what_does_not_exist_is_refused_with_exit_code_2() {
    for args in [&["no-such-workload"][..], &["--only", "nobody"], &["--scale", "0", "tell"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_ms-bench")).args(args).output();
        assert_eq!(output.expect("starts").status.code(), Some(2), "{args:?}");
    }
}
