//! The actor `meter`: copies the counts of the event bus into the metrics.

use std::time::Duration;

use actix::{Actor, AsyncContext};
use ms_actor::Context;
use ms_bus::BusClient;

/// Time between two copies: shorter than between any two scrapes.
const EVERY: Duration = Duration::from_secs(1);

/// Copies the counts of the bus into the metrics.
#[derive(Debug, Clone)]
pub(super) struct Meter(BusClient);

impl Meter {
    pub(super) const fn new(bus: BusClient) -> Self {
        Self(bus)
    }

    fn record(&self) {
        let stats = self.0.stats();
        let counts = stats.counts;
        // Exact up to 2^53 events.
        #[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
        metrics::gauge!("ms_framework_event_bus_pending_messages").set(counts.pending as f64);
        metrics::counter!("ms_framework_event_bus_published_total").absolute(stats.published);
        let outcomes = [
            ("handled", counts.handled),
            ("dropped", counts.dropped),
            ("refused", counts.refused),
            ("lost", counts.lost),
            ("unreadable", counts.unreadable),
            ("discarded", counts.discarded),
        ];
        for (outcome, count) in outcomes {
            metrics::counter!("ms_framework_event_bus_deliveries_total", "outcome" => outcome)
                .absolute(count);
        }
    }
}

impl Actor for Meter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.record();
        ctx.run_interval(EVERY, |this, _| this.record());
    }
}
