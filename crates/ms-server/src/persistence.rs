//! State that outlives the process: sealed snapshots, and the component `ledger` that uses them.

use std::cell::RefCell;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ms_actor::unix_ms;
use ms_core::health::{Criticality, HealthResult};
use ms_core::lifecycle::{ComponentId, Phase};
use ms_core::{ActorPath, ChildId, ErrorChain, IdError, Incarnation};
use ms_runtime::section::FrameworkConfig;
use ms_runtime::{
    Component, ComponentContext, ComponentFailure, ComponentSpec, PersistFuture, SnapshotStore,
    StateSnapshot,
};
use ms_snapshot::{Item, Keyring, SaveError, Store};
use ms_worker::{KeptState, StateError, StateFuture, StateKeeper};
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::error::ServerError;

/// Longest read of a snapshot at the start.
const RESTORE_WITHIN: Duration = Duration::from_secs(5);
/// Longest write of a snapshot between start and stop.
const SAVE_WITHIN: Duration = Duration::from_secs(10);
/// The layout of the ledger's state: a number, as JSON.
const SCHEMA: u32 = 1;

/// Keeps the state of components over restarts of the process, sealed. Cheap to clone.
///
/// The component `keyring` provides it when `persistence.enabled` is set. A component opts in
/// with [`requires::<Snapshots>`](ms_runtime::ComponentSpec::requires). Its init restores the
/// state that its last stop handed over, or that it saved in between.
#[derive(Debug, Clone)]
pub struct Snapshots {
    /// Locked, because two saves at a time would take the same sequence. On blocking threads only.
    store: Arc<Mutex<Store>>,
    /// The file of the keys.
    key_file: PathBuf,
    dir: PathBuf,
}

impl Snapshots {
    /// Opens the snapshots, if the configuration enables them. Blocks.
    pub(crate) fn open(config: &FrameworkConfig) -> Result<Option<Self>, ServerError> {
        let persistence = &config.persistence;
        if !persistence.enabled {
            return Ok(None);
        }
        let failed = |source| ServerError::Persistence { source };
        let ring = Keyring::from_file(&persistence.key_file).map_err(|e| failed(e.into()))?;
        let store = Store::open(&persistence.dir, ring, persistence.keep as usize);
        let store = store.map_err(|error| failed(error.into()))?;
        let key_file = persistence.key_file.clone();
        let dir = persistence.dir.clone();
        Ok(Some(Self { store: Arc::new(Mutex::new(store)), key_file, dir }))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// Calls `run` with the store on a blocking thread, and waits for it at most `within`.
    pub(crate) fn on_store<T: Send + 'static>(
        &self,
        within: Duration,
        run: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, ComponentFailure>> + Send + 'static {
        let store = Arc::clone(&self.store);
        let run = tokio::task::spawn_blocking(move || {
            // Poison is harmless: a store has nothing in memory that a panic could leave half done.
            run(&mut store.lock().unwrap_or_else(PoisonError::into_inner))
        });
        async move { Ok(timeout(within, run).await??) }
    }

    /// Returns the state that the component handed over or saved last; `None` if it never did.
    ///
    /// # Errors
    /// The state cannot be read, or its layout is later than `newest`, the last one that this
    /// program knows.
    pub async fn restore(
        &self,
        cx: &ComponentContext,
        newest: u32,
    ) -> Result<Option<StateSnapshot>, ComponentFailure> {
        let id = cx.id();
        let path = path_of(id)?;
        let found = self.on_store(RESTORE_WITHIN, move |store| store.restore(&path)).await?;
        let (found, audit) = found?;
        for line in audit {
            tracing::warn!(target: "ms_snapshot::audit", component = %id, "{line}");
        }
        match found {
            Some(found) if found.schema > newest => {
                Err(format!("its state has schema {}, this program knows {newest}", found.schema)
                    .into())
            }
            found => Ok(found.map(|found| cx.snapshot(found.schema, found.state.to_vec()))),
        }
    }

    /// Saves a component's state between its start and its stop.
    ///
    /// # Errors
    /// The state was not saved.
    pub async fn save_now(&self, state: StateSnapshot) -> Result<(), ComponentFailure> {
        match self.put(vec![state], SAVE_WITHIN).await.pop() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    async fn put(
        &self,
        snapshots: Vec<StateSnapshot>,
        within: Duration,
    ) -> Vec<(ComponentId, ComponentFailure)> {
        if snapshots.is_empty() {
            return Vec::new();
        }
        let ids: Vec<ComponentId> = snapshots.iter().map(|one| one.component.clone()).collect();
        let all_failed = |why: &str| ids.iter().map(|id| (id.clone(), why.into())).collect();
        let items = match snapshots.into_iter().map(item).collect::<Result<Vec<_>, _>>() {
            Ok(items) => items,
            Err(error) => return all_failed(&error.to_string()),
        };
        let now = unix_ms();
        match self.on_store(within, move |store| store.save(&items, now)).await {
            Ok(Ok(report)) => failures(&ids, report.failed),
            Ok(Err(error)) => all_failed(&ErrorChain::from_error(&error).to_string()),
            Err(error) => all_failed(&error.to_string()),
        }
    }
}

impl SnapshotStore for Snapshots {
    fn save(&self, snapshots: Vec<StateSnapshot>, within: Duration) -> PersistFuture<'_> {
        Box::pin(self.put(snapshots, within))
    }
}

/// Agents save their state under their own paths.
impl StateKeeper for Snapshots {
    fn save(&self, agent: &ActorPath, life: Incarnation, state: KeptState) -> StateFuture<()> {
        let KeptState { schema, json } = state;
        let state = Zeroizing::new(json);
        let item = Item { id: agent.clone(), incarnation: life.0, schema, state };
        let now = unix_ms();
        let saved = self.on_store(SAVE_WITHIN, move |store| store.save(&[item], now));
        Box::pin(async move {
            let report = saved.await.map_err(keeper)?.map_err(keeper)?;
            report.failed.into_iter().try_for_each(|(_, error)| Err(keeper(error)))
        })
    }

    fn newest(&self, agent: &ActorPath) -> StateFuture<Option<KeptState>> {
        let (agent, path) = (agent.clone(), agent.clone());
        let found = self.on_store(RESTORE_WITHIN, move |store| store.restore(&path));
        Box::pin(async move {
            let (found, audit) = found.await.map_err(keeper)?.map_err(keeper)?;
            for line in audit {
                tracing::warn!(target: "ms_snapshot::audit", %agent, "{line}");
            }
            Ok(found.map(|found| KeptState { schema: found.schema, json: found.state.to_vec() }))
        })
    }
}

fn keeper(error: impl Into<ComponentFailure>) -> StateError {
    let error: ComponentFailure = error.into();
    StateError::Keeper(ErrorChain::from_error(&*error).to_string())
}

/// Returns the path of a component's actor, under which its state is sealed.
fn path_of(id: &ComponentId) -> Result<ActorPath, IdError> {
    let components = ActorPath::root(&ChildId::new("root")?).child(&ChildId::new("components")?);
    Ok(components.child(id.as_child()))
}

fn item(StateSnapshot { component, schema, bytes }: StateSnapshot) -> Result<Item, IdError> {
    let id = path_of(&component)?;
    // Nothing counts the lives of a component here; the sequence of the store tells them apart.
    Ok(Item { id, incarnation: 0, schema, state: Zeroizing::new(bytes) })
}

fn failures(
    ids: &[ComponentId],
    failed: Vec<(ActorPath, SaveError)>,
) -> Vec<(ComponentId, ComponentFailure)> {
    let failed = failed.into_iter().filter_map(|(path, error)| {
        let id = ids.iter().find(|id| path_of(id).is_ok_and(|own| own == path))?;
        Some((id.clone(), error.into()))
    });
    failed.collect()
}

/// Counts the starts of this server over restarts of its process, as `ms_framework_starts`.
#[derive(Debug)]
pub(crate) struct Ledger {
    every: Duration,
    starts: u64,
    /// The error of the last save, if it failed; shared with the task that saves.
    trouble: Rc<RefCell<Option<String>>>,
}

impl Ledger {
    /// Returns the component, of phase 6, after the keys. The server works without it.
    pub(crate) fn component(every: Duration) -> ComponentSpec {
        let make = move || Self { every, starts: 0, trouble: Rc::default() };
        let spec = ComponentSpec::new("ledger", make).phase(Phase::Core);
        let spec = spec.requires::<Snapshots>();
        spec.criticality(Criticality::Degradable)
    }

    fn snapshot(starts: u64, cx: &ComponentContext) -> StateSnapshot {
        cx.snapshot(SCHEMA, starts.to_string().into_bytes())
    }
}

impl Component for Ledger {
    async fn init(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        let snapshots: Snapshots = cx.require()?;
        let before: u64 = match snapshots.restore(cx, SCHEMA).await? {
            Some(state) => String::from_utf8(state.bytes)?.parse()?,
            None => 0,
        };
        self.starts = before + 1;
        Ok(())
    }

    async fn start(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        tracing::info!(starts = self.starts, "the server has started with this state directory");
        // Exact up to 2^53 starts.
        #[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
        metrics::gauge!("ms_framework_starts").set(self.starts as f64);
        let snapshots: Snapshots = cx.require()?;
        let (cx, starts, every) = (cx.clone(), self.starts, self.every);
        let trouble = Rc::clone(&self.trouble);
        // Also saved while it runs: a process that is killed has no orderly stop to save in.
        actix::spawn(async move {
            let saving = async {
                loop {
                    let saved = snapshots.save_now(Self::snapshot(starts, &cx)).await;
                    let why = saved.err().map(|error| ErrorChain::from_error(&*error).to_string());
                    if let Some(why) = &why {
                        let what = format!("the state of {} was not saved: {why}", cx.id());
                        cx.emergency().critical_error(what);
                    }
                    *trouble.borrow_mut() = why;
                    sleep(every).await;
                }
            };
            tokio::select! {
                () = saving => {}
                () = cx.shutting_down() => {}
            }
        });
        Ok(())
    }

    async fn stop(
        &mut self,
        cx: &ComponentContext,
    ) -> Result<Option<StateSnapshot>, ComponentFailure> {
        Ok(Some(Self::snapshot(self.starts, cx)))
    }

    /// Reports that it is degraded for as long as its state cannot be saved; it keeps working.
    async fn health(&mut self, _: &ComponentContext) -> HealthResult {
        match &*self.trouble.borrow() {
            Some(why) => HealthResult::Degraded(format!("its state was not saved: {why}")),
            None => HealthResult::Healthy,
        }
    }
}
