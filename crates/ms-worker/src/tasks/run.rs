//! One attempt, on the agent's arbiter: the work, and beside it the lease.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ms_core::task::{
    Assignment, FailureKind, FencingToken, TaskCommand, TaskError, TaskFailure, TaskId, TaskStore,
};
use ms_core::time::{later, part};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::Instrument;

use super::cx::TaskCx;
use super::perform::{Perform, Performed, Performs, Task};
use crate::actor::AgentRef;
use crate::cx::Cx;

/// A lease is renewed so many times before it would end.
const RENEWALS: u32 = 3;
/// How often an agent at a task says that it is not hung; more often than any heartbeat that is
/// worth having.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// Does a task, for as long as it is this agent's to do, within a span of its trace.
pub(crate) async fn run<G: Performs>(agent: &mut G, perform: Perform, cx: &mut Cx<G>) -> Performed {
    let Assignment { view, token, .. } = &perform.assignment;
    let trace = view.attempt_trace(*token);
    let span = tracing::info_span!(
        "attempt",
        task = %view.id,
        kind = %view.kind,
        attempt = view.attempts,
        trace_id = trace.map(|trace| tracing::field::display(trace.trace_id())),
        span_id = trace.map(|trace| tracing::field::display(trace.span_id())),
        parent_id = view.traceparent.map(|trace| tracing::field::display(trace.span_id())),
    );
    let kind = view.kind.clone();
    let work = async {
        tracing::debug!(agent = %cx.path(), "begins");
        let performed = attempt(agent, perform, cx).await;
        if let Performed::Done(Err(error)) = &performed {
            // Without its causes: those of a payload that cannot be read quote it.
            let error = &error.message;
            tracing::warn!(component = %cx.path(), operation = %kind, error, "Operation failed");
        }
        performed
    };
    work.instrument(span).await
}

async fn attempt<G: Performs>(agent: &mut G, perform: Perform, cx: &mut Cx<G>) -> Performed {
    let Perform { assignment, store, mut cancelled, lease, held_until, limit } = perform;
    // It may have waited, behind other messages or with a suspended agent.
    if Instant::now() >= held_until || *cancelled.borrow() {
        return Performed::NotBegun;
    }
    let (id, token) = (assignment.view.id, assignment.token);
    let payload = match G::Payload::deserialize(assignment.payload) {
        Ok(payload) => payload,
        Err(error) => {
            let failure = TaskFailure::permanent("the payload is not what it takes");
            return Performed::Done(Err(failure.caused_by(error.to_string())));
        }
    };
    let trace = assignment.view.attempt_trace(token);
    let task = Task { payload, view: assignment.view };
    let keep = keep_lease(Arc::clone(&store), id, token, lease, held_until);
    let beats = beat(cx.me().clone());
    let mut cx = TaskCx::new(cx, store, (id, token), trace, assignment.journal);
    let until = later(Instant::now(), limit);
    tokio::select! {
        // The lease first: what is not this agent's any more is not worked on.
        biased;
        () = keep => Performed::Dropped,
        () = taken_back(&mut cancelled) => Performed::Dropped,
        never = beats => match never {},
        done = agent.perform(task, &mut cx) => Performed::Done(done.and_then(|output| {
            serde_json::to_value(output).map_err(|error| TaskFailure {
                permanent: true,
                ..TaskFailure::from_error(FailureKind::Error, &error)
            })
        })),
        () = sleep_until(until) => Performed::Done(Err(too_long(limit))),
    }
}

/// Beats for an agent at a task: how long that may take say the attempt and the lease, and an
/// agent that awaits is not hung. One that blocks its thread, or hangs elsewhere, does not
/// come to this.
async fn beat<G: Performs>(agent: AgentRef<G>) -> Infallible {
    loop {
        sleep(BEAT_EVERY).await;
        agent.heartbeat();
    }
}

pub(crate) fn too_long(limit: Duration) -> TaskFailure {
    TaskFailure::new(FailureKind::TimedOut, format!("the attempt took longer than {limit:?}"))
}

/// Says that the agent has begun and keeps its lease; returns when the lease is lost.
async fn keep_lease(
    store: Arc<dyn TaskStore>,
    id: TaskId,
    token: FencingToken,
    lease: Duration,
    mut held_until: Instant,
) {
    let mut command = TaskCommand::Start(id, token);
    loop {
        let asked = Instant::now();
        let is_renewal = matches!(command, TaskCommand::Renew(..));
        // Without an answer nothing is known: the lease that is known ends when it ends.
        match timeout_at(held_until, store.execute(vec![command])).await {
            Ok(Ok(answers)) => match answers.first() {
                Some(Err(TaskError::StaleToken { .. } | TaskError::NotFound(_))) => return,
                Some(Ok(_)) if is_renewal => held_until = later(asked, lease),
                _ => {}
            },
            Ok(Err(error)) => tracing::debug!(task = %id, %error, "a lease was not renewed"),
            Err(_) => return,
        }
        if Instant::now() >= held_until {
            return;
        }
        sleep(part(lease, RENEWALS)).await;
        command = TaskCommand::Renew(id, token, lease);
    }
}

/// Waits until the task is cancelled, or its dispatcher is gone.
async fn taken_back(cancelled: &mut watch::Receiver<bool>) {
    drop(cancelled.wait_for(|&cancelled| cancelled).await);
}
