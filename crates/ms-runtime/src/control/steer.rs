//! Steering: verbs and faults, carried out or refused, and on record either way.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ms_actor::{AnyRef, Fault as Injection};
use ms_control::proto::{Fault, Injected, Reply, Steered, Verb};
use ms_control::{ControlError, Kind, Peer};
use ms_core::ActorPath;
use ms_core::view::EventKind;

use super::NodeControl;
use super::error::{not_running, of_supervisor};

/// How long an injected block lasts where no watchdog would end it.
const BLOCK_FOR: Duration = Duration::from_secs(30);

/// What is asked of whom, and by whom: what goes on record.
pub(super) struct Order {
    path: ActorPath,
    verb: String,
    by: String,
    reason: Option<String>,
}

impl Order {
    pub(super) fn new(peer: Peer, path: ActorPath, verb: String, reason: Option<String>) -> Self {
        let by = match peer.pid {
            Some(pid) => format!("uid {} pid {pid}", peer.uid),
            None => format!("uid {}", peer.uid),
        };
        Self { path, verb, by, reason }
    }
}

impl NodeControl {
    pub(super) async fn steer(
        &self,
        peer: Peer,
        path: ActorPath,
        verb: Verb,
        reason: Option<String>,
        within: Duration,
    ) -> Result<Reply, ControlError> {
        let order = Order::new(peer, path.clone(), verb.to_string(), reason);
        let this = self.clone();
        self.carry_out(order, within, async move {
            let actor = this.find(&path).await?;
            let before = actor.incarnation();
            let done = this.root()?.steer(&path, verb_of(verb)).await;
            done.map_err(|error| of_supervisor(&path, &error))?;
            let outcome = match verb {
                Verb::Kill => format!("killed {before}"),
                Verb::Suspend => "suspended".to_owned(),
                Verb::Resume => "resumed".to_owned(),
                Verb::Stop => "stopped".to_owned(),
                Verb::Restart => restarted(&actor, before),
            };
            Ok(Reply::Steered(Steered { path, verb, outcome }))
        })
        .await
    }

    pub(super) async fn inject(
        &self,
        peer: Peer,
        path: ActorPath,
        fault: Fault,
        within: Duration,
    ) -> Result<Reply, ControlError> {
        let order = Order::new(peer, path.clone(), format!("inject {fault}"), None);
        let this = self.clone();
        self.carry_out(order, within, async move {
            if !this.0.allow_faults {
                return Err(ControlError::refused(
                    "this node does not allow faults to be injected",
                )
                .next("start it with faults allowed; never in production"));
            }
            let actor = this.find(&path).await?;
            if !actor.is_alive() {
                return Err(not_running(&path, "a fault needs a live actor"));
            }
            this.harmless(&actor, fault)?;
            actor.inject(this.injection(fault));
            Ok(Reply::Injected(Injected { path, fault }))
        })
        .await
    }

    pub(super) async fn switch_statistics(
        &self,
        peer: Peer,
        path: ActorPath,
        on: Option<bool>,
        within: Duration,
    ) -> Result<Reply, ControlError> {
        let verb = if on == Some(true) { "statistics on" } else { "statistics off" };
        let order = Order::new(peer, path.clone(), verb.to_owned(), None);
        let this = self.clone();
        self.carry_out(order, within, async move { this.statistics(path, on, within).await }).await
    }

    /// A fault may end an actor, not the endpoint that could tell of it.
    fn harmless(&self, actor: &AnyRef, fault: Fault) -> Result<(), ControlError> {
        let status = actor.status();
        if matches!(fault, Fault::Crash | Fault::CrashAfterAwait) {
            return Ok(());
        }
        let root = self.root()?.any();
        // One that hangs is found by the supervisor above it; nobody is above the root.
        let is_root = status.path == *root.path();
        let beside = fault == Fault::Block && status.arbiter == root.status().arbiter;
        match is_root || beside {
            true => Err(ControlError::refused(format!(
                "{fault} into {} would stop supervision itself",
                status.path
            ))
            .why("the root answers for the tree, and supervisors share the control arbiter")
            .next("inject it into a worker that lives on another arbiter")),
            false => Ok(()),
        }
    }

    fn injection(&self, fault: Fault) -> Injection {
        match fault {
            Fault::Crash => Injection::Panic,
            Fault::CrashAfterAwait => Injection::PanicAfterAwait,
            Fault::Hang => Injection::Hang,
            // Long enough for the watchdog to see it, and an end in any case.
            Fault::Block => Injection::Block(
                self.0
                    .node
                    .config()
                    .wedged_after
                    .map_or(BLOCK_FOR, |limit| limit.saturating_mul(2)),
            ),
        }
    }

    /// Does what was ordered in a task of its own, which puts the outcome on record even
    /// when it comes too late for whoever asked.
    pub(super) async fn carry_out(
        &self,
        order: Order,
        within: Duration,
        work: impl Future<Output = Result<Reply, ControlError>> + Send + 'static,
    ) -> Result<Reply, ControlError> {
        let what = format!("{} of {}", order.verb, order.path);
        let this = self.clone();
        let task = tokio::spawn(async move {
            let outcome = work.await;
            this.put_on_record(order, &outcome);
            outcome
        });
        match tokio::time::timeout(within, task).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ControlError::internal(format!("the {what} panicked"))),
            Err(_) => Err(ControlError::timed_out(format!("the {what} goes on"))
                .why(format!("it was not done within {within:?}"))
                .next("`msctl events` will tell what came of it")),
        }
    }

    fn put_on_record(&self, order: Order, outcome: &Result<Reply, ControlError>) {
        let counter = if outcome.is_ok() { &self.0.steered } else { &self.0.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        let outcome = match outcome {
            Ok(Reply::Steered(done)) if done.verb == Verb::Restart => {
                format!("ok: {}", done.outcome)
            }
            Ok(Reply::TaskTaken(taken)) => match taken.repeated {
                true => format!("ok: it was task {} before", taken.task.id),
                false => format!("ok: task {}", taken.task.id),
            },
            Ok(_) => "ok".to_owned(),
            // The reason of a malformed request may quote what was sent.
            Err(error) if error.why.is_empty() || error.kind == Kind::BadRequest => {
                error.to_string()
            }
            Err(error) => format!("{error}: {}", error.why),
        };
        let Order { path, verb, by, reason } = order;
        self.0.node.publish(EventKind::Steered { path, verb, by, reason, outcome });
    }
}

fn restarted(actor: &AnyRef, before: ms_core::Incarnation) -> String {
    match actor.incarnation() {
        // A dynamic child: its supervisor decides, soon.
        now if now == before || now == ms_core::Incarnation::NONE => {
            format!("{before} ends, its supervisor decides")
        }
        now => format!("restarted as {now}"),
    }
}

pub(super) const fn verb_of(verb: Verb) -> ms_supervisor::Verb {
    match verb {
        Verb::Kill => ms_supervisor::Verb::Kill,
        Verb::Restart => ms_supervisor::Verb::Restart,
        Verb::Suspend => ms_supervisor::Verb::Suspend,
        Verb::Resume => ms_supervisor::Verb::Resume,
        Verb::Stop => ms_supervisor::Verb::Stop,
    }
}
