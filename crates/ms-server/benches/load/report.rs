//! A table, or JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::client::{Latency, Tally};

/// One load on one server.
#[derive(Debug)]
pub struct Row {
    server: &'static str,
    load: &'static str,
    clients: usize,
    tasks: f64,
    errors: f64,
    p50: f64,
    p99: f64,
}

impl Row {
    pub fn of(
        server: &'static str,
        load: &'static str,
        clients: usize,
        tasks_each: usize,
        tally: &Tally,
    ) -> Self {
        let requests = tally.answered() + tally.errors;
        Self {
            server,
            load,
            clients,
            tasks: (tally.answered() * tasks_each) as f64 / tally.took.as_secs_f64(),
            errors: tally.errors as f64 / requests.max(1) as f64,
            p50: tally.percentile(0.5),
            p99: tally.percentile(0.99),
        }
    }
}

#[derive(Debug, Default)]
pub struct Report {
    /// Start to startup 200; SIGTERM to the end.
    pub starts: (Tally, Tally),
    pub rows: Vec<Row>,
    /// Tasks a second, from the first batch to the last result.
    pub end_to_end: Option<f64>,
    pub latency: Option<Latency>,
}

impl Report {
    pub fn table(&self) -> String {
        let mut text = String::from(
            "server       load                clients   tasks/s   errors   p50 ms   p99 ms\n",
        );
        for row in &self.rows {
            let Row { server, load, clients, tasks, errors, p50, p99 } = row;
            // Writing into a string cannot fail; so below.
            let _ = writeln!(
                text,
                "{server:<12} {load:<19} {clients:>7} {tasks:>9.0} {:>7.2}% {p50:>8.2} {p99:>8.2}",
                errors * 100.0
            );
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
        for (what, tally) in [("start", &self.starts.0), ("SIGTERM to exit, idle", &self.starts.1)]
        {
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
                "tasks_per_second": row.tasks, "error_rate": row.errors,
                "p50_ms": row.p50, "p99_ms": row.p99,
            })
        });
        let times = |tally: &Tally| {
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
