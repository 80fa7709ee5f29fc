//! Components that write down what becomes of them, and services made of them.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::System;
use ms_actor::NodeConfig;
use ms_core::health::HealthResult;
use ms_runtime::{
    Builder, Component, ComponentContext, ComponentFailure, ComponentSpec, ControlEndpoint,
    ReloadOutcome, RunConfig, Settings, StateSnapshot,
};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MS: Duration = Duration::from_millis(1);

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("unpoisoned").push(line.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("unpoisoned"))
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().expect("unpoisoned").clone()
    }

    /// The lines that begin so, without that.
    pub fn of(&self, verb: &str) -> Vec<String> {
        let lines = self.lines();
        lines
            .iter()
            .filter_map(|line| line.strip_prefix(verb))
            .map(|rest| rest.trim().to_owned())
            .collect()
    }
}

/// What a [`Part`] does out of the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    None,
    FailsInit,
    FailsStart,
    PanicsInStart,
    HangsInStart,
    SlowInit(Duration),
    FailsStop,
    PanicsInStop,
    HangsInStop,
    HangsInHealth,
    Unhealthy,
    Degraded,
    HandsOver,
}

pub struct Part {
    name: String,
    log: Log,
    quirk: Quirk,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.log.add(format!("drop {}", self.name));
    }
}

impl Component for Part {
    async fn init(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
        self.log.add(format!("init {}", self.name));
        match self.quirk {
            Quirk::FailsInit => Err("no disk".into()),
            Quirk::SlowInit(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn start(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
        match self.quirk {
            Quirk::FailsStart => return Err("port in use".into()),
            Quirk::PanicsInStart => panic!("it broke"),
            Quirk::HangsInStart => std::future::pending().await,
            _ => {}
        }
        self.log.add(format!("start {}", self.name));
        Ok(())
    }

    async fn stop_accepting(&mut self, _: &ComponentContext) {
        self.log.add(format!("quiesce {}", self.name));
    }

    async fn stop(
        &mut self,
        cx: &ComponentContext,
    ) -> Result<Option<StateSnapshot>, ComponentFailure> {
        self.log.add(format!("stop {}", self.name));
        match self.quirk {
            Quirk::FailsStop => Err("still busy".into()),
            Quirk::PanicsInStop => panic!("stopping broke"),
            Quirk::HangsInStop => std::future::pending().await,
            Quirk::HandsOver => Ok(Some(cx.snapshot(3, self.name.clone().into_bytes()))),
            _ => Ok(None),
        }
    }

    async fn health(&mut self, _: &ComponentContext) -> HealthResult {
        self.log.add(format!("health {}", self.name));
        match self.quirk {
            Quirk::HangsInHealth => std::future::pending().await,
            Quirk::Unhealthy => HealthResult::Unhealthy("out of order".to_owned()),
            Quirk::Degraded => HealthResult::Degraded("slow".to_owned()),
            _ => HealthResult::Healthy,
        }
    }

    async fn reload(&mut self, _: &ComponentContext) -> Result<ReloadOutcome, ComponentFailure> {
        self.log.add(format!("reload {}", self.name));
        Ok(ReloadOutcome::Unchanged)
    }
}

/// Makes parts that share a log, and knows how many live.
#[derive(Clone, Default)]
pub struct Parts {
    pub log: Log,
}

impl Parts {
    pub fn part(&self, name: &str) -> ComponentSpec {
        self.odd(name, Quirk::None)
    }

    pub fn odd(&self, name: &str, quirk: Quirk) -> ComponentSpec {
        let (parts, name) = (self.clone(), name.to_owned());
        ComponentSpec::new(name.clone(), move || Part {
            name: name.clone(),
            log: parts.log.clone(),
            quirk,
        })
    }
}

/// A node on one thread, in virtual time.
pub fn virtual_settings() -> Settings {
    let mut run = RunConfig::new("test").control(ControlEndpoint::Off);
    run.node = NodeConfig { name: "test".to_owned(), ..NodeConfig::single_arbiter() };
    Settings::of(run)
}

/// A node with threads, in real time.
pub fn real_settings() -> Settings {
    Settings::of(RunConfig::new("test").arbiters(2).quiet_panics().control(ControlEndpoint::Off))
}

/// Runs a test in virtual time, which passes when nothing else can.
pub fn paused<F: Future>(test: F) -> F::Output {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("runtime")
    };
    System::with_tokio_rt(runtime).block_on(test)
}

/// Runs a test on real threads.
pub fn real<F: Future>(test: F) -> F::Output {
    System::new()
        .block_on(async { tokio::time::timeout(120 * SECOND, test).await.expect("the test ends") })
}

pub fn builder(settings: Settings, parts: impl IntoIterator<Item = ComponentSpec>) -> Builder {
    parts.into_iter().fold(Builder::new(settings), Builder::component)
}
