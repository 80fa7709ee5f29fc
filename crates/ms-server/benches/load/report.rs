//! The report as a table or as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::client::Latency;
use super::plan::{LoadTestReport, MetricsCollector, StopRule};

#[derive(Debug, Default)]
pub struct Report {
    /// Start to startup 200; SIGTERM to the end.
    pub starts: (MetricsCollector, MetricsCollector),
    pub rows: Vec<LoadTestReport>,
    pub rule: StopRule,
    /// Tasks a second, from the first batch to the last result.
    pub end_to_end: Option<f64>,
    pub latency: Option<Latency>,
}

impl Report {
    /// Whether a load was stopped.
    pub fn broken(&self) -> bool {
        self.rows.iter().any(|row| row.broken)
    }

    pub fn table(&self) -> String {
        let mut text = String::from(
            "server       load                clients   tasks/s   errors   p50 ms   p99 ms  100 ms  to database, p99 ms\n",
        );
        for row in &self.rows {
            let LoadTestReport { server, load, clients, tasks, p50_ms, p99_ms, .. } = row;
            let errors = row.error_rate * 100.0;
            let target = if row.within_target { "kept" } else { "missed" };
            let database = row.database_p99_ms.map_or("-".to_owned(), |ms| format!("{ms:.2}"));
            // Writing into a string cannot fail; so below.
            let _ = writeln!(
                text,
                "{server:<12} {load:<19} {clients:>7} {tasks:>9.0} {errors:>7.2}% {p50_ms:>8.2} \
                 {p99_ms:>8.2}  {target:<6}  {database:>19}"
            );
        }
        for warning in self.rows.iter().filter_map(|row| row.warning(self.rule)) {
            let _ = writeln!(text, "warning: {warning}");
        }
        if self.broken() {
            return text;
        }
        if let Some(tasks) = self.end_to_end {
            let _ = writeln!(text, "batches, first request to last result: {tasks:.0} tasks/s");
        }
        if let Some(Latency { accepted, result }) = &self.latency {
            let rate = accepted.answered() as f64 / accepted.took.as_secs_f64();
            for (what, tally) in [("due to 201", accepted), ("201 to result", result)] {
                let (p50, p99) = (tally.percentile(0.5), tally.percentile(0.99));
                let errors = tally.errors;
                let _ = writeln!(
                    text,
                    "at {rate:.0} tasks/s, {what}: p50 {p50:.2} ms, p99 {p99:.2} ms, {errors} errors"
                );
            }
        }
        let starts = [("start", &self.starts.0), ("SIGTERM to exit, idle", &self.starts.1)];
        for (what, tally) in starts.into_iter().filter(|(_, tally)| tally.answered() > 0) {
            let (p50, worst) = (tally.percentile(0.5), tally.percentile(1.0));
            let _ = writeln!(
                text,
                "{what}: median {p50:.0} ms, worst {worst:.0} ms of {}",
                tally.answered()
            );
        }
        text
    }

    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "server": row.server, "load": row.load, "clients": row.clients,
                "tasks_per_second": row.tasks, "error_rate": row.error_rate, "stopped": row.broken,
                "p50_ms": row.p50_ms, "p99_ms": row.p99_ms, "p99_within_100_ms": row.within_target,
                "to_database_p99_ms": row.database_p99_ms,
            })
        });
        let times = |tally: &MetricsCollector| {
            json!({
                "count": tally.answered(), "errors": tally.errors,
                "p50_ms": tally.percentile(0.5), "p99_ms": tally.percentile(0.99),
                "worst_ms": tally.percentile(1.0),
            })
        };
        json!({
            "loads": rows.collect::<Vec<_>>(),
            "end_to_end_tasks_per_second": self.end_to_end,
            "at_1000_per_second": self.latency.as_ref().map(|latency| json!({
                "due_to_201": times(&latency.accepted), "201_to_result": times(&latency.result),
            })),
            "start": times(&self.starts.0),
            "sigterm_to_exit_idle": times(&self.starts.1),
        })
    }
}
