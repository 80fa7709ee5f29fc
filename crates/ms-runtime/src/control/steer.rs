//! Carries out or refuses verbs and faults. The desk records them.

use std::time::Duration;

use ms_actor::{AnyRef, Fault as Injection};
use ms_core::{ActorPath, Incarnation};
use ms_ops::OpError;
use ms_ops::ops::{Fault, Inject, SteerActor, Verb};
use ms_ops::views::{Injected, Steered};

use super::NodeControl;
use super::error::{not_running, of_supervisor};

/// How long an injected block lasts where no watchdog would end it.
const BLOCK_FOR: Duration = Duration::from_secs(30);

impl NodeControl {
    pub(super) async fn steer(
        &self,
        SteerActor { path, verb, incarnation, .. }: SteerActor,
    ) -> Result<Steered, OpError> {
        let actor = self.find(&path).await?;
        let before = actor.incarnation();
        let done = self.root()?.steer_incarnation(&path, verb_of(verb), incarnation).await;
        done.map_err(|error| of_supervisor(&path, &error))?;
        let outcome = match verb {
            Verb::Kill => format!("killed {before}"),
            Verb::Suspend => "suspended".to_owned(),
            Verb::Resume => "resumed".to_owned(),
            Verb::Stop => "stopped".to_owned(),
            Verb::Restart => restarted(&actor, before),
        };
        Ok(Steered { path, verb, outcome })
    }

    pub(super) async fn inject(
        &self,
        Inject { path, fault, incarnation, .. }: Inject,
    ) -> Result<Injected, OpError> {
        if !self.0.allow_faults {
            return Err(OpError::refused("this node does not allow faults to be injected")
                .next("start it with faults allowed; never in production"));
        }
        let actor = self.find(&path).await?;
        if !actor.is_alive() {
            return Err(not_running(&path, "a fault needs a live actor"));
        }
        self.harmless(&actor, fault)?;
        is_meant(&path, incarnation, actor.incarnation())?;
        actor.inject(self.injection(fault));
        Ok(Injected { path, fault })
    }

    /// Refuses a fault that would stop supervision itself, and with it this endpoint.
    fn harmless(&self, actor: &AnyRef, fault: Fault) -> Result<(), OpError> {
        let status = actor.status();
        if matches!(fault, Fault::Crash | Fault::CrashAfterAwait) {
            return Ok(());
        }
        let root = self.root()?.any();
        // A supervisor notices a child that hangs or blocks. Nobody is above the root; and a block
        // on the root's own arbiter stops the supervisor that should notice it.
        let is_root = status.path == *root.path();
        let beside = fault == Fault::Block && status.arbiter == root.status().arbiter;
        match is_root || beside {
            true => Err(OpError::refused(format!(
                "injecting {fault} into {} would stop supervision itself",
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
            // Twice the watchdog's limit: long enough to be noticed, and it ends in any case.
            Fault::Block => Injection::Block(
                self.0
                    .node
                    .config()
                    .wedged_after
                    .map_or(BLOCK_FOR, |limit| limit.saturating_mul(2)),
            ),
        }
    }
}

/// Refuses to touch another incarnation than the one that is meant, if one is.
pub(super) fn is_meant(
    path: &ActorPath,
    meant: Option<Incarnation>,
    lives: Incarnation,
) -> Result<(), OpError> {
    match meant {
        Some(meant) if meant != lives => Err(OpError::another_incarnation(path, meant, lives)),
        _ => Ok(()),
    }
}

fn restarted(actor: &AnyRef, before: Incarnation) -> String {
    match actor.incarnation() {
        // Not restarted yet: a dynamic child, or a back-off. Its supervisor decides, soon.
        now if now == before || now == Incarnation::NONE => {
            format!("{before} ends; its supervisor decides what follows")
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
