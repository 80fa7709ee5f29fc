//! From unhealthy to healthy, and how long that took.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ms_core::health::HealthStatus;
use ms_core::interactions::{IncidentId, OpenIncident, Recovery};
use ms_core::time::Tick;

/// Incidents that are over and still told of; the mean is of all that ever were.
pub const MAX_RECOVERIES: usize = 100;

/// What became of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncidentChange {
    /// A component has become unhealthy.
    Opened {
        /// Which incident this is.
        id: IncidentId,
        /// Whose.
        component: String,
    },
    /// It is healthy again.
    Closed {
        /// Which incident that was.
        id: IncidentId,
        /// Whose.
        component: String,
        /// How long it took.
        took: Duration,
    },
}

/// Incidents: at most one open for each component, the last ones that are over, and totals.
#[derive(Debug, Clone, Default)]
pub(super) struct Incidents {
    open: BTreeMap<String, (IncidentId, Tick)>,
    over: VecDeque<Recovery>,
    opened: u64,
    closed: u64,
    total: Duration,
}

impl Incidents {
    pub(super) fn status(
        &mut self,
        now: Tick,
        component: &str,
        status: HealthStatus,
    ) -> Option<IncidentChange> {
        match status {
            HealthStatus::Unhealthy if !self.open.contains_key(component) => {
                self.opened += 1;
                let id = IncidentId(self.opened);
                self.open.insert(component.to_owned(), (id, now));
                Some(IncidentChange::Opened { id, component: component.to_owned() })
            }
            HealthStatus::Healthy => self.close(now, component),
            _ => None,
        }
    }

    fn close(&mut self, now: Tick, component: &str) -> Option<IncidentChange> {
        let (component, (id, began)) = self.open.remove_entry(component)?;
        let took = now.since(began);
        self.closed += 1;
        self.total = self.total.saturating_add(took);
        if self.over.len() == MAX_RECOVERIES {
            self.over.pop_front();
        }
        self.over.push_back(Recovery {
            incident: id,
            component: component.clone(),
            opened_ms: began.as_millis(),
            recovered_ms: now.as_millis(),
            took_ms: millis(took),
        });
        Some(IncidentChange::Closed { id, component, took })
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    pub(super) fn closed(&self) -> u64 {
        self.closed
    }

    /// Mean time to recovery, of all incidents that are over.
    pub(super) fn mean_ms(&self) -> Option<u64> {
        millis(self.total).checked_div(self.closed)
    }

    pub(super) fn over(&self) -> impl Iterator<Item = &Recovery> {
        self.over.iter()
    }

    pub(super) fn open(&self, now: Tick) -> impl Iterator<Item = OpenIncident> + '_ {
        self.open.iter().map(move |(component, &(incident, began))| OpenIncident {
            incident,
            component: component.clone(),
            opened_ms: began.as_millis(),
            for_ms: millis(now.since(began)),
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
