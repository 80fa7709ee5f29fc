//! The trace of one step, in the canonical form of the golden files.

use serde_json::{Value, json};

/// Events since the last line.
#[derive(Default)]
pub(crate) struct Trace {
    events: Vec<Event>,
    orphans: Vec<Value>,
    /// The results of calls that were made during start attempts, in the order of the calls.
    calls: Vec<Option<Value>>,
    /// Counts all changes, so that the player sees when nothing happens any more.
    pub(crate) version: u64,
}

struct Event {
    value: Value,
    /// For a stop below a dynamic supervisor: that supervisor, and the place among its other stops.
    /// OTP stops such children at the same time, so their order is made canonical.
    parallel: Option<(usize, (u32, String))>,
}

impl Trace {
    pub(crate) fn push(&mut self, value: Value) {
        self.version += 1;
        self.events.push(Event { value, parallel: None });
    }

    pub(crate) fn push_stop(&mut self, value: Value, below: usize, place: (u32, String)) {
        self.version += 1;
        self.events.push(Event { value, parallel: Some((below, place)) });
    }

    pub(crate) fn push_orphan(&mut self, value: Value) {
        self.version += 1;
        self.orphans.push(value);
    }

    /// Notes a call, and returns its number.
    pub(crate) fn push_call(&mut self) -> usize {
        self.version += 1;
        self.calls.push(None);
        self.calls.len() - 1
    }

    pub(crate) fn answer_call(&mut self, number: usize, value: Value) {
        self.version += 1;
        if let Some(call) = self.calls.get_mut(number) {
            *call = Some(value);
        }
    }

    pub(crate) fn calls_wait(&self) -> bool {
        self.calls.iter().any(Option::is_none)
    }

    /// Returns the line of a step, and empties the trace.
    pub(crate) fn line(&mut self, step: usize, op: &str, result: Value) -> Value {
        let mut events = std::mem::take(&mut self.events);
        for run in events.chunk_by_mut(|a, b| match (&a.parallel, &b.parallel) {
            (Some((p, _)), Some((q, _))) => p == q,
            _ => false,
        }) {
            run.sort_by_key(|event| event.parallel.as_ref().map(|(_, place)| place.clone()));
        }
        let events: Vec<Value> = events.into_iter().map(|event| event.value).collect();
        let mut line = json!({"step": step, "op": op, "result": result, "events": events});
        let mut orphans = std::mem::take(&mut self.orphans);
        if !orphans.is_empty() {
            orphans.sort_by_cached_key(erlang_order);
            line["orphans"] = Value::Array(orphans);
        }
        let calls: Vec<Value> = std::mem::take(&mut self.calls).into_iter().flatten().collect();
        if !calls.is_empty() {
            line["calls"] = Value::Array(calls);
        }
        line
    }
}

/// Returns a key that sorts maps as Erlang does: by size, then by keys, then by values in the order of
/// their keys.
fn erlang_order(value: &Value) -> (usize, Vec<String>, Vec<String>) {
    let fields = value.as_object();
    let mut fields: Vec<_> = fields.into_iter().flatten().collect();
    fields.sort_by_key(|(key, _)| key.as_str());
    let keys = fields.iter().map(|(key, _)| (*key).clone()).collect();
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (fields.len(), keys, fields.iter().map(|(_, value)| plain(value)).collect())
}
