//! The canonical trace of a step, as FORMAT.md wants it.

use serde_json::{Value, json};

/// Events of one step.
#[derive(Default)]
pub struct Trace {
    events: Vec<Event>,
    orphans: Vec<Value>,
}

struct Event {
    value: Value,
    /// A stop below this dynamic supervisor, with its place among its like.
    parallel: Option<(usize, (u32, String))>,
}

impl Trace {
    pub fn push(&mut self, value: Value) {
        self.events.push(Event { value, parallel: None });
    }

    pub fn push_stop(&mut self, value: Value, dynamic: Option<usize>, place: (u32, String)) {
        self.events.push(Event { value, parallel: dynamic.map(|parent| (parent, place)) });
    }

    pub fn push_orphan(&mut self, value: Value) {
        self.orphans.push(value);
    }

    /// Events and orphans of the step, canonical, and an empty trace again.
    pub fn take(&mut self) -> (Vec<Value>, Vec<Value>) {
        let mut events = std::mem::take(&mut self.events);
        for run in events.chunk_by_mut(|a, b| match (&a.parallel, &b.parallel) {
            (Some((p, _)), Some((q, _))) => p == q,
            _ => false,
        }) {
            run.sort_by_key(|event| event.parallel.as_ref().map(|(_, place)| place.clone()));
        }
        let mut orphans = std::mem::take(&mut self.orphans);
        orphans.sort_by_key(Value::to_string);
        (events.into_iter().map(|event| event.value).collect(), orphans)
    }
}

/// One line of the expected file with what has no order sorted our way.
pub fn canonical(mut line: Value) -> Value {
    if let Some(orphans) = line.get_mut("orphans").and_then(Value::as_array_mut) {
        orphans.sort_by_key(Value::to_string);
    }
    line
}

pub fn line(step: usize, op: &str, result: Value, trace: &mut Trace, calls: Vec<Value>) -> Value {
    let (events, orphans) = trace.take();
    let mut line = json!({"step": step, "op": op, "result": result, "events": events});
    if !orphans.is_empty() {
        line["orphans"] = Value::Array(orphans);
    }
    if !calls.is_empty() {
        line["calls"] = Value::Array(calls);
    }
    line
}
