//! The effect of the supervision settings on the components.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

use crate::parts;

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};

use ms_core::Strategy;
use ms_core::lifecycle::ComponentId;
use ms_runtime::{
    Component, ComponentContext, ComponentFailure, ComponentSpec, ReloadOutcome, Service, Settings,
    ShutdownReason,
};
use ms_supervisor::Heartbeat;
use parts::{MS, Parts, Quirk, SECOND, builder, paused, real, real_settings, virtual_settings};

fn over() -> ShutdownReason {
    ShutdownReason::Requested("the test is over".to_owned())
}

async fn kill(service: &Service, component: &str) {
    let components = service.root().supervisor("components").await.expect("there");
    let id = ComponentId::new(component).expect("valid");
    components.child(id.as_child()).await.expect("answers").expect("there").kill();
    tokio::time::sleep(SECOND).await;
}

/// Returns what is restarted, in order, when the second of three components is killed.
fn restarted(strategy: Strategy) -> Vec<String> {
    paused(async {
        let parts = Parts::default();
        let all = [parts.part("c").needs(["b"]), parts.part("b").needs(["a"]), parts.part("a")];
        let mut settings = virtual_settings();
        settings.supervision.strategy = strategy;
        let service = builder(settings, all).start().await.expect("boots");
        parts.log.take();
        kill(&service, "b").await;
        let started = parts.log.of("start");
        assert_eq!(parts.log.of("init"), started, "each is prepared before it is started");
        assert_eq!(service.shut_down(over()).await.code(), 0);
        started
    })
}

/// S7.1-01: the strategy of the settings is that of the components, and they stand in the order in
/// which they are started.
#[test]
fn s7_1_01_the_strategy_decides_which_components_come_along() {
    assert_eq!(restarted(Strategy::OneForOne), ["b"]);
    assert_eq!(restarted(Strategy::RestForOne), ["b", "c"]);
    assert_eq!(restarted(Strategy::OneForAll), ["a", "b", "c"]);
}

/// S2.4-06: a start has a deadline of its own, and a long one does not count as hung.
#[test]
fn a_slow_start_misses_no_heartbeat() {
    paused(async {
        let parts = Parts::default();
        let slow = parts.odd("slow", Quirk::SlowInit(40 * SECOND)).start_within(60 * SECOND);
        let mut settings = virtual_settings();
        settings.supervision.heartbeat = Heartbeat { every: SECOND, missed: 2 };
        settings.boot.within = 60 * SECOND;
        let service = builder(settings, [slow]).start().await.expect("boots");
        assert_eq!(parts.log.lines(), ["init slow", "start slow", "health slow"]);
        assert_eq!(service.shut_down(over()).await.code(), 0);
    });
}

/// Blocks its thread at the first reload, in its first incarnation.
struct Blocks {
    starts: mpsc::Sender<()>,
    gate: Arc<Mutex<Option<Receiver<()>>>>,
}

impl Component for Blocks {
    async fn start(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
        self.starts.send(()).map_err(|error| error.to_string().into())
    }

    async fn reload(&mut self, _: &ComponentContext) -> Result<ReloadOutcome, ComponentFailure> {
        let gate = self.gate.lock().expect("unpoisoned").take();
        if let Some(gate) = gate {
            let _released = gate.recv();
        }
        Ok(ReloadOutcome::Unchanged)
    }
}

/// S2.4-06: a component that blocks its thread is noticed by its missing heartbeats, and restarts
/// on another thread.
#[test]
fn a_component_that_blocks_its_thread_is_started_again_elsewhere() {
    let (starts, started) = mpsc::channel();
    let (release, gate) = mpsc::channel();
    let gate = Arc::new(Mutex::new(Some(gate)));
    let blocks = move || Blocks { starts: starts.clone(), gate: Arc::clone(&gate) };
    real(async {
        let mut settings: Settings = real_settings();
        settings.supervision.heartbeat = Heartbeat { every: 50 * MS, missed: 3 };
        // Found by its own silence, not by that of its thread.
        settings.run.node.wedged_after = None;
        let all = [ComponentSpec::new("blocks", blocks)];
        let service = builder(settings, all).start().await.expect("boots");
        started.try_recv().expect("its first life");
        service.reload();
        while started.try_recv().is_err() {
            tokio::time::sleep(MS).await;
        }
        // The test holds the thread no longer than it needs to.
        drop(release);
        assert_eq!(service.shut_down(over()).await.code(), 0);
    });
}
