//! One batch: its records, the requests applied to them, and the changes to write.
//!
//! No I/O in here: `transaction.rs` loads before and writes after.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ms_core::task::{
    IdempotencyKey, MAX_BATCH, MAX_PAYLOAD, QueueName, Submitted, TaskError, TaskId, TaskState,
    TaskTime, TaskTransition, TaskView,
};
use ms_task::{
    Applied, Held, JournalEntry, MAX_RESULT, MAX_STEP_NAME, MAX_STEPS, PendingTransition,
    Submission, TaskCommand, TaskEvent, TaskOutcome, TaskRecord,
};
use serde_json::Value;

use crate::rows::{UNREADABLE, fault};

/// Tasks by queue and state: for the limit of a queue, and for statistics without counting rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts(HashMap<QueueName, BTreeMap<TaskState, u64>>);

impl Counts {
    pub(crate) fn add(&mut self, queue: &QueueName, state: TaskState, tasks: u64) {
        let states = match self.0.get_mut(queue) {
            Some(states) => states,
            None => self.0.entry(queue.clone()).or_default(),
        };
        *states.entry(state).or_default() += tasks;
    }

    pub(crate) fn remove(&mut self, queue: &QueueName, state: TaskState, tasks: u64) {
        let count = self.0.get_mut(queue).and_then(|states| states.get_mut(&state));
        if let Some(count) = count {
            *count = count.saturating_sub(tasks);
        }
    }

    /// Counts the tasks of a queue that have not ended.
    pub(crate) fn unfinished(&self, queue: &QueueName) -> u64 {
        self.0.get(queue).map_or(0, unfinished)
    }

    /// Counts the tasks that have not ended, and all tasks.
    pub(crate) fn all(&self) -> (u64, u64) {
        let every = self.0.values().flat_map(BTreeMap::values).sum();
        (self.0.values().map(unfinished).sum(), every)
    }

    /// Returns the counts that are not zero.
    pub(crate) fn by_queue(&self) -> BTreeMap<QueueName, BTreeMap<TaskState, u64>> {
        let some = |states: &BTreeMap<TaskState, u64>| {
            states.iter().filter(|&(_, &count)| count > 0).map(|(&is, &n)| (is, n)).collect()
        };
        let queues = self.0.iter().map(|(queue, states)| (queue.clone(), some(states)));
        queues.filter(|(_, states): &(_, BTreeMap<_, _>)| !states.is_empty()).collect()
    }
}

fn unfinished(states: &BTreeMap<TaskState, u64>) -> u64 {
    states.iter().filter(|(state, _)| !state.is_ended()).map(|(_, count)| count).sum()
}

/// The state of one batch between loading and writing.
pub(crate) struct Batch {
    pub(crate) now: TaskTime,
    pub(crate) max_queue: u64,
    pub(crate) records: HashMap<TaskId, TaskRecord>,
    pub(crate) unreadable: HashMap<TaskId, String>,
    /// The first task of each known key, with its request as text.
    pub(crate) keys: HashMap<IdempotencyKey, (TaskId, String)>,
    /// Steps journaled so far, by name, of the tasks that journal in this batch.
    pub(crate) step_names: HashMap<TaskId, BTreeSet<String>>,
    pub(crate) counts: Counts,
    /// The place in the order that the next new task gets.
    pub(crate) next_seq: i64,
    /// The places of those that are new in this batch.
    pub(crate) seqs: HashMap<TaskId, i64>,
    /// Whether anything was written: an empty commit says nothing about the disk.
    pub(crate) wrote: bool,
    /// Bytes of JSON written.
    pub(crate) bytes: usize,
    pub(crate) dirty: BTreeSet<TaskId>,
    pub(crate) requests: Vec<(TaskId, String)>,
    pub(crate) results: Vec<(TaskId, String)>,
    pub(crate) steps: BTreeMap<(TaskId, String), String>,
    pub(crate) checkpoints: BTreeMap<TaskId, String>,
    /// Tasks whose journal nobody will read again.
    pub(crate) forget: BTreeSet<TaskId>,
    /// Published once they are on disk.
    pub(crate) transitions: Vec<TaskTransition>,
}

impl Batch {
    pub(crate) fn new(now: TaskTime, max_queue: u64, counts: Counts, next_seq: i64) -> Self {
        Self {
            now,
            max_queue,
            records: HashMap::new(),
            unreadable: HashMap::new(),
            keys: HashMap::new(),
            step_names: HashMap::new(),
            counts,
            next_seq,
            seqs: HashMap::new(),
            wrote: false,
            bytes: 0,
            dirty: BTreeSet::new(),
            requests: Vec::new(),
            results: Vec::new(),
            steps: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            forget: BTreeSet::new(),
            transitions: Vec::new(),
        }
    }

    /// Takes a loaded record; one that cannot be read affects its task only.
    pub(crate) fn load(&mut self, id: TaskId, record: &str) {
        match serde_json::from_str(record) {
            Ok(record) => drop(self.records.insert(id, record)),
            Err(error) => {
                let error = fault(&error);
                if let Some(left_out) = UNREADABLE.admit() {
                    tracing::error!(task = %id, error, left_out, "a stored task cannot be read");
                }
                drop(self.unreadable.insert(id, error));
            }
        }
    }

    pub(crate) fn submit(&mut self, tasks: &[Submission]) -> Vec<Result<Submitted, TaskError>> {
        if tasks.len() > MAX_BATCH {
            let error = TaskError::BatchTooLarge { found: tasks.len(), limit: MAX_BATCH };
            return tasks.iter().map(|_| Err(error.clone())).collect();
        }
        tasks.iter().map(|submission| self.submit_one(submission)).collect()
    }

    fn submit_one(&mut self, Submission { id, task }: &Submission) -> Result<Submitted, TaskError> {
        let request = encode("the request", task, MAX_PAYLOAD)?;
        if let Some((first, known)) =
            task.idempotency_key.as_ref().and_then(|key| self.keys.get(key))
        {
            if *known != request {
                return Err(TaskError::KeyConflict { first: *first });
            }
            let first = *first;
            return Ok(Submitted { view: self.record(first)?.view(), repeated: true });
        }
        if self.records.contains_key(id) || self.unreadable.contains_key(id) {
            return Err(TaskError::Duplicate(*id));
        }
        let record = TaskRecord::submit(*id, task, self.now)?;
        // After the key: a task that was taken is not refused because the queue is full by now.
        if self.counts.unfinished(&task.queue) >= self.max_queue {
            return Err(TaskError::QueueFull { queue: task.queue.clone(), limit: self.max_queue });
        }
        self.counts.add(&task.queue, record.state, 1);
        self.seqs.insert(*id, self.next_seq);
        self.next_seq += 1;
        if let Some(key) = &task.idempotency_key {
            self.keys.insert(key.clone(), (*id, request.clone()));
        }
        let view = record.view();
        self.transitions.push(ms_task::submitted(&record));
        self.records.insert(*id, record);
        self.dirty.insert(*id);
        self.requests.push((*id, request));
        Ok(Submitted { view, repeated: false })
    }

    pub(crate) fn execute(&mut self, commands: &[TaskCommand]) -> Vec<Result<TaskView, TaskError>> {
        commands.iter().map(|command| self.execute_one(command)).collect()
    }

    fn execute_one(&mut self, command: &TaskCommand) -> Result<TaskView, TaskError> {
        let id = command.id();
        match command {
            TaskCommand::Start(_, token) => self.apply(id, TaskEvent::Start(*token)),
            TaskCommand::Renew(_, token, lease) => {
                self.apply(id, TaskEvent::Renew { token: *token, lease: *lease })
            }
            TaskCommand::Release(_, token) => self.apply(id, TaskEvent::Release(*token)),
            TaskCommand::HandBack(_, token, after) => {
                self.apply(id, TaskEvent::HandBack { token: *token, after: *after })
            }
            TaskCommand::Interrupt(_, token, why) => {
                self.apply(id, TaskEvent::Interrupt { token: Some(*token), why: why.clone() })
            }
            TaskCommand::Cancel(_) => self.apply(id, TaskEvent::Cancel),
            TaskCommand::Replay(_) => self.apply(id, TaskEvent::Replay),
            TaskCommand::Finish(_, token, TaskOutcome::Failed(failure)) => {
                let attempts = self.record(id)?.attempts;
                let unit_random = jitter(id, attempts);
                self.apply(
                    id,
                    TaskEvent::Fail { token: *token, failure: failure.clone(), unit_random },
                )
            }
            TaskCommand::Finish(_, token, TaskOutcome::Completed(result)) => {
                let result = encode("the result", result, MAX_RESULT)?;
                let before = self.record(id)?.state;
                let view = self.apply(id, TaskEvent::Complete(*token))?;
                if before != TaskState::Completed {
                    self.results.push((id, result));
                }
                Ok(view)
            }
            TaskCommand::Journal(_, token, entry) => {
                self.record(id)?.held(*token)?;
                self.journal(id, entry)?;
                Ok(self.record(id)?.view())
            }
        }?;
        Ok(self.record(id)?.view())
    }

    fn journal(&mut self, id: TaskId, entry: &JournalEntry) -> Result<(), TaskError> {
        match entry {
            JournalEntry::Checkpoint(value) => {
                let value = encode("the checkpoint", value, MAX_RESULT)?;
                self.checkpoints.insert(id, value);
            }
            JournalEntry::Step { name, value } => {
                if name.is_empty() || name.len() > MAX_STEP_NAME {
                    let bounds = "1 to 128 bytes";
                    return Err(TaskError::OutOfBounds { what: "the name of a step", bounds });
                }
                let value = encode("the step's result", value, MAX_RESULT)?;
                let names = self.step_names.entry(id).or_default();
                if names.len() >= MAX_STEPS && !names.contains(name) {
                    return Err(TaskError::TooManySteps { id, limit: MAX_STEPS });
                }
                names.insert(name.clone());
                self.steps.insert((id, name.clone()), value);
            }
        }
        Ok(())
    }

    /// Takes back every task that an agent holds, and returns how many there were.
    pub(crate) fn take_back(&mut self, leased: &[TaskId], why: &str) -> usize {
        let interrupt = |id: &&TaskId| {
            let event = TaskEvent::Interrupt { token: None, why: why.to_owned() };
            self.apply(**id, event).is_ok()
        };
        leased.iter().filter(interrupt).count()
    }

    /// Releases every task that an agent holds, except those in `held`, and returns how many there
    /// were.
    pub(crate) fn release_but(&mut self, leased: &[TaskId], held: &Held) -> usize {
        let release = |&&id: &&TaskId| {
            let lease = self.records.get(&id).and_then(|record| record.lease());
            lease.is_some_and(|lease| {
                !held.contains(&(id, lease.token))
                    && self.apply(id, TaskEvent::Release(lease.token)).is_ok()
            })
        };
        leased.iter().filter(release).count()
    }

    /// Applies expired leases and deadlines, and returns how many there were.
    pub(crate) fn expire(&mut self, overdue: &[TaskId]) -> usize {
        overdue.iter().filter(|&&id| self.expire_one(id)).count()
    }

    pub(crate) fn expire_one(&mut self, id: TaskId) -> bool {
        let attempts = self.records.get(&id).map_or(0, |record| record.attempts);
        let before = self.dirty.contains(&id);
        let event = TaskEvent::Expire { unit_random: jitter(id, attempts) };
        self.apply(id, event).is_ok() && (before || self.dirty.contains(&id))
    }

    /// Feeds one event to one task, and updates the counts and what is to be written.
    pub(crate) fn apply(&mut self, id: TaskId, event: TaskEvent) -> Result<TaskView, TaskError> {
        let now = self.now;
        let record = self.record(id)?;
        let was = record.state;
        let pending = PendingTransition::before(record, &event);
        if record.apply(event, now)? == Applied::Already {
            return Ok(record.view());
        }
        let (view, queue) = (record.view(), record.queue.clone());
        let transition = pending.after(record, now);
        self.transitions.extend(transition);
        if was != view.state {
            self.counts.remove(&queue, was, 1);
            self.counts.add(&queue, view.state, 1);
        }
        // A task that failed or is dead may be replayed, and then resumes from its journal.
        if matches!(view.state, TaskState::Completed | TaskState::Cancelled) {
            self.forget.insert(id);
        }
        self.dirty.insert(id);
        Ok(view)
    }

    pub(crate) fn record(&mut self, id: TaskId) -> Result<&mut TaskRecord, TaskError> {
        if let Some(what) = self.unreadable.get(&id) {
            return Err(TaskError::Unreadable { id, what: what.clone() });
        }
        self.records.get_mut(&id).ok_or(TaskError::NotFound(id))
    }
}

fn encode<T: serde::Serialize>(
    what: &'static str,
    value: &T,
    limit: usize,
) -> Result<String, TaskError> {
    // JSON values and requests have no maps with odd keys: encoding them cannot fail.
    let text = serde_json::to_string(value).unwrap_or_else(|_| Value::Null.to_string());
    if text.len() > limit {
        return Err(TaskError::TooLarge { what, bytes: text.len(), limit });
    }
    Ok(text)
}

/// Makes a number in `0.0..1.0` of the random bits of an id and the attempt, so that tasks that
/// failed together do not come back together.
fn jitter(id: TaskId, attempts: u32) -> f64 {
    let mut bits = id.uuid().as_u64_pair().1.wrapping_add(u64::from(attempts) << 32);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
