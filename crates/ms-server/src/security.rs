//! The components of the phase Security: `credentials`, the token that callers need, and `keyring`,
//! the keys that seal snapshots.
//!
//! Both hold the content of a file, look at the file when they are asked for their health, and
//! apply a changed file at SIGHUP. A wrong file changes nothing: the old content stays in force, and
//! the health report names the problem. No message contains a secret or a path.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ms_actor::unix_ms;
use ms_core::health::{Criticality, HealthResult};
use ms_core::lifecycle::Phase;
use ms_core::private::FileFacts;
use ms_runtime::logic::emergency::EmergencyReason;
use ms_runtime::section::FrameworkConfig;
use ms_runtime::{
    Component, ComponentContext, ComponentFailure, ComponentSpec, OpenResource, ReloadOutcome,
};
use ms_snapshot::{KeyError, Keyring};
use ms_transport::{Access, BindError, Token};
use tokio::time::timeout;

use crate::persistence::Snapshots;
use crate::settings::named;

/// Longest look at a file, or at the keys in force.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// A key file that is older should have a new key.
const KEYS_AGE_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Looks in a row that have to find a file writable by others before it is a breach. The first
/// one only warns, so that an operator can still mend the mode.
const LOOKS_EXPOSED: u32 = 2;
/// The advice when a file has another content than the one in force.
const APPLY: &str = "send SIGHUP to apply it";

/// Holds the token of both listeners.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// The file and the token in force; `None` if only loopback clients are admitted.
    token: Option<(PathBuf, Token)>,
    exposure: Exposure,
}

impl Credentials {
    /// Returns the component, of phase 5. Degradable: without its file the token stays in force.
    pub(crate) fn component(config: &FrameworkConfig, access: &Access) -> ComponentSpec {
        let token = match (named(&config.http.auth_token_file), access) {
            (Some(file), Access::Token(token)) => Some((file, token.clone())),
            _ => None,
        };
        let spec = ComponentSpec::new("credentials", move || Self {
            token: token.clone(),
            exposure: Exposure::default(),
        });
        spec.provides(access.clone()).phase(Phase::Security).criticality(Criticality::Degradable)
    }
}

impl Component for Credentials {
    async fn start(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
        match self.token {
            Some(_) => tracing::info!("callers need a token"),
            None => tracing::info!("no token: every client on a loopback address is admitted"),
        }
        Ok(())
    }

    async fn health(&mut self, cx: &ComponentContext) -> HealthResult {
        let Some((file, token)) = &self.token else { return HealthResult::Healthy };
        // First: the content of a file that others may write means nothing.
        if let Some(exposed) = self.exposure.look(file, "token", cx).await {
            return exposed;
        }
        match read_token(file).await {
            Ok(found) if found.is_like(token) => HealthResult::Healthy,
            Ok(_) => HealthResult::Degraded(format!("the token file has changed: {APPLY}")),
            Err(why) => HealthResult::Degraded(format!("the token file cannot be used: {why}")),
        }
    }

    async fn reload(&mut self, _: &ComponentContext) -> Result<ReloadOutcome, ComponentFailure> {
        let Some((file, token)) = &self.token else { return Ok(ReloadOutcome::Unchanged) };
        match read_token(file).await {
            Ok(found) if found.is_like(token) => Ok(ReloadOutcome::Unchanged),
            Ok(found) => {
                token.become_like(&found);
                let what = "the token was replaced; the old one is refused";
                Ok(ReloadOutcome::Changed(what.to_owned()))
            }
            Err(why) => {
                Err(format!("the token file cannot be used; the token stays: {why}").into())
            }
        }
    }
}

/// Reads the token from the file; an error does not name the file.
async fn read_token(file: &Path) -> Result<Token, String> {
    let file = file.to_owned();
    let read = move || {
        Token::from_file(&file).map_err(|error| match error {
            BindError::Token { why, .. } => why,
            other => other.to_string(),
        })
    };
    on_a_thread(read).await?
}

/// Watches the keys of snapshots.
#[derive(Debug)]
pub(crate) struct Keys {
    shelf: Snapshots,
    /// The directory of the snapshots, in the list of open resources. It stays there after the
    /// stop of this component: the last snapshots are written after that.
    listed: Option<OpenResource>,
    exposure: Exposure,
}

impl Keys {
    /// Returns the component, of phase 5. Degradable: without its file the keys stay in force.
    pub(crate) fn component(shelf: Snapshots) -> ComponentSpec {
        let given = shelf.clone();
        let make =
            move || Self { shelf: shelf.clone(), listed: None, exposure: Exposure::default() };
        let spec = ComponentSpec::new("keyring", make).provides(given);
        spec.phase(Phase::Security).criticality(Criticality::Degradable)
    }

    /// Reads the file, and returns its keys and whether they are those in force.
    async fn look(&self) -> Result<(Ring, bool), String> {
        let file = self.shelf.key_file().to_owned();
        let found = on_a_thread(move || read_keys(&file)).await??;
        let ring = self.shelf.on_store(LOOK_WITHIN, move |store| {
            let same = found.ring.is_like(store.ring());
            (found, same)
        });
        // The lock of the store is held by a save.
        ring.await.map_err(|_| "a save takes too long".to_owned())
    }
}

/// A keyring and the age of its file.
struct Ring {
    ring: Keyring,
    age: Duration,
}

fn read_keys(file: &Path) -> Result<Ring, String> {
    let ring = Keyring::from_file(file).map_err(|error| match error {
        KeyError::Io { source, .. } => source.to_string(),
        KeyError::Exposed { reason, .. } => reason,
        other => other.to_string(),
    })?;
    let written = fs::metadata(file).and_then(|about| about.modified());
    let written = written.map_err(|error| error.to_string())?;
    let written = written.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(Ring { ring, age: Duration::from_millis(unix_ms()).saturating_sub(written) })
}

impl Component for Keys {
    async fn start(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        let open = format!("snapshots in {}", self.shelf.dir().display());
        self.listed = Some(cx.track(open));
        let key = self.shelf.on_store(LOOK_WITHIN, |store| store.ring().seals_with().to_string());
        tracing::info!(key = key.await?, "snapshots are sealed");
        Ok(())
    }

    async fn health(&mut self, cx: &ComponentContext) -> HealthResult {
        if let Some(exposed) = self.exposure.look(self.shelf.key_file(), "key", cx).await {
            return exposed;
        }
        match self.look().await {
            Ok((_, false)) => HealthResult::Degraded(format!("the key file has changed: {APPLY}")),
            Ok((Ring { age, .. }, true)) if age > KEYS_AGE_MAX => {
                let days = age.as_secs() / (24 * 60 * 60);
                HealthResult::Degraded(format!(
                    "the key file is {days} days old: add a new key before the others and send SIGHUP"
                ))
            }
            Ok((_, true)) => HealthResult::Healthy,
            Err(why) => HealthResult::Degraded(format!("the key file cannot be used: {why}")),
        }
    }

    async fn reload(&mut self, _: &ComponentContext) -> Result<ReloadOutcome, ComponentFailure> {
        let ring = match self.look().await {
            Ok((_, true)) => return Ok(ReloadOutcome::Unchanged),
            Ok((Ring { ring, .. }, false)) => ring,
            Err(why) => {
                return Err(format!("the key file cannot be used; the keys stay: {why}").into());
            }
        };
        let key = ring.seals_with().to_string();
        match self.shelf.on_store(LOOK_WITHIN, move |store| store.rotate(ring)).await {
            Ok(true) => {
                let what = format!("the keys were replaced; new snapshots are sealed with {key}");
                Ok(ReloadOutcome::Changed(what))
            }
            // Without the last key the snapshots on disk could not be opened again.
            Ok(false) => {
                Err("the key file no longer has the key that sealed last; the keys stay: \
                              write it back after the new one"
                    .into())
            }
            Err(error) => Err(format!("the keys could not be replaced: {error}").into()),
        }
    }
}

/// Counts the looks in a row at which others could write to a file of secrets in force.
///
/// Somebody may have written a secret of their own into it, which the next reload or start would
/// apply. A server does not start with such a file. A running one reports it once, and ends with
/// exit code 104 when the next look finds the same.
#[derive(Debug, Default)]
struct Exposure {
    looks: u32,
}

impl Exposure {
    async fn look(
        &mut self,
        file: &Path,
        what: &str,
        cx: &ComponentContext,
    ) -> Option<HealthResult> {
        let file = file.to_owned();
        // A file that cannot be looked at is reported by the read that follows.
        let found = on_a_thread(move || fs::metadata(file)).await.ok()?.ok()?;
        let facts = FileFacts { mode: found.mode(), uid: found.uid(), gid: found.gid() };
        if !facts.others_may_write() {
            self.looks = 0;
            return None;
        }
        self.looks += 1;
        let why = format!("users other than its owner may write to the {what} file in use");
        if self.looks == LOOKS_EXPOSED {
            cx.emergency().trigger(EmergencyReason::SecurityBreach(why.clone()));
        }
        Some(HealthResult::Degraded(format!(
            "{why}: run `chmod 600` on it, or the server ends (exit code 104) at the next check"
        )))
    }
}

/// Reads a file on a blocking thread, within [`LOOK_WITHIN`].
async fn on_a_thread<T: Send + 'static>(
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let read = timeout(LOOK_WITHIN, tokio::task::spawn_blocking(read)).await;
    let read = read.map_err(|_| format!("it was not read within {LOOK_WITHIN:?}"))?;
    read.map_err(|_| "reading it panicked".to_owned())
}
