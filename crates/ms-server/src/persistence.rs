//! State that outlives the process: sealed snapshots, and the component `ledger` that has some.

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

/// Longest reading of a snapshot at the start.
const RESTORE_WITHIN: Duration = Duration::from_secs(5);
/// Longest write of one between start and stop.
const SAVE_WITHIN: Duration = Duration::from_secs(10);
/// The layout of what the ledger keeps: a number, as JSON.
const SCHEMA: u32 = 1;

/// The state that components keep over the lives of their process, sealed. Cheap to clone.
///
/// The component `keyring` provides it where `persistence.enabled` is set. A component opts in
/// by [`requires::<Snapshots>`](ms_runtime::ComponentSpec::requires): it restores in its init
/// what it hands over in its stop, and what it saved in between.
#[derive(Debug, Clone)]
pub struct Snapshots {
    /// Two saves at one time would take the same sequence. Locked on blocking threads only.
    store: Arc<Mutex<Store>>,
    /// The file of its keys.
    key_file: PathBuf,
    dir: PathBuf,
}

impl Snapshots {
    /// The snapshots that the configuration wants kept, if it does. Blocks.
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

    /// Runs on the store on a blocking thread, within a time.
    pub(crate) fn on_store<T: Send + 'static>(
        &self,
        within: Duration,
        run: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, ComponentFailure>> + Send + 'static {
        let store = Arc::clone(&self.store);
        let run = tokio::task::spawn_blocking(move || {
            // A store keeps nothing in memory that a panic could leave half done.
            run(&mut store.lock().unwrap_or_else(PoisonError::into_inner))
        });
        async move { Ok(timeout(within, run).await??) }
    }

    /// What the component handed over or saved last; `None` if it never did.
    ///
    /// # Errors
    /// It cannot be read, or it has a later layout than `newest`, which this program knows.
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
    /// It was not saved.
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

/// What agents save, each under its own path.
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

/// The path of a component's actor, under which its state is sealed.
fn path_of(id: &ComponentId) -> Result<ActorPath, IdError> {
    let components = ActorPath::root(&ChildId::new("root")?).child(&ChildId::new("components")?);
    Ok(components.child(id.as_child()))
}

fn item(StateSnapshot { component, schema, bytes }: StateSnapshot) -> Result<Item, IdError> {
    let id = path_of(&component)?;
    // A component's keeper does not count its lives; the sequence tells them apart.
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

/// Counts the starts of this server over its lives: `ms_framework_starts`.
#[derive(Debug)]
pub(crate) struct Ledger {
    every: Duration,
    starts: u64,
    /// Why the last save failed, if it did; shared with the task that saves.
    trouble: Rc<RefCell<Option<String>>>,
}

impl Ledger {
    /// As a component of phase 6, after the keys. Work goes on without it.
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
        tracing::info!(starts = self.starts, "this state directory is served");
        // Exact up to 2^53 starts.
        #[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
        metrics::gauge!("ms_framework_starts").set(self.starts as f64);
        let snapshots: Snapshots = cx.require()?;
        let (cx, starts, every) = (cx.clone(), self.starts, self.every);
        let trouble = Rc::clone(&self.trouble);
        // Saved now and then as well: an end without an orderly stop must not lose it.
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

    /// It works on while its state cannot be saved, and says so until it can.
    async fn health(&mut self, _: &ComponentContext) -> HealthResult {
        match &*self.trouble.borrow() {
            Some(why) => HealthResult::Degraded(format!("its state was not saved: {why}")),
            None => HealthResult::Healthy,
        }
    }
}
