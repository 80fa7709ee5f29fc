//! The component `storage`: reports in the health report whether the task store can write.
//!
//! The store's own tree is healthy for as long as its actors run. A file that another program has
//! locked, or a full disk, does not crash them.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use ms_core::health::{Criticality, HealthResult};
use ms_core::lifecycle::Phase;
use ms_core::task::StoreError;
use ms_runtime::preflight::{PreFlightCheck, PreFlightResult};
use ms_runtime::{Component, ComponentContext, ComponentFailure, ComponentSpec};
use ms_worker::tasks::TaskClient;
use tokio::time::timeout;

/// Longest wait for the store's answer: shorter than the 3 s that a component is granted.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// Asks the store for the outcome of its last commit.
#[derive(Debug)]
pub(crate) struct Storage {
    /// Set by its init.
    tasks: Option<TaskClient>,
}

impl Storage {
    /// Returns the component, of phase 4.
    ///
    /// A problem that passes only degrades it: everything on disk can still be read, and writers
    /// wait or are asked to come again. A lost store accepts nothing any more, and with it the
    /// server, so that is unhealthy.
    pub(crate) fn component() -> ComponentSpec {
        let spec = ComponentSpec::new("storage", || Self { tasks: None });
        spec.phase(Phase::Data).requires::<TaskClient>().criticality(Criticality::Critical)
    }
}

impl Component for Storage {
    async fn init(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        self.tasks = Some(cx.require()?);
        Ok(())
    }

    async fn health(&mut self, _: &ComponentContext) -> HealthResult {
        let Some(tasks) = &self.tasks else { return HealthResult::Healthy };
        match timeout(LOOK_WITHIN, tasks.stats()).await {
            Ok(Ok(stats)) => match stats.trouble {
                Some(why) => HealthResult::Degraded(why),
                None => HealthResult::Healthy,
            },
            Ok(Err(error @ (StoreError::Lost { .. } | StoreError::Corrupt { .. }))) => {
                HealthResult::Unhealthy(error.to_string())
            }
            Ok(Err(error)) => HealthResult::Degraded(error.to_string()),
            Err(_) => HealthResult::Degraded("the store does not answer".to_owned()),
        }
    }
}

/// Checks before the boot that the path of the database is a file, or nothing yet.
#[derive(Debug)]
pub(crate) struct DatabaseFile(pub(crate) PathBuf);

impl PreFlightCheck for DatabaseFile {
    fn name(&self) -> String {
        "database-file".to_owned()
    }

    fn execute(&self) -> PreFlightResult {
        let path = self.0.display();
        // A link is refused as well, whatever it points to: the store does not follow one.
        match fs::symlink_metadata(&self.0) {
            Ok(facts) if facts.is_file() => PreFlightResult::Pass,
            Ok(_) => PreFlightResult::Fail(format!(
                "{path} is not a regular file; set `tasks.database` to another path"
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => PreFlightResult::Pass,
            Err(error) => PreFlightResult::Fail(format!("{path}: {error}; see its directory")),
        }
    }
}

/// Checks that the task store can be opened.
///
/// For `--check` only. A start waits for the lock of a server that is stopping, and reports the
/// same problem with the exit code of a component that did not start.
#[derive(Debug)]
pub(crate) struct StoreUsable(pub(crate) PathBuf);

impl PreFlightCheck for StoreUsable {
    fn name(&self) -> String {
        "task-store".to_owned()
    }

    fn execute(&self) -> PreFlightResult {
        match ms_store::probe(&self.0) {
            Ok(()) => PreFlightResult::Pass,
            Err(error) => PreFlightResult::Fail(error.to_string()),
        }
    }
}
