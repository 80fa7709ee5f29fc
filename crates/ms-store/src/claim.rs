//! Claims: the part of a commit that hands tasks to agents.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ms_core::task::{AgentKind, NewTask, Priority, QueueName, TaskId, TaskTime, TaskView};
use ms_task::{Assignment, Candidate, ClaimSpec, Journal, TaskEvent, choose};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::batch::Batch;
use crate::messages::Write;
use crate::rows::{fault, id_at, ids};
use crate::write::{Answer, LOAD, flush};

/// Without those that are past their deadline: the limit is for tasks that may start, and any
/// number of others must not stand in front of them.
const LOAD_READY: &str = "SELECT id, priority, submitted FROM tasks \
    WHERE ready = 1 AND queue = ?1 AND kind = ?2 AND (expires IS NULL OR expires > ?4) \
    ORDER BY priority DESC, submitted, id LIMIT ?3";
const PROMOTE: &str = "UPDATE tasks SET ready = 1 WHERE ready = 0 AND not_before <= ?1";
const NEXT_DUE: &str = "SELECT min(not_before) FROM tasks WHERE ready = 0";

/// Out of the way of the others: no task can have them.
const SET_ASIDE_NAMELESS: &str = "UPDATE tasks SET ready = NULL, expires = NULL \
    WHERE length(id) <> 16 AND (ready IS NOT NULL OR expires IS NOT NULL)";

type Conn = SqliteConnection;

/// Fills the answers of all claims, in their order.
pub(crate) async fn claim(
    conn: &mut Conn,
    batch: &mut Batch,
    requests: &[Write],
    answers: &mut [Answer],
) -> Result<(), sqlx::Error> {
    if !requests.iter().any(|request| matches!(request, Write::Claim(..))) {
        return Ok(());
    }
    let now = batch.now.as_millis().cast_signed();
    let promoted = sqlx::query(PROMOTE).bind(now).execute(&mut *conn).await?;
    batch.wrote |= promoted.rows_affected() > 0;
    for (request, answer) in requests.iter().zip(answers) {
        let (Write::Claim(wish, _), Answer::Claim(claimed)) = (request, answer) else { continue };
        claimed.assignments = claim_one(conn, batch, wish).await?;
        let next: Option<i64> = sqlx::query_scalar(NEXT_DUE).fetch_one(&mut *conn).await?;
        claimed.next_due =
            next.map(|at| Duration::from_millis(at.saturating_sub(now).max(0).cast_unsigned()));
    }
    Ok(())
}

async fn claim_one(
    conn: &mut Conn,
    batch: &mut Batch,
    wish: &ClaimSpec,
) -> Result<Vec<Assignment>, sqlx::Error> {
    let mut candidates = Vec::new();
    for (queue, &room) in wish.room.iter().filter(|&(_, &room)| room > 0) {
        for (kind, agents) in wish.free.iter().filter(|(_, agents)| !agents.is_empty()) {
            let most = room.min(agents.len());
            candidates.extend(ready(conn, (queue, kind), most, batch.now).await?);
        }
    }
    let free = wish.free.iter().map(|(kind, agents)| (kind.clone(), agents.len())).collect();
    let chosen = choose(candidates, &wish.room, &free);
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let mut agents = wish.free.clone();
    let wanted = ids(chosen.iter().map(|task| task.id))?;
    for row in sqlx::query(LOAD).bind(&wanted).fetch_all(&mut *conn).await? {
        batch.load(id_at(&row, 0)?, row.try_get(1)?);
    }
    let mut assigned = Vec::new();
    for Candidate { id, kind, .. } in chosen {
        let Some(agent) = agents.get(&kind).and_then(|agents| agents.last().cloned()) else {
            continue;
        };
        let event = TaskEvent::Assign { agent, lease: wish.lease };
        match batch.apply(id, event) {
            Ok(view) => {
                agents.entry(kind).and_modify(|agents| drop(agents.pop()));
                assigned.push(view);
            }
            // Its deadline has passed, or it cannot be read: the sweep tells.
            Err(_) => drop(batch.expire_one(id)),
        }
    }
    flush(conn, batch).await?;
    hand_over(conn, batch, assigned).await
}

/// Adds to assigned tasks what their agents need.
async fn hand_over(
    conn: &mut Conn,
    batch: &mut Batch,
    assigned: Vec<TaskView>,
) -> Result<Vec<Assignment>, sqlx::Error> {
    let all = ids(assigned.iter().map(|view| view.id))?;
    let requests = bodies(
        conn,
        "SELECT id, request FROM requests WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
        &all,
    )
    .await?;
    // A first assignment has no past.
    let later: Vec<TaskId> = assigned
        .iter()
        .filter(|view| view.lease.is_some_and(|lease| lease.token.0 > 1))
        .map(|view| view.id)
        .collect();
    let mut journals =
        if later.is_empty() { Journals::default() } else { journals(conn, &ids(later)?).await? };
    let assignment = |view: TaskView| {
        let id = view.id;
        if journals.unreadable.contains(&id) {
            // As with a request: it may not be done over as if it had no past.
            return None;
        }
        let request: NewTask =
            match serde_json::from_str(requests.get(&id).map_or("", String::as_str)) {
                Ok(request) => request,
                Err(error) => {
                    // Nobody is given it: its lease ends, and in the end it is among the dead.
                    let error = fault(&error);
                    tracing::error!(task = %id, error, "a stored request cannot be read");
                    return None;
                }
            };
        Some(Assignment {
            token: view.lease.map(|lease| lease.token).unwrap_or_default(),
            payload: request.payload,
            attempt_ms: batch.records.get(&id).and_then(|record| record.attempt_ms),
            journal: journals.of.remove(&id).unwrap_or_default(),
            view,
        })
    };
    Ok(assigned.into_iter().filter_map(assignment).collect())
}

/// What earlier attempts have left, and whose cannot be read.
#[derive(Default)]
struct Journals {
    of: HashMap<TaskId, Journal>,
    unreadable: HashSet<TaskId>,
}

impl Journals {
    fn decode(&mut self, id: TaskId, text: &str) -> Option<serde_json::Value> {
        let decoded = serde_json::from_str(text).inspect_err(|error| {
            let error = fault(error);
            tracing::error!(task = %id, error, "a stored journal cannot be read");
            self.unreadable.insert(id);
        });
        decoded.ok()
    }
}

async fn journals(conn: &mut Conn, wanted: &str) -> Result<Journals, sqlx::Error> {
    let mut journals = Journals::default();
    let steps = sqlx::query(
        "SELECT id, name, value FROM steps WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
    );
    for row in steps.bind(wanted).fetch_all(&mut *conn).await? {
        let id = id_at(&row, 0)?;
        if let Some(value) = journals.decode(id, row.try_get(2)?) {
            journals.of.entry(id).or_default().steps.insert(row.try_get(1)?, value);
        }
    }
    let checkpoints = bodies(
        conn,
        "SELECT id, value FROM checkpoints WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
        wanted,
    );
    for (id, text) in checkpoints.await? {
        if let Some(value) = journals.decode(id, &text) {
            journals.of.entry(id).or_default().checkpoint = Some(value);
        }
    }
    Ok(journals)
}

async fn bodies(
    conn: &mut Conn,
    sql: &'static str,
    wanted: &str,
) -> Result<HashMap<TaskId, String>, sqlx::Error> {
    let rows = sqlx::query(sql).bind(wanted).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((id_at(row, 0)?, row.try_get(1)?))).collect()
}

/// The next tasks of one queue for one kind of agent.
async fn ready(
    conn: &mut Conn,
    (queue, kind): (&QueueName, &AgentKind),
    most: usize,
    now: TaskTime,
) -> Result<Vec<Candidate>, sqlx::Error> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let query = sqlx::query(LOAD_READY).bind(queue.as_str()).bind(kind.as_str()).bind(most);
    let query = query.bind(now.as_millis().cast_signed());
    let rows = query.fetch_all(&mut *conn).await?;
    let candidate = |row: &SqliteRow| {
        Ok::<_, sqlx::Error>(Candidate {
            id: id_at(row, 0)?,
            queue: queue.clone(),
            kind: kind.clone(),
            priority: Priority::new(row.try_get(1)?).unwrap_or_default(),
            submitted: TaskTime::from_millis(row.try_get::<i64, _>(2)?.cast_unsigned()),
        })
    };
    let candidates: Vec<_> = rows.iter().filter_map(|row| candidate(row).ok()).collect();
    if candidates.len() < rows.len() {
        tracing::error!(%queue, %kind, "stored tasks without a readable id are set aside");
        sqlx::query(SET_ASIDE_NAMELESS).execute(conn).await?;
    }
    Ok(candidates)
}
