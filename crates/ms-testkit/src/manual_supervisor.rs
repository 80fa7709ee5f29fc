//! A supervisor that the test plays itself, for tests of what must survive the restarts of an actor.

use std::sync::Arc;
use std::time::Duration;

use ms_actor::host::{ChildCell, ChildEvent, ChildSink, Parent};
use ms_actor::{AnyRef, Blueprint, Hosted, Node, Placement, Ref};
use ms_core::{ActorPath, ExitReason};

use crate::{clock, faults};

/// Longest wait for the end of a crashed or killed actor, in virtual time.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Takes the events of the child and ignores them: only the test decides.
struct Silent;

impl ChildSink for Silent {
    fn child_event(&self, _: u64, _: ChildEvent) {}
}

/// A supervised actor whose supervisor is the test: it crashes the actor, restarts it, or gives it up.
///
/// ```
/// use actix::prelude::*;
/// use ms_actor::{Blueprint, Context};
/// use ms_testkit::{ManualSupervisor, TestSystem};
///
/// struct Echo;
/// impl Actor for Echo {
///     type Context = Context<Self>;
/// }
///
/// TestSystem::run(async |t| {
///     let echo = ManualSupervisor::<Echo>::start(t.node(), "/root/echo", &Blueprint::actor(|| Echo));
///     echo.crash().await;
///     assert!(!echo.any.is_alive());
///     echo.restart();
///     assert_eq!(echo.any.incarnation().0, 2);
///     echo.kill().await;
///     echo.give_up();
///     assert!(echo.any.is_closed());
/// });
/// ```
#[derive(Debug)]
pub struct ManualSupervisor<A: Hosted> {
    cell: ChildCell,
    /// The untyped reference to the actor.
    pub any: AnyRef,
    /// The typed reference, valid over its restarts.
    pub reference: Ref<A>,
}

impl<A: Hosted> ManualSupervisor<A> {
    /// Starts the first incarnation at `path`.
    ///
    /// # Panics
    /// If `path` is not an actor path, or the blueprint makes no `A`.
    #[allow(clippy::expect_used, reason = "a mistake of the test, said in its words")]
    #[must_use]
    pub fn start(node: &Node, path: &str, blueprint: &Blueprint) -> Self {
        let parent = Parent { sink: Arc::new(Silent), key: 1 };
        let cell = blueprint.cell(node, ActorPath::new(path).expect("a path"), Some(parent));
        let reference = cell.typed().expect("the blueprint makes an actor of this type");
        cell.launch(Placement::Pool);
        Self { any: cell.any(), cell, reference }
    }

    /// Makes the actor panic, and waits until it has ended.
    pub async fn crash(&self) {
        faults::crash(&self.any);
        self.down().await;
    }

    /// Kills the actor, and waits until it has ended.
    pub async fn kill(&self) {
        faults::kill(&self.any);
        self.down().await;
    }

    #[track_caller]
    fn down(&self) -> impl Future<Output = ()> + use<A> {
        let (place, any) = (std::panic::Location::caller(), self.any.clone());
        async move {
            if !clock::until(ENDS_WITHIN, async || !any.is_alive()).await {
                crate::ends::fail(place, &format!("{} does not end", any.path()));
            }
        }
    }

    /// Starts the next incarnation.
    pub fn restart(&self) {
        self.cell.mark_restarting();
        self.cell.launch(Placement::Pool);
    }

    /// Closes the actor: it will not be started again.
    pub fn give_up(&self) {
        self.cell.close(&ExitReason::Shutdown);
    }
}
