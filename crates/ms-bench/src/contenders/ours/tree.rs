//! `msctl tree` on a node with many actors.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use actix::System;
use ms_actor::Placement;
use ms_control::Client;
use ms_core::tree::rows;
use ms_core::view::TreeNode;
use ms_runtime::{ControlEndpoint, RunConfig, Runtime};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::population::idle_spec;
use super::{Counter, Get};
use crate::peer::WAIT_LIMIT;
use crate::sample::{Measured, Sample};
use crate::workloads::tree::Size;

/// The default deadline of msctl.
const WITHIN: Duration = Duration::from_secs(2);

/// The client runs on a thread of its own, as msctl is a process of its own.
pub(super) fn measure(size: Size) -> Sample {
    let folder = std::env::temp_dir().join(format!("ms-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let socket = folder.join("tree.sock");
    let values = System::new().block_on(async {
        let runtime = start(&socket, size.actors).await;
        let (sender, mut tree) = oneshot::channel();
        let client = std::thread::spawn(move || assert!(sender.send(ask(socket)).is_ok(), "heard"));
        let mut longest = Duration::ZERO;
        // Asks an actor beside the supervisors all the time: its longest answer shows how long an
        // inspection makes other actors wait.
        let other = runtime.root().get::<Counter>("other").await.expect("there");
        let (took, tree) = loop {
            let began = Instant::now();
            other.ask(Get).await.expect("answers");
            longest = longest.max(began.elapsed());
            match tree.try_recv() {
                Ok(tree) => break tree,
                Err(TryRecvError::Empty) => tokio::task::yield_now().await,
                Err(TryRecvError::Closed) => panic!("the client failed"),
            }
        };
        client.join().expect("ends");
        // The root, the pool and the other actor are in the tree too.
        assert_eq!(tree.walk().count() as u64, size.actors + 3, "the tree is whole");
        let bytes: usize =
            rows(&tree).map(|row| serde_json::to_vec(&row).expect("plain data").len() + 1).sum();
        assert_eq!(runtime.stop(WAIT_LIMIT).await.code(), 0);
        [took.as_secs_f64(), bytes as f64, longest.as_secs_f64()]
    });
    // A leftover folder does no harm.
    let _ = std::fs::remove_dir_all(folder);
    Ok(Measured { values: values.to_vec(), note: None })
}

async fn start(socket: &std::path::Path, actors: u64) -> Runtime {
    let spec = idle_spec().placement(Placement::WithParent);
    let other = ChildSpec::actor("other", Counter::default).placement(Placement::WithParent);
    let tree = SupervisorSpec::one_for_one("root")
        .child(ChildSpec::supervisor(SupervisorSpec::dynamic("pool", spec)))
        .child(other);
    let config = RunConfig::new("bench").arbiters(1);
    let config = config.control(ControlEndpoint::Path(socket.to_owned()));
    let runtime = Runtime::start(config, |_| tree).await.expect("starts");
    let pool = runtime.root().supervisor("pool").await.expect("there");
    for _ in 0..actors {
        pool.start_another().await.expect("starts");
    }
    runtime
}

fn ask(socket: PathBuf) -> (Duration, TreeNode) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut client = Client::connect(&socket, WITHIN).await.expect("connects");
        let began = Instant::now();
        let tree = client.tree(None, None).await.expect("answers");
        (began.elapsed(), tree)
    })
}
