//! Agents that keep their state: over a crash of theirs, over a restart of everything.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests say what is wrong by failing")]

use crate::common;

use std::path::Path;
use std::time::Duration;

use actix::{Message, System};
use common::{dir, store};
use ms_actor::{Node, NodeConfig, Ref};
use ms_core::view::EventKind;
use ms_core::{ActorPath, ExitReason};
use ms_snapshot::{
    Extract, ExtractError, Extracted, Migration, Persist, Register, RestoreError, SaveAll,
    SnapshotActor, Snapshots, Status, decode,
};
use ms_supervisor::{ChildSpec, Root, SupervisorRef, SupervisorSpec, start_root};
use ms_worker::{Agent, AgentRef, AgentSpec, Cx, GetAgent, Handles, InitError};
use serde_json::json;

#[derive(Clone)]
struct Args {
    snapshots: Snapshots,
    saver: Ref<SnapshotActor>,
}

struct Counter {
    seen: u64,
    args: Args,
}

impl Persist for Counter {
    const SCHEMA: u32 = 2;
    const MIGRATIONS: &'static [Migration] = &[Migration {
        from: 1,
        up: |old| old["n"].as_u64().map(|n| json!(n)).ok_or("no n".into()),
    }];
    type State = u64;

    fn extract(&self) -> u64 {
        self.seen
    }
}

impl Agent for Counter {
    type Args = Args;

    async fn init(args: Args, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        let seen = args.snapshots.restore::<Self>(cx.node(), cx.path()).await;
        let seen = seen.map_err(InitError::failed)?.unwrap_or(0);
        args.saver.ask(Register(cx.me().port())).await.map_err(InitError::failed)?;
        Ok(Self { seen, args })
    }

    async fn terminate(&mut self, _: &ExitReason, cx: &mut Cx<Self>) {
        let put = Snapshots::put(&self.args.saver, cx.path(), cx.incarnation(), self).await;
        put.expect("the saver stops after us");
    }
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Add(u64);

impl Handles<Add> for Counter {
    async fn on(&mut self, Add(n): Add, _: &mut Cx<Self>) -> u64 {
        assert!(n < 100, "too much");
        self.seen += n;
        self.seen
    }
}

impl Handles<Extract> for Counter {
    async fn on(&mut self, _: Extract, cx: &mut Cx<Self>) -> Result<Extracted, ExtractError> {
        Extracted::of(self, cx.incarnation())
    }
}

struct World {
    node: Node,
    root: Root,
    saver: Ref<SnapshotActor>,
    counter: AgentRef<Counter>,
}

/// The saver, then the counters below it: stopped the other way round.
async fn start(dir: &Path) -> World {
    let node = Node::boot(NodeConfig::single_arbiter()).unwrap();
    let snapshots = Snapshots::new(store(dir), None);
    let tree = SupervisorSpec::one_for_one("root")
        .intensity(10, Duration::from_secs(5))
        .child(ChildSpec::blueprint("saver", snapshots.blueprint()));
    let root = start_root(&node, tree).await.unwrap();
    let saver = root.get::<SnapshotActor>("saver").await.unwrap();
    let args = Args { snapshots, saver: saver.clone() };
    root.start_child(ChildSpec::agent::<Counter>("counter", args)).await.unwrap();
    let handle: &SupervisorRef = root.as_supervisor();
    let counter = handle.get_agent::<Counter>("counter").await.unwrap();
    World { node, root, saver, counter }
}

impl World {
    async fn end(self) {
        self.root.any().stop(ExitReason::Shutdown);
        self.root.ended().await;
        self.node.halt(Duration::from_secs(1));
    }
}

/// S5.3-02, S5.3-08, contradiction C5: the stop's last words are in the last save.
/// S5.1-10
#[test]
fn the_counter_survives_a_restart_of_the_whole_node_without_a_save_in_between() {
    System::new().block_on(async {
        let dir = dir();
        let world = start(dir.path()).await;
        assert_eq!(world.counter.ask(Add(7)).await.unwrap(), 7);
        world.end().await;
        let world = start(dir.path()).await;
        assert_eq!(world.counter.ask(Add(1)).await.unwrap(), 8);
        world.end().await;
    });
}

#[test]
fn after_a_crash_an_agent_goes_on_from_its_last_save() {
    System::new().block_on(async {
        let dir = dir();
        let world = start(dir.path()).await;
        world.counter.ask(Add(7)).await.unwrap();
        let report = world.saver.ask(SaveAll).await.unwrap().unwrap();
        assert_eq!((report.saved.len(), report.failed.len()), (1, 0));
        world.counter.ask(Add(1)).await.unwrap();
        assert!(world.counter.ask(Add(100)).await.is_err(), "crashes");
        assert_eq!(world.counter.ask(Add(0)).await.unwrap(), 7, "the 1 was after the save");
        world.end().await;
    });
}

/// Fault 51: saving fails, the agent works on, the status says degraded and recovers.
#[test]
fn fault_51_agents_work_on_while_saving_fails() {
    System::new().block_on(async {
        let dir = dir();
        let world = start(dir.path()).await;
        let moved = dir.path().with_extension("moved");
        // Every folder of a save is made within the directory, which is gone.
        std::fs::remove_dir(dir.path()).unwrap();
        assert!(world.saver.ask(SaveAll).await.unwrap().is_err());
        assert_eq!(world.counter.ask(Add(7)).await.unwrap(), 7);
        let status = world.saver.ask(Status).await.unwrap();
        assert_eq!((status.saves, status.failures), (0, 1));
        assert!(status.degraded.is_some() && !moved.exists());
        let events = world.node.events().kept();
        let noted = |kind: &EventKind| matches!(kind, EventKind::Noted { topic, .. } if topic == "snapshot_failed");
        assert!(events.iter().any(|event| noted(&event.kind)));
        world.end().await;
    });
}

/// Fault 49: the audit line reaches the node's events.
#[test]
fn tampering_is_an_event_and_the_save_before_is_used() {
    System::new().block_on(async {
        let dir = dir();
        let world = start(dir.path()).await;
        world.counter.ask(Add(7)).await.unwrap();
        world.saver.ask(SaveAll).await.unwrap().unwrap();
        world.counter.ask(Add(1)).await.unwrap();
        world.end().await;
        let newest = common::folders(dir.path()).pop().unwrap();
        let file = common::state_file(&newest);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[60] ^= 4;
        std::fs::write(&file, bytes).unwrap();
        let world = start(dir.path()).await;
        assert_eq!(world.counter.ask(Add(0)).await.unwrap(), 7);
        let events = world.node.events().kept();
        let texts: Vec<String> = events
            .into_iter()
            .filter_map(|event| match event.kind {
                EventKind::Noted { topic, text, .. } if topic == "snapshot_refused" => Some(text),
                _ => None,
            })
            .collect();
        assert!(
            texts[0].contains("not authentic") && texts[1].contains("save 1 is used"),
            "{texts:?}"
        );
        world.end().await;
    });
}

#[test]
fn old_schemas_are_brought_up_and_newer_ones_refused() {
    assert_eq!(decode::<Counter>(2, b"7").unwrap(), 7);
    assert_eq!(decode::<Counter>(1, br#"{"n":7}"#).unwrap(), 7);
    assert!(matches!(decode::<Counter>(3, b"7"), Err(RestoreError::Newer { found: 3, ours: 2 })));
    assert!(matches!(decode::<Counter>(0, b"7"), Err(RestoreError::NoMigration { from: 0 })));
    assert!(matches!(decode::<Counter>(1, b"{}"), Err(RestoreError::Migration { from: 1, .. })));
    assert!(matches!(decode::<Counter>(2, b"x"), Err(RestoreError::Decode(_))));
    assert!(ActorPath::new("/root/../x").is_err());
}
