//! A service of three components: booted in the order of their dependencies, healed, and shut down.
//!
//! ```text
//! pre-flight: panic-unwind, file-descriptors, clock, port-7
//! store starts
//! bus starts
//! api starts
//! booted: 11 phases; order store, bus, api
//! work is admitted: true
//! health: Healthy, ready: true
//! the bus is killed
//! bus starts
//! health: Healthy, ready: true
//! api stops
//! bus stops
//! store stops
//! saved: store, version 1, 2 bytes
//! cleaned up: temporary files
//! in order: true, exit code 0
//! ```
#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Duration;

use ms_framework::core::health::{Criticality, HealthResult};
use ms_framework::core::lifecycle::Phase;
use ms_framework::prelude::*;
use ms_framework::runtime::preflight::{PreFlightCheck, PreFlightResult};
use ms_framework::runtime::{
    Builder, CleanupError, CleanupFuture, CleanupHandler, Component, ComponentContext,
    ComponentFailure, ComponentSpec, PersistFuture, Settings, ShutdownReason, SnapshotStore,
    StateSnapshot,
};

/// A component that prints its starts and stops, and has some state to keep.
struct Part {
    name: &'static str,
    state: Option<&'static [u8]>,
}

impl Component for Part {
    async fn start(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
        println!("{} starts", self.name);
        Ok(())
    }

    async fn stop(
        &mut self,
        cx: &ComponentContext,
    ) -> Result<Option<StateSnapshot>, ComponentFailure> {
        println!("{} stops", self.name);
        Ok(self.state.map(|bytes| cx.snapshot(1, bytes.to_vec())))
    }

    async fn health(&mut self, _: &ComponentContext) -> HealthResult {
        HealthResult::Healthy
    }
}

fn part(name: &'static str, state: Option<&'static [u8]>) -> ComponentSpec {
    ComponentSpec::new(name, move || Part { name, state })
}

/// A pre-flight check of our own.
struct PortSeven;

impl PreFlightCheck for PortSeven {
    fn name(&self) -> String {
        "port-7".to_owned()
    }
    fn execute(&self) -> PreFlightResult {
        PreFlightResult::Pass
    }
}

/// The store of states: here it only prints them.
struct PrintedStates;

impl SnapshotStore for PrintedStates {
    fn save(&self, snapshots: Vec<StateSnapshot>, _: Duration) -> PersistFuture<'_> {
        for StateSnapshot { component, schema, bytes } in snapshots {
            println!("saved: {component}, version {schema}, {} bytes", bytes.len());
        }
        Box::pin(async { Vec::new() })
    }
}

/// A step of the cleanup, the last phase.
struct Sweep;

impl CleanupHandler for Sweep {
    fn name(&self) -> &str {
        "temporary files"
    }
    fn priority(&self) -> u32 {
        10
    }
    fn cleanup(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        Box::pin(async {
            println!("cleaned up: temporary files");
            Ok(())
        })
    }
    fn verify(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        Box::pin(async { Ok(()) })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    actix::System::new().block_on(run())
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let node = RunConfig::new("example").arbiters(1).quiet_panics().control(ControlEndpoint::Off);
    // The order of adding does not matter; a cycle would be refused, and named.
    let service = Builder::new(Settings::of(node))
        .component(part("api", None).needs(["bus"]).phase(Phase::Transport))
        .component(
            part("bus", None)
                .needs(["store"])
                .phase(Phase::Core)
                .criticality(Criticality::Degradable),
        )
        .component(part("store", Some(b"42")).phase(Phase::Data))
        .preflight(PortSeven)
        .snapshots(PrintedStates)
        .cleanup(Sweep);
    let checks = service.check()?.checks;
    let names: Vec<_> = checks.iter().map(|check| check.name.as_str()).collect();
    println!("pre-flight: {}", names.join(", "));
    let service = service.start().await?;
    let report = service.boot_report();
    let order: Vec<_> = report.components.iter().map(|one| one.id.as_str()).collect();
    println!("booted: {} phases; order {}", report.phases.len(), order.join(", "));
    println!("work is admitted: {}", service.gate().enter().is_ok());
    health(&service).await?;

    println!("the bus is killed");
    let components = service.root().supervisor("components").await?;
    let bus = components.child(&"bus".try_into()?).await?.ok_or("no bus")?;
    let before = bus.incarnation();
    bus.kill();
    while bus.incarnation() == before || !bus.is_alive() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    health(&service).await?;

    let end = service.shut_down(ShutdownReason::Requested("the example is over".into())).await;
    let clean = end.shutdown.as_ref().is_some_and(|summary| summary.is_clean());
    println!("in order: {clean}, exit code {}", end.code());
    Ok(())
}

async fn health(
    service: &ms_framework::runtime::Service,
) -> Result<(), Box<dyn std::error::Error>> {
    let report = service.health().check(Duration::from_secs(5)).await?;
    let ready = service.health().ready().await?.ready;
    println!("health: {:?}, ready: {ready}", report.overall_status);
    Ok(())
}
