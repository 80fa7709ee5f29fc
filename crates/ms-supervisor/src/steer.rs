//! Steering by path: find, kill, restart, suspend, resume, stop, and what if.

use std::fmt;
use std::time::Duration;

use ms_actor::AnyRef;
use ms_core::view::{BlastRadius, Lifecycle, TreeNode, WhyRecord};
use ms_core::{ActorPath, ChildId, ExitReason, Incarnation, Restart};

use crate::error::SupervisorError;
use crate::handle::SupervisorRef;
use crate::logic::dry_run::Change;
use crate::logic::rows::runs;
use crate::messages::{DryRun, FindChild, KillChild, Which};
use crate::walk::TreeWalk;

/// What can be done to an actor of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// End it at once, as a fault: its supervisor decides what follows.
    Kill,
    /// Stop it in an orderly way and start it again, uncounted.
    Restart,
    /// Have it serve only control until it is resumed.
    Suspend,
    /// End a suspension.
    Resume,
    /// Stop it in an orderly way and leave it down.
    Stop,
}

impl Verb {
    /// Returns the verb's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Stop => "stop",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An actor of the tree, and the supervisor it is a child of; none for the root.
struct Located {
    parent: Option<SupervisorRef>,
    actor: AnyRef,
    id: ChildId,
}

impl Located {
    /// Returns the supervisor that runs there, if one does.
    fn supervisor(&self) -> Option<SupervisorRef> {
        SupervisorRef::of(&self.actor).filter(|_| self.actor.is_alive())
    }

    /// Returns how it is restarted: only the supervisor above it knows.
    async fn restart(&self) -> Result<Option<Restart>, SupervisorError> {
        let Some(parent) = &self.parent else { return Ok(None) };
        Ok(parent.row(&self.id).await?.and_then(|row| row.status.restart))
    }
}

impl SupervisorRef {
    /// Returns the actor at `path`, which lies at or below this supervisor.
    ///
    /// # Errors
    /// Not found, or a supervisor on the way does not answer.
    pub async fn find(&self, path: &ActorPath) -> Result<AnyRef, SupervisorError> {
        self.locate(path).await.map(|located| located.actor)
    }

    async fn locate(&self, path: &ActorPath) -> Result<Located, SupervisorError> {
        let not_found = || SupervisorError::NotFound { path: path.clone() };
        let rest = path.as_str().strip_prefix(self.path().as_str()).ok_or_else(not_found)?;
        let mut at =
            Located { parent: None, actor: self.any(), id: ChildId::new(self.path().name())? };
        for name in rest.split('/').filter(|name| !name.is_empty()) {
            let supervisor = Self::of(&at.actor).ok_or_else(not_found)?;
            let id = ChildId::new(name)?;
            let actor = supervisor.call(FindChild(id.clone())).await?.ok_or_else(not_found)?;
            at = Located { parent: Some(supervisor), actor, id };
        }
        // "/rootx" starts with "/root" but does not lie below it.
        if at.actor.path() == path { Ok(at) } else { Err(not_found()) }
    }

    /// Returns the records of why the actor at `path` ended, newest first.
    ///
    /// # Errors
    /// Not found, or its supervisor does not answer.
    pub async fn why(
        &self,
        path: &ActorPath,
        limit: usize,
    ) -> Result<Vec<WhyRecord>, SupervisorError> {
        let not_found = || SupervisorError::NotFound { path: path.clone() };
        let parent = path.parent().ok_or_else(not_found)?;
        let supervisor = Self::of(&self.find(&parent).await?).ok_or_else(not_found)?;
        let records = supervisor.why_children(Some(path), limit).await?;
        if records.is_empty() {
            // Nothing recorded is an answer, but only for an actor that is there.
            self.find(path).await?;
        }
        Ok(records)
    }

    /// Returns the supervisor at `path`, at or below this one; `None` where a leaf is, or nobody
    /// runs.
    ///
    /// # Errors
    /// As [`SupervisorRef::find`].
    pub async fn supervisor_at(&self, path: &ActorPath) -> Result<Option<Self>, SupervisorError> {
        Ok(self.locate(path).await?.supervisor())
    }

    /// Begins a walk as [`SupervisorRef::walk`] from the supervisor at `path`; `None` where a
    /// leaf is, or nobody runs.
    ///
    /// # Errors
    /// As [`SupervisorRef::find`] and [`SupervisorRef::walk`].
    pub async fn walk_at(
        &self,
        path: &ActorPath,
        depth: Option<usize>,
    ) -> Result<Option<TreeWalk>, SupervisorError> {
        let located = self.locate(path).await?;
        let Some(supervisor) = located.supervisor() else { return Ok(None) };
        let mut walk = supervisor.walk(depth).await?;
        walk.set_restart(located.restart().await?);
        Ok(Some(walk))
    }

    /// Returns the tree at or below `path`.
    ///
    /// # Errors
    /// Not found, or a supervisor on the way does not answer.
    pub async fn tree_at(
        &self,
        path: &ActorPath,
        depth: Option<usize>,
    ) -> Result<TreeNode, SupervisorError> {
        let located = self.locate(path).await?;
        if let Some(supervisor) = located.supervisor() {
            let mut tree = supervisor.tree(depth).await?;
            tree.status.restart = located.restart().await?;
            return Ok(tree);
        }
        let parent = located.parent.ok_or(SupervisorError::NotFound { path: path.clone() })?;
        let found = parent.row(&located.id).await?;
        found.ok_or(SupervisorError::NotFound { path: path.clone() })
    }

    /// Carries out a verb on the actor at `path`, below this supervisor. Returns what it came to.
    ///
    /// # Errors
    /// Not found, refused where the verb makes no sense and for this supervisor itself, or OTP's
    /// error.
    pub async fn steer(&self, path: &ActorPath, verb: Verb) -> Result<(), SupervisorError> {
        self.steer_incarnation(path, verb, None).await
    }

    /// Carries out a verb on the actor at `path` if it is the incarnation `meant`, or whichever it
    /// is for `None`. Its supervisor checks that in the turn in which it kills or stops the actor,
    /// so that no successor is hit; to suspend and to resume is checked just before.
    ///
    /// # Errors
    /// [`SupervisorError::AnotherIncarnation`], and as [`SupervisorRef::steer`].
    pub async fn steer_incarnation(
        &self,
        path: &ActorPath,
        verb: Verb,
        meant: Option<Incarnation>,
    ) -> Result<(), SupervisorError> {
        let Located { parent, actor, id } = self.locate(path).await?;
        let refused =
            |why| SupervisorError::Refused { verb: verb.as_str(), path: path.clone(), why };
        let parent = parent.ok_or_else(|| refused(NOBODY_ABOVE))?;
        let lives = actor.incarnation();
        if let Some(meant) = meant.filter(|meant| *meant != lives) {
            return Err(SupervisorError::AnotherIncarnation { path: path.clone(), meant, lives });
        }
        match verb {
            Verb::Suspend => match Self::of(&actor) {
                Some(supervisor) => supervisor.suspend().await,
                None => running(&actor)
                    .map(|()| actor.suspend())
                    .ok_or_else(|| refused("it is not running")),
            },
            Verb::Resume => match Self::of(&actor) {
                Some(supervisor) => supervisor.resume().await,
                None => running(&actor)
                    .map(|()| actor.resume())
                    .ok_or_else(|| refused("it is not running")),
            },
            // By way of its supervisor, which gives up a thread that does not let go of it (X9).
            Verb::Kill => {
                running(&actor).ok_or_else(|| refused("it is not running"))?;
                parent.kill(id, meant).await
            }
            Verb::Stop => parent.stop_child(&actor, &id, meant).await,
            Verb::Restart => match parent.way_to_restart().await? {
                // `restart_child` is refused for children of a template (G5).
                RestartBy::Kill => parent.kill(id, meant).await,
                RestartBy::StopAndStart => parent.stop_and_start(&id, meant).await,
                RestartBy::Nobody => Err(refused(HELD)),
            },
        }
    }

    async fn is_dynamic(&self) -> Result<bool, SupervisorError> {
        Ok(is_dynamic(&self.tree(Some(0)).await?))
    }

    async fn way_to_restart(&self) -> Result<RestartBy, SupervisorError> {
        let own = self.tree(Some(0)).await?;
        Ok(match own.status.lifecycle {
            _ if is_dynamic(&own) => RestartBy::Kill,
            Lifecycle::Suspended => RestartBy::Nobody,
            _ => RestartBy::StopAndStart,
        })
    }

    async fn kill(&self, id: ChildId, meant: Option<Incarnation>) -> Result<(), SupervisorError> {
        self.call(KillChild { id, meant }).await?.map(drop)
    }

    async fn stop_child(
        &self,
        child: &AnyRef,
        id: &ChildId,
        meant: Option<Incarnation>,
    ) -> Result<(), SupervisorError> {
        let which = match self.is_dynamic().await? {
            true => Which::Path(child.path().clone()),
            false => Which::Id(id.clone()),
        };
        self.terminate(which, meant).await
    }

    /// Stops a child and starts it again.
    async fn stop_and_start(
        &self,
        id: &ChildId,
        meant: Option<Incarnation>,
    ) -> Result<(), SupervisorError> {
        self.terminate(Which::Id(id.clone()), meant).await?;
        // Terminating a temporary child forgets it: then there is nothing to start, as in OTP.
        self.restart_child(id).await.map(drop)
    }

    /// Foretells what a verb would do to the tree, without doing it. Exact while nothing else
    /// happens.
    ///
    /// # Errors
    /// Not found, or a supervisor on the way does not answer.
    pub async fn dry_run(
        &self,
        path: &ActorPath,
        verb: Verb,
    ) -> Result<BlastRadius, SupervisorError> {
        let Located { parent, actor, id } = self.locate(path).await?;
        let refused =
            |why| SupervisorError::Refused { verb: verb.as_str(), path: path.clone(), why };
        let parent = parent.ok_or_else(|| refused(NOBODY_ABOVE))?;
        match verb {
            Verb::Kill | Verb::Suspend | Verb::Resume if !actor.is_alive() => {
                Err(refused("it is not running"))
            }
            Verb::Suspend | Verb::Resume => Ok(BlastRadius::default()),
            Verb::Kill => self.follow_upwards(parent, id, Change::Exit(ExitReason::Killed)).await,
            Verb::Stop => self.follow_upwards(parent, id, Change::Stop).await,
            Verb::Restart => match parent.way_to_restart().await? {
                RestartBy::Nobody => Err(refused(HELD)),
                _ => self.follow_upwards(parent, id, Change::Restart).await,
            },
        }
    }

    /// Returns what the end of the root takes along: everything.
    async fn whole_tree(&self) -> BlastRadius {
        let mut radius = BlastRadius { ends_node: true, ..BlastRadius::default() };
        if let Ok(tree) = self.tree(None).await {
            let running = tree.walk().filter(|node| runs(node));
            radius.stopped = running.map(|node| node.status.path.clone()).collect();
        }
        radius
    }

    /// Follows an end upwards for as long as supervisors give up over it.
    async fn follow_upwards(
        &self,
        parent: Self,
        id: ChildId,
        change: Change,
    ) -> Result<BlastRadius, SupervisorError> {
        // For the tree below each supervisor on the way; one that hangs costs that much.
        let within = Duration::from_millis(500);
        let (mut supervisor, mut child, mut change) = (parent, id, change);
        let mut escalates = Vec::new();
        loop {
            let path = supervisor.path().child(&child);
            let asked = supervisor.call(DryRun { child, change, within }).await?;
            let mut found = asked.ok_or(SupervisorError::NotFound { path })?;
            escalates.append(&mut found.radius.escalates);
            let Some(exits) = found.supervisor_exits else {
                return Ok(BlastRadius { escalates, ..found.radius });
            };
            let above = self.locate(&supervisor.path().clone()).await?;
            let Some(next) = above.parent else {
                let whole = self.whole_tree().await;
                return Ok(BlastRadius { escalates, ..whole });
            };
            (supervisor, child, change) = (next, above.id, Change::Exit(exits));
        }
    }
}

/// Why the root cannot be steered. Killed or stopped it would end the node, which is for a signal to
/// do, in order; suspended it would leave the faults of its children undecided.
const NOBODY_ABOVE: &str = "no supervisor above it, where it was looked for, decides what follows; \
     the root cannot be steered";

/// Why nothing is restarted below a suspended supervisor. The stop would wait for the end of the
/// suspension, perhaps for longer than its caller, and then nobody would be left to start the child.
const HELD: &str = "its supervisor is suspended; resume that first";

/// How an order to restart a child is carried out.
enum RestartBy {
    StopAndStart,
    /// A dynamic child cannot be started again once its supervisor stopped it: it is killed, and its
    /// supervisor decides.
    Kill,
    Nobody,
}

fn is_dynamic(supervisor: &TreeNode) -> bool {
    let view = supervisor.supervisor.as_ref();
    view.is_some_and(|view| view.strategy == ms_core::Strategy::SimpleOneForOne)
}

fn running(actor: &AnyRef) -> Option<()> {
    actor.is_alive().then_some(())
}
