//! One attempt, on the agent's arbiter: the work, and beside it the lease.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ms_core::task::{FailureKind, FencingToken, TaskError, TaskFailure, TaskId};
use ms_core::time::{later, part, total};
use ms_task::{Assignment, TaskCommand, TaskStore};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument;

use super::cx::{AttemptFlags, TaskCx};
use super::intake::read;
use super::json;
use super::perform::{Orders, Perform, Performed};
use super::performs::{Performs, Task};
use super::vigil::{SignOfLife, Vigil};
use crate::actor::AgentRef;
use crate::agent::Handles;
use crate::cx::Cx;

/// A lease is renewed so many times before it would end.
const RENEWALS: u32 = 3;
/// Interval of the heartbeats of an agent at a task: shorter than any sensible heartbeat interval.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// Pause between two attempts to renew a lease that is over: the store cannot write at present.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Longest wait of an agent that is to stop for an entry of its journal to be written.
const LAST_ENTRY: Duration = Duration::from_secs(1);

impl<G: Performs> Handles<Perform> for G {
    async fn on(&mut self, perform: Perform, cx: &mut Cx<Self>) -> Performed {
        run(self, perform, cx).await
    }
}

/// Does a task, for as long as it is this agent's to do, within a span of its trace.
async fn run<G: Performs>(agent: &mut G, perform: Perform, cx: &mut Cx<G>) -> Performed {
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
    let Perform { assignment, store, orders, lease, held_until, limit, vigil, sign } = perform;
    // It may have waited, behind other messages or with a suspended agent.
    if Instant::now() >= held_until || *orders.borrow() != Orders::GoOn || cx.is_cancelled() {
        return Performed::NotBegun;
    }
    let (id, token) = (assignment.view.id, assignment.token);
    let payload = match read::<G>(assignment.payload, cx.pool_args()) {
        Ok(payload) => payload,
        Err(error) => {
            let failure =
                TaskFailure::permanent("the payload is not of the type that this agent takes");
            return Performed::Done(Err(failure.caused_by(error.to_string())));
        }
    };
    let trace = assignment.view.attempt_trace(token);
    let task = Task { payload, view: assignment.view };
    let hold = Hold::new(held_until, &vigil);
    cx.set_deadline(later(Instant::now(), limit));
    let stopped = stop_requested(cx.cancellation(), orders.clone());
    let beats = beat(cx.me().clone());
    let flags = Rc::new(AttemptFlags::default());
    let keep = keep_lease(Arc::clone(&store), id, token, lease, &hold, &sign);
    let mut cx = TaskCx::new(cx, store, (id, token), trace, assignment.journal, Rc::clone(&flags));
    let time_is_up = time_is_up(limit, &hold);
    let perform = while_held(&hold, agent.perform(task, &mut cx));
    tokio::select! {
        // The lease first: an agent never works on a task that is no longer its own.
        biased;
        () = keep => Performed::Dropped,
        () = taken_back(orders) => Performed::Dropped,
        never = beats => match never {},
        done = perform => match (done, flags.handed_back()) {
            (Err(_), Some(after)) => Performed::HandedBack(after),
            (done, _) => Performed::Done(done.and_then(|output| json::encode("the result", &output))),
        },
        // After the work, which so gets to its next `await` and leaves no step half journaled.
        () = unless(&flags, stopped) => Performed::HandedBack(Duration::ZERO),
        () = time_is_up => Performed::Done(Err(too_long(limit))),
    }
}

/// Sends heartbeats for an agent at a task. The limits of a task are its attempt and its lease, and
/// an agent that awaits is not hung. One that blocks its thread never gets here.
async fn beat<G: Performs>(agent: AgentRef<G>) -> Infallible {
    loop {
        sleep(BEAT_EVERY).await;
        agent.heartbeat();
    }
}

pub(crate) fn too_long(limit: Duration) -> TaskFailure {
    TaskFailure::new(FailureKind::TimedOut, format!("the attempt took longer than {limit:?}"))
}

/// The time until which the agent may rely on its lease, and the time for which it could not.
struct Hold<'a> {
    vigil: &'a Vigil,
    until: Cell<Instant>,
    /// Time between the end of a lease and its renewal, without time the process lost.
    paused: Cell<Duration>,
    lost: Cell<Duration>,
}

impl<'a> Hold<'a> {
    fn new(until: Instant, vigil: &'a Vigil) -> Self {
        let lost = Cell::new(vigil.lost());
        Self { vigil, until: Cell::new(until), paused: Cell::default(), lost }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until.get()
    }

    fn renewed(&self, until: Instant) {
        let gap = Instant::now().saturating_duration_since(self.until.get());
        let lost = self.vigil.lost();
        let lost_since = lost.saturating_sub(self.lost.replace(lost));
        self.paused.set(total([self.paused.get(), gap.saturating_sub(lost_since)]));
        self.until.set(until);
    }

    /// Returns the time of the attempt that was not the agent's.
    fn given(&self, lost_before: Duration) -> Duration {
        self.vigil.lost().saturating_sub(lost_before).saturating_add(self.paused.get())
    }
}

/// Runs `work` only while the lease holds: a process that was stopped, or could not write for the
/// length of a lease, first asks whether the task is still its own.
async fn while_held<T>(hold: &Hold<'_>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| match hold.is_over() {
        // The renewal of the lease runs in the same task, so this is polled again after it.
        true => Poll::Pending,
        false => work.as_mut().poll(context),
    })
    .await
}

/// Reports that the agent has begun and renews its lease; returns when the task is no longer its
/// own.
async fn keep_lease(
    store: Arc<dyn TaskStore>,
    id: TaskId,
    token: FencingToken,
    lease: Duration,
    hold: &Hold<'_>,
    sign: &SignOfLife,
) {
    let mut command = TaskCommand::Start(id, token);
    loop {
        sign.give(hold.vigil.now());
        let asked = Instant::now();
        let is_renewal = matches!(command, TaskCommand::Renew(..));
        match timeout(lease, store.execute(vec![command])).await {
            Ok(Ok(answers)) => match answers.first() {
                Some(Err(TaskError::StaleToken { .. } | TaskError::NotFound(_))) => return,
                Some(Ok(_)) if is_renewal => hold.renewed(later(asked, lease)),
                _ => {}
            },
            // The store failed for good: the agent is freed for other work.
            Ok(Err(error)) if !error.is_transient() && hold.is_over() => return,
            Ok(Err(error)) => {
                hold.vigil.doubt();
                tracing::debug!(task = %id, %error, "a lease was not renewed");
            }
            Err(_) => hold.vigil.doubt(),
        }
        let pause = part(lease, RENEWALS);
        sleep(if hold.is_over() { pause.min(TRY_AGAIN) } else { pause }).await;
        command = TaskCommand::Renew(id, token, lease);
    }
}

/// Waits until the attempt has had its time. Time in which the process did not run, or the work
/// was held up because the lease could not be renewed, is no time of the attempt.
async fn time_is_up(limit: Duration, hold: &Hold<'_>) {
    let (begun, lost) = (Instant::now(), hold.vigil.lost());
    loop {
        let until = later(begun, limit.saturating_add(hold.given(lost)));
        if Instant::now() >= until && !hold.is_over() {
            return;
        }
        // At least a millisecond: while the lease is over, the time may be past, and this would
        // spin.
        sleep_until(until.max(later(Instant::now(), Duration::from_millis(1)))).await;
    }
}

/// Waits until the task is cancelled, or its dispatcher is gone.
async fn taken_back(mut orders: watch::Receiver<Orders>) {
    drop(orders.wait_for(|&orders| orders == Orders::Drop).await);
}

/// Waits until the agent, or the dispatcher with all its tasks, is asked to stop.
async fn stop_requested(mut agent: watch::Receiver<bool>, mut orders: watch::Receiver<Orders>) {
    let agent = async { drop(agent.wait_for(|&stopped| stopped).await) };
    let dispatcher = async {
        if orders.wait_for(|&orders| orders == Orders::HandBack).await.is_err() {
            // The dispatcher is gone: `taken_back` ends the attempt, not this.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = agent => {}
        () = dispatcher => {}
    }
}

/// Waits for `stopped`, and then a little while for a journal entry on its way.
async fn unless(flags: &AttemptFlags, stopped: impl Future<Output = ()>) {
    stopped.await;
    // The work writes and is polled in the same task, so each end of a write is seen.
    let written = poll_fn(|_| match flags.is_writing() {
        true => Poll::Pending,
        false => Poll::Ready(()),
    });
    drop(timeout(LAST_ENTRY, written).await);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ms_actor::{Node, NodeConfig};
    use ms_core::task::{NewTask, StoreError, Submitted, TaskFilter, TaskPage, TaskView};
    use ms_task::{ClaimSpec, Claimed, Held, StoreFuture, StoreStats, Submission, Swept, TaskEnd};
    use serde_json::Value;

    use super::*;

    /// Counts the words of an agent about its task; it is asked nothing else.
    #[derive(Debug, Default)]
    struct Words(AtomicUsize);

    fn none<T: Send + 'static>() -> StoreFuture<T> {
        Box::pin(async { Err(StoreError::Away("it is asked for commands only".to_owned())) })
    }

    impl TaskStore for Words {
        fn submit(&self, _: Vec<Submission>) -> StoreFuture<Vec<Result<Submitted, TaskError>>> {
            none()
        }
        fn execute(&self, _: Vec<TaskCommand>) -> StoreFuture<Vec<Result<TaskView, TaskError>>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(Vec::new()) })
        }
        fn claim(&self, _: ClaimSpec) -> StoreFuture<Claimed> {
            none()
        }
        fn take_back(&self, _: String) -> StoreFuture<usize> {
            none()
        }
        fn release_but(&self, _: Held) -> StoreFuture<usize> {
            none()
        }
        fn sweep(&self) -> StoreFuture<Swept> {
            none()
        }
        fn get(&self, _: TaskId) -> StoreFuture<Option<TaskView>> {
            none()
        }
        fn request(&self, _: TaskId) -> StoreFuture<Option<NewTask>> {
            none()
        }
        fn result(&self, _: TaskId) -> StoreFuture<Option<Value>> {
            none()
        }
        fn ends(&self, _: Vec<TaskId>) -> StoreFuture<Vec<TaskEnd>> {
            none()
        }
        fn list(&self, _: TaskFilter) -> StoreFuture<TaskPage> {
            none()
        }
        fn stats(&self) -> StoreFuture<StoreStats> {
            none()
        }
        fn touch(&self) -> StoreFuture<()> {
            none()
        }
    }

    /// One renewal may be lost, and the lease holds all the same.
    #[test]
    fn a_lease_is_renewed_twice_before_it_would_end() {
        let paused = || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().start_paused(true).build().expect("a runtime")
        };
        actix::System::with_tokio_rt(paused).block_on(async {
            let node = Node::boot(NodeConfig::single_arbiter()).expect("boots");
            let (lease, almost) = (Duration::from_secs(9), Duration::from_millis(8_900));
            let (vigil, store) = (Vigil::new(node, lease), Arc::new(Words::default()));
            let hold = Hold::new(later(Instant::now(), lease), &vigil);
            let (asked, sign) = (Arc::clone(&store), SignOfLife::default());
            let id = TaskId::new(uuid::Uuid::nil());
            let kept = keep_lease(asked, id, FencingToken(1), lease, &hold, &sign);
            assert!(timeout(almost, kept).await.is_err(), "it is kept for as long as it is held");
            assert_eq!(store.0.load(Ordering::Relaxed), 3, "the start, and two renewals");
        });
    }
}
