//! Inspecting a running demo, and killing any part of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use common::{Bench, Run, finish, pause, until_done};
use ms_control::Client;
use ms_control::proto::{Fault, Verb};
use ms_core::ActorPath;
use ms_core::view::{Mark, TreeNode};

const METRICS: &str = "/root/components/observability/metrics";

/// The path of an auditor.
const fn auditor(n: usize) -> &'static str {
    [
        "/root/components/fleet/tasks/auditor/auditor-1",
        "/root/components/fleet/tasks/auditor/auditor-2",
        "/root/components/fleet/tasks/auditor/auditor-3",
        "/root/components/fleet/tasks/auditor/auditor-4",
    ][n - 1]
}

fn path(text: &str) -> ActorPath {
    ActorPath::new(text).unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Returns whether the boot has reached its last component.
fn is_up(tree: &TreeNode) -> bool {
    tree.walk().any(|node| node.id.as_str() == "walker")
}

/// Connects, as soon as the demo is up.
async fn client(socket: &Path) -> Client {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(mut client) = Client::connect(socket, Duration::from_secs(2)).await
            && client.tree(None, None).await.is_ok_and(|tree| is_up(&tree))
        {
            // A busy machine has other things to do as well.
            let patient = Client::connect(socket, Duration::from_secs(60)).await;
            return patient.expect("it listens");
        }
        assert!(Instant::now() < until, "nobody listens on {socket:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns the whole tree.
async fn whole(client: &mut Client) -> TreeNode {
    ms_testkit::tree::whole(async || client.tree(None, None).await).await
}

fn start(bench: &Bench, name: &str, pace: &str) -> (Child, std::path::PathBuf) {
    let socket = bench.dir.path().join(format!("{name}.sock"));
    let args = ["--pace", pace, "--control", socket.to_str().unwrap()];
    (bench.demo(name, &args).spawn().unwrap(), socket)
}

fn end(bench: &Bench, name: &str, child: Child) -> Run {
    Run::of(finish(child), &bench.dir.path().join(format!("{name}.json")))
}

#[test]
fn any_part_may_be_killed_and_the_result_is_the_same() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let (child, socket) = start(&bench, "killed-parts", "40");
    block_on(async {
        let mut client = client(&socket).await;
        for at in [
            "/root/components/pipeline/walker",
            "/root/components/fleet/tasks/auditor/auditor-1",
            "/root/components/fleet/tasks/dispatcher",
            "/root/components/pipeline/reducer",
            "/root/components/observability/metrics",
            "/root/components/database/store",
            "/root/components/fleet/tasks/auditor",
            "/root/components/pipeline/reporter",
            "/root/components/inventory",
            "/root/components/pipeline",
            "/root/components/fleet",
            "/root/components/database",
        ] {
            tokio::time::sleep(Duration::from_millis(120)).await;
            // A part may still be down with one that was killed before it: on a busy machine its
            // restart takes longer than the pause.
            let end = std::time::Instant::now() + Duration::from_secs(60);
            let (radius, killed) = loop {
                let radius = client.dry_run(path(at), Verb::Kill).await;
                let killed = client.steer(path(at), Verb::Kill, Some("test".into())).await;
                let down =
                    killed.as_ref().is_err_and(|error| error.what.ends_with("is not running"));
                if !down || at.ends_with("walker") || std::time::Instant::now() > end {
                    break (radius, killed);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            // The walker may have ended.
            assert!(killed.is_ok() || at.ends_with("walker"), "{at}: {killed:?}");
            // It may end between the two.
            if let (Ok(_), Ok(radius)) = (killed, radius) {
                assert!(
                    radius.stopped.contains(&path(at)) && !radius.ends_node,
                    "{at}: {radius:?}"
                );
            }
        }
        // The blast radius of the reducer is exactly the pipeline.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let pipeline = |part: &str| path(&format!("/root/components/pipeline/{part}"));
        let radius = client.dry_run(pipeline("reducer"), Verb::Kill).await.unwrap();
        for part in ["reducer", "reporter"] {
            assert!(radius.restarted.contains(&pipeline(part)), "{radius:?}");
        }
        let of_pipeline = |at: &ActorPath| at.as_str().starts_with("/root/components/pipeline/");
        assert!(radius.restarted.iter().all(of_pipeline), "{radius:?}");
    });
    let run = end(&bench, "killed-parts", child);
    run.assert_same_as(&baseline);
    assert!(run.tally("restarts") >= 12, "{}", run.stdout);
    // Finished files were found in the store after each kill, but there was no earlier run.
    assert_eq!(run.fact("resumed"), 0);
}

fn marks(tree: &TreeNode, at: &str) -> Vec<Mark> {
    tree.walk().find(|node| node.status.path == path(at)).unwrap().status.marks.clone()
}

#[test]
fn the_tree_can_be_read_whatever_its_actors_do() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let (child, socket) = start(&bench, "watched", "15");
    block_on(async {
        let mut client = client(&socket).await;
        let (suspended, hung, blocked) = (METRICS, auditor(2), auditor(3));
        client.steer(path(suspended), Verb::Suspend, None).await.unwrap();
        client.inject(path(hung), Fault::Hang).await.unwrap();
        client.inject(path(blocked), Fault::Block).await.unwrap();
        let mut seen = Vec::new();
        let until = Instant::now() + Duration::from_secs(60);
        let wanted = [
            (suspended, Mark::Suspended),
            (suspended, Mark::Backlogged),
            (hung, Mark::Stuck),
            (blocked, Mark::Unresponsive),
        ];
        while seen.len() < wanted.len() && Instant::now() < until {
            let tree = client.tree(None, None).await.unwrap();
            for want in wanted {
                if marks(&tree, want.0).contains(&want.1) && !seen.contains(&want) {
                    seen.push(want);
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(seen.len(), wanted.len(), "{seen:?}");
        client.steer(path(suspended), Verb::Resume, None).await.unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let why = client.why(path(hung), Some(1)).await.unwrap();
            if let Some(why) = why.first() {
                assert_eq!(why.reason.label(), "heartbeat_lost");
                break;
            }
            assert!(Instant::now() < until, "the hung auditor was not replaced");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    end(&bench, "watched", child).assert_same_as(&baseline);
}

/// S1.3-01, S2.2-01, S2.2-02, S6.2-01: the running program, from outside.
#[test]
fn every_part_is_in_the_tree_and_a_crash_injected_into_one_shows_there() {
    let bench = Bench::new();
    let (mut child, socket) = start(&bench, "whole", "60");
    block_on(async {
        let mut client = client(&socket).await;
        let tree = whole(&mut client).await;
        let parts: Vec<_> = tree.walk().map(|node| node.status.path.to_string()).collect();
        let mut expected = vec!["/root".to_owned()];
        let below = |above: &str, names: &[&str]| {
            names.iter().map(|name| format!("/root{above}/{name}")).collect::<Vec<_>>()
        };
        let own = ["lifecycle", "health", "integration", "emergency", "cleanup", "components"];
        expected.extend(below("", &own));
        let components = [
            "observability",
            "observability/metrics",
            "database",
            "database/store",
            "inventory",
            "fleet",
            "fleet/tasks",
            "fleet/tasks/dispatcher",
            "fleet/tasks/auditor",
        ];
        expected.extend(below("/components", &components));
        expected.extend((1..=4).map(|n| auditor(n).to_owned()));
        let pipeline = ["pipeline", "pipeline/reducer", "pipeline/reporter", "pipeline/walker"];
        expected.extend(below("/components", &pipeline));
        assert_eq!(parts, expected);

        let victim = auditor(1);
        client.inject(path(victim), Fault::Crash).await.unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let tree = whole(&mut client).await;
            let node = tree.walk().find(|node| node.status.path == path(victim)).unwrap();
            let auditor = serde_json::to_value(node).unwrap();
            assert_eq!(
                (&auditor["id"], &auditor["status"]["path"]),
                (&"auditor-1".into(), &victim.into())
            );
            if auditor["status"]["restarts"] == 1 && auditor["status"]["lifecycle"] == "running" {
                assert_eq!(auditor["status"]["incarnation"], 2);
                break;
            }
            assert!(Instant::now() < until, "it was not restarted: {auditor}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_crash_is_explained_with_place_and_message() {
    let bench = Bench::new();
    let socket = bench.dir.path().join("why.sock");
    let args =
        ["--pace", "20", "--chaos", "1", "--rate", "0.3", "--control", socket.to_str().unwrap()];
    let mut child = bench.demo("why", &args).spawn().unwrap();
    block_on(async {
        let mut client = client(&socket).await;
        let until = Instant::now() + Duration::from_secs(60);
        let panic = loop {
            let mut all = Vec::new();
            for n in 1..=4 {
                all.extend(client.why(path(auditor(n)), Some(10)).await.unwrap());
            }
            if let Some(panic) = all.iter().find_map(|why| why.reason.panic().cloned()) {
                break panic;
            }
            assert!(Instant::now() < until, "no crash");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(panic.message.contains("while Audit("), "{panic:?}");
        assert!(panic.location.clone().unwrap().file.ends_with("auditor.rs"), "{panic:?}");
        assert!(panic.handling.clone().unwrap().ends_with("Perform"), "{panic:?}");
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_suspended_auditor_holds_nothing_up() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let (child, socket) = start(&bench, "suspended", "10");
    block_on(async {
        let mut client = client(&socket).await;
        for n in 1..=3 {
            client.steer(path(auditor(n)), Verb::Suspend, None).await.unwrap();
        }
    });
    end(&bench, "suspended", child).assert_same_as(&baseline);
}

/// S7.1-05
#[test]
fn a_root_that_gives_up_is_reported_and_nothing_is_lost() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let (mut child, socket) = start(&bench, "given-up", "60");
    // Some files have to be finished, so that there is something to resume.
    until_done(&mut child, 0);
    block_on(async {
        let mut client = client(&socket).await;
        // Each restart waits longer than the one before, and a kill during the wait finds no actor.
        let until = Instant::now() + Duration::from_secs(60);
        while socket.exists() && Instant::now() < until {
            let _gone_already = client.steer(path("/root/components"), Verb::Kill, None).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!socket.exists(), "the root has not given up");
    });
    let run = end(&bench, "given-up", child);
    assert_eq!(run.code, Some(102), "{}", run.stderr);
    assert!(
        run.stderr.contains("the root supervisor gave up: /root/components: killed"),
        "{}",
        run.stderr
    );
    let rest = bench.run("given-up", &[]);
    rest.assert_same_as(&baseline);
    assert!(rest.fact("resumed") > 0);
}

#[test]
fn a_socket_in_use_is_refused_and_harms_nobody() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let (first, socket) = start(&bench, "first", "10");
    block_on(async { drop(client(&socket).await) });
    let second = bench.run("second", &["--control", socket.to_str().unwrap()]);
    assert_eq!(second.code, Some(5), "{}", second.stderr);
    assert!(
        second.stderr.contains("in use") && second.stderr.contains("--control"),
        "{}",
        second.stderr
    );
    let same_state = bench.run("first", &["--no-control"]);
    assert_eq!(same_state.code, Some(5), "{}", same_state.stderr);
    pause(10);
    end(&bench, "first", first).assert_same_as(&baseline);
    assert!(!socket.exists());
}
