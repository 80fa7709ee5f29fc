//! The readers' handle: a snapshot, read without a lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ms_actor::{Port, StateValue};
use ms_config::{ConfigErrors, Loader, Place, Settings};

use super::messages::{ConfigChanged, Reload, Reloaded};

/// The configuration in force. Cheap to clone, read from any thread.
#[derive(Debug)]
pub struct ConfigHandle<C: Settings>(Arc<Shared<C>>);

impl<C: Settings> Clone for ConfigHandle<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Shared<C: Settings> {
    loader: Loader<C>,
    published: ArcSwap<Published<C>>,
}

/// What the actor publishes. Only the actor writes it.
#[derive(Debug, Clone)]
pub(super) struct Published<C> {
    pub(super) config: Arc<C>,
    pub(super) origins: HashMap<String, Place>,
    pub(super) subscribers: Vec<Port<ConfigChanged>>,
    pub(super) status: ConfigStatus,
    /// The actor, once it has started.
    pub(super) reader: Option<Port<Reload>>,
}

/// The status of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigStatus {
    /// Number of changes put in force since the start.
    pub version: u64,
    /// Number of reloads refused since the start: `config_reload_failed`.
    pub reload_failed: u64,
    /// The errors of the last reload; empty if it was good.
    pub last_failure: Vec<String>,
    /// Keys whose new values wait for a restart.
    pub needs_restart: Vec<String>,
    /// Number of times that a subscriber refused a change or did not answer, since the start.
    pub refused: u64,
    /// Whether the directory is watched.
    pub watching: bool,
}

impl<C: Settings> ConfigHandle<C> {
    /// Reads and checks everything, and logs the warnings. Blocks: call it before the tree starts.
    ///
    /// # Errors
    /// [`ConfigErrors`] lists everything that is wrong.
    pub fn load(loader: Loader<C>) -> Result<Self, ConfigErrors> {
        tracing::info!(
            "Loading configuration for environment: {}",
            // The name comes from outside, and could forge lines of the log.
            loader.environment_name().escape_debug()
        );
        let loaded = loader.load()?;
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let published = Published {
            config: Arc::new(loaded.config),
            origins: loaded.origins,
            subscribers: Vec::new(),
            status: ConfigStatus::default(),
            reader: None,
        };
        Ok(Self(Arc::new(Shared { loader, published: ArcSwap::from_pointee(published) })))
    }

    /// Returns the values in force.
    #[must_use]
    pub fn current(&self) -> Arc<C> {
        Arc::clone(&self.0.published.load().config)
    }

    /// Returns the status of the configuration.
    #[must_use]
    pub fn status(&self) -> ConfigStatus {
        self.0.published.load().status.clone()
    }

    /// Returns where the value of a key in force was written; `None` for its default.
    #[must_use]
    pub fn origin(&self, key: &str) -> Option<Place> {
        self.0.published.load().origins.get(key).cloned()
    }

    /// Returns where the values in force were written, by key; defaults are left out.
    #[must_use]
    pub fn origins(&self) -> HashMap<String, Place> {
        self.0.published.load().origins.clone()
    }

    /// Makes the actor read everything again now, and returns the result.
    ///
    /// # Errors
    /// The actor does not run, or did not answer in time.
    pub async fn reload(&self, within: Duration) -> Result<Reloaded, ReloadError> {
        let reader = self.published().reader.clone().ok_or(ReloadError::NotRunning)?;
        let read = reader.ask(Reload, within).await;
        read.map_err(|error| ReloadError::NoAnswer(error.to_string()))
    }

    pub(super) fn loader(&self) -> &Loader<C> {
        &self.0.loader
    }

    pub(super) fn published(&self) -> Arc<Published<C>> {
        self.0.published.load_full()
    }

    // No compare-and-swap: only the actor writes, one message at a time.
    pub(super) fn publish(&self, published: Published<C>) {
        self.0.published.store(Arc::new(published));
    }
}

/// The reason why nothing was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The actor has not started yet.
    #[error("the configuration is not watched yet; try again when the boot is done")]
    NotRunning,
    /// The actor did not answer: it is being restarted, or the files take too long to read.
    #[error("the configuration was not read: {0}; see the log of its actor, and try again")]
    NoAnswer(String),
}

impl ConfigStatus {
    pub(super) fn view(&self, subscribers: usize) -> StateValue {
        let list =
            |lines: &[String]| StateValue::list(lines.iter().map(|line| line.as_str().into()));
        StateValue::map([
            ("version", self.version.into()),
            ("config_reload_failed", self.reload_failed.into()),
            ("last_failure", list(&self.last_failure)),
            ("needs_restart", list(&self.needs_restart)),
            ("refused", self.refused.into()),
            ("watching", self.watching.into()),
            ("subscribers", (subscribers as u64).into()),
        ])
    }
}
