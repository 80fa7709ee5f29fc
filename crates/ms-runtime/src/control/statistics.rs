//! Counts messages by type, from a given moment on.
//!
//! The kernel always counts. To switch statistics on only remembers where the counts stood.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ms_core::time::part;
use ms_core::view::{ActorStatus, TypeCount};
use ms_core::{ActorPath, Tick};
use ms_ops::OpError;
use ms_ops::ops::CountMessages;
use ms_ops::views::StatisticsView;

use super::NodeControl;
use super::error::of_actor;
use super::steer::is_meant;

/// Most actors with statistics at the same time.
const MAX_BASELINES: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Baselines(Mutex<HashMap<ActorPath, Baseline>>);

/// The counts of an actor when statistics were switched on.
#[derive(Debug, Clone)]
struct Baseline {
    since: Tick,
    status: ActorStatus,
}

impl Baselines {
    fn with<R>(&self, code: impl FnOnce(&mut HashMap<ActorPath, Baseline>) -> R) -> R {
        code(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, path: &ActorPath, baseline: Baseline) -> Result<(), OpError> {
        self.with(|all| {
            // Refused, not evicted: an operator who watches an actor must not lose its baseline
            // because a script switches on a thousand others.
            if all.len() >= MAX_BASELINES && !all.contains_key(path) {
                return Err(OpError::refused(format!(
                    "statistics are on for {MAX_BASELINES} actors, which is the limit"
                ))
                .next("switch some off"));
            }
            all.insert(path.clone(), baseline);
            Ok(())
        })
    }
}

impl NodeControl {
    pub(super) async fn statistics(
        &self,
        path: ActorPath,
        within: Duration,
    ) -> Result<StatisticsView, OpError> {
        let status = self.status_of(&path, within).await?;
        self.counted(path, None, status)
    }

    pub(super) async fn count_messages(
        &self,
        CountMessages { path, on, incarnation, .. }: CountMessages,
        within: Duration,
    ) -> Result<StatisticsView, OpError> {
        let status = self.status_of(&path, within).await?;
        is_meant(&path, incarnation, status.incarnation)?;
        self.counted(path, Some(on), status)
    }

    async fn status_of(&self, path: &ActorPath, within: Duration) -> Result<ActorStatus, OpError> {
        let actor = self.find(path).await?;
        let status = actor.ask_status(within.saturating_sub(part(within, 10))).await;
        status.map_err(|error| of_actor(&error))
    }

    fn counted(
        &self,
        path: ActorPath,
        on: Option<bool>,
        status: ActorStatus,
    ) -> Result<StatisticsView, OpError> {
        let now = self.0.node.now();
        let baselines = &self.0.baselines;
        let base = match on {
            Some(true) => {
                let base = Baseline { since: now, status: status.clone() };
                baselines.set(&path, base.clone())?;
                Some(base)
            }
            Some(false) => baselines.with(|all| all.remove(&path)),
            None => baselines.with(|all| all.get(&path).cloned()),
        };
        let on = base.is_some() && on != Some(false);
        Ok(view(path, on, base.as_ref(), status, now))
    }
}

fn view(
    path: ActorPath,
    on: bool,
    base: Option<&Baseline>,
    status: ActorStatus,
    now: Tick,
) -> StatisticsView {
    // A restart sets the counts to zero, so a baseline of an earlier incarnation would go below it.
    let base = base.filter(|base| base.status.incarnation == status.incarnation);
    let before = base.map(|base| &base.status);
    let counted = |name: &str| {
        let types = before.iter().flat_map(|before| &before.types);
        types.filter(|row| row.message == name).map(|row| row.count).sum::<u64>()
    };
    let since = |row: TypeCount| TypeCount {
        count: row.count.saturating_sub(counted(&row.message)),
        ..row
    };
    let mut types: Vec<TypeCount> =
        status.types.into_iter().map(since).filter(|row| row.count > 0).collect();
    types.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.message.cmp(&b.message)));
    let for_ms = base.map(|base| now.since(base.since).as_millis());
    StatisticsView {
        path,
        on,
        for_ms: for_ms.and_then(|ms| u64::try_from(ms).ok()).or(status.uptime_ms),
        handled: status.handled.saturating_sub(before.map_or(0, |before| before.handled)),
        busy_us: status.busy_us.saturating_sub(before.map_or(0, |before| before.busy_us)),
        types,
    }
}
