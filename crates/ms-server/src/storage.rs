//! The component `storage`: says in the health report whether the task store can write.
//!
//! The store's own tree is healthy for as long as its actors run; a file that is locked by
//! another program, or a disk without room, is no crash of theirs.

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

/// Longest wait for the store's word: shorter than the 3 s a component is granted.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// Asks the store how its last commit went.
#[derive(Debug)]
pub(crate) struct Storage {
    /// Known from its init on.
    tasks: Option<TaskClient>,
}

impl Storage {
    /// As a component of phase 4. Trouble that passes only degrades it: what is on disk can be
    /// read all the while, and who wants something written waits or is told to come again. A
    /// store that is lost takes nothing any more, and the server with it.
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

/// Looks before the boot whether the place of the database has a file, or nothing yet.
#[derive(Debug)]
pub(crate) struct DatabaseFile(pub(crate) PathBuf);

impl PreFlightCheck for DatabaseFile {
    fn name(&self) -> String {
        "database-file".to_owned()
    }

    fn execute(&self) -> PreFlightResult {
        let path = self.0.display();
        match fs::symlink_metadata(&self.0) {
            Ok(facts) if facts.is_file() => PreFlightResult::Pass,
            Ok(_) => PreFlightResult::Fail(format!(
                "{path} is no regular file; set `tasks.database` to another path"
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => PreFlightResult::Pass,
            Err(error) => PreFlightResult::Fail(format!("{path}: {error}; see its directory")),
        }
    }
}

/// Looks whether the task store could be had. For `--check` only: a start waits for a server that
/// is about to leave, and says the same with the exit code of a component that did not start.
#[derive(Debug)]
pub(crate) struct StoreToBeHad(pub(crate) PathBuf);

impl PreFlightCheck for StoreToBeHad {
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
