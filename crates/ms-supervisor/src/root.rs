//! The root of a tree: started from outside of any tree, and waited for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ms_actor::host::{ChildCell, ChildEvent, ChildNews, ChildSink, Parent};
use ms_actor::{Node, Placement};
use ms_core::{ActorPath, ExitReason};
use tokio::sync::{oneshot, watch};

use crate::actor::SupervisorActor;
use crate::actor::blueprint::supervisor_blueprint;
use crate::error::StartRootError;
use crate::handle::SupervisorRef;
use crate::spec::SupervisorSpec;
use crate::state::kept_cells::KeptCells;

/// A running tree.
///
/// Nobody restarts the root: when it gives up, [`Root::ended`] says so, and the
/// process should end.
#[derive(Debug)]
pub struct Root {
    supervisor: SupervisorRef,
    actor: ChildCell,
    ended: watch::Receiver<Option<ExitReason>>,
    kept: KeptCells,
}

/// Starts a tree at `/ID`. Returns when all its children have started.
///
/// # Errors
/// A bad spec, in which case nothing was started, or the first child that did not
/// start, in which case those before it were stopped in reverse order.
pub async fn start_root(node: &Node, supervisor: SupervisorSpec) -> Result<Root, StartRootError> {
    let id = supervisor.check_as_root()?;
    let kept = KeptCells::default();
    let (started, boot) = oneshot::channel();
    let (end, ended) = watch::channel(None);
    let sink = Arc::new(RootSink {
        started: Mutex::new(Some(started)),
        end,
        kept: kept.clone(),
        cell: Mutex::new(None),
    });
    let parent = Parent { sink: Arc::clone(&sink) as Arc<dyn ChildSink>, key: 0 };
    let actor =
        supervisor_blueprint(&supervisor, &kept).cell(node, ActorPath::root(&id), Some(parent));
    *sink.cell.lock().unwrap_or_else(PoisonError::into_inner) = Some(actor.clone());
    actor.launch(Placement::Control);
    match boot.await {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => return Err(StartRootError::Failed(reason)),
        Err(_) => return Err(StartRootError::Failed(ExitReason::ArbiterLost)),
    }
    let supervisor = actor.typed::<SupervisorActor>().map(SupervisorRef::new);
    let supervisor = supervisor.ok_or(StartRootError::Failed(ExitReason::NoProc))?;
    Ok(Root { supervisor, actor, ended, kept })
}

impl Root {
    /// Returns the root supervisor.
    #[must_use]
    pub fn as_supervisor(&self) -> &SupervisorRef {
        &self.supervisor
    }

    /// Waits for the end of the tree.
    pub async fn ended(&self) -> ExitReason {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(ExitReason::ArbiterLost),
            Err(_) => ExitReason::ArbiterLost,
        }
    }

    /// Returns whether it went over its restart intensity. It ends with `shutdown` then, as in OTP,
    /// which an orderly stop does as well.
    #[must_use]
    pub fn gave_up(&self) -> bool {
        self.kept.why().gave_up()
    }

    /// Tells the root that whoever started it has ended without stopping it, as a parent's exit
    /// signal does in OTP.
    pub fn parent_exit(&self, reason: ExitReason) {
        self.actor.parent_exit(reason);
    }

    /// Stops the tree in reverse start order; what has not stopped `within` is killed.
    pub async fn stop(&self, within: Duration) -> ExitReason {
        self.stop_with(ExitReason::Shutdown, within).await
    }

    /// Stops the tree as [`Root::stop`] does; the root ends with this reason.
    pub async fn stop_with(&self, reason: ExitReason, within: Duration) -> ExitReason {
        self.actor.stop(reason);
        match tokio::time::timeout(within, self.ended()).await {
            Ok(reason) => reason,
            Err(_) => {
                self.actor.kill();
                self.ended().await
            }
        }
    }
}

impl std::ops::Deref for Root {
    type Target = SupervisorRef;

    fn deref(&self) -> &SupervisorRef {
        &self.supervisor
    }
}

struct RootSink {
    started: Mutex<Option<oneshot::Sender<Result<(), ExitReason>>>>,
    end: watch::Sender<Option<ExitReason>>,
    kept: KeptCells,
    /// The root's own cell, to be closed; taken out then, for it holds this sink.
    cell: Mutex<Option<ChildCell>>,
}

impl RootSink {
    fn booted(&self, outcome: Result<(), ExitReason>) {
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(started) = started {
            // Whoever waited for the boot may have given up.
            drop(started.send(outcome));
        }
    }

    fn over(&self, reason: ExitReason) {
        self.kept.close(&reason);
        // Nobody starts the root again: who asks it something gets that for an answer.
        let cell = self.cell.lock().unwrap_or_else(PoisonError::into_inner).take();
        cell.iter().for_each(|cell| cell.close_at_end(&reason));
        self.end.send_replace(Some(reason));
    }
}

impl ChildSink for RootSink {
    fn child_event(&self, event: ChildEvent) {
        match event.news {
            ChildNews::Started => self.booted(Ok(())),
            ChildNews::Ignored => {
                self.booted(Err(ExitReason::Normal));
                self.over(ExitReason::Normal);
            }
            ChildNews::StartFailed(reason) => {
                self.booted(Err(reason.clone()));
                self.over(reason);
            }
            ChildNews::Exited(facts) => self.over(facts.reason),
        }
    }
}
