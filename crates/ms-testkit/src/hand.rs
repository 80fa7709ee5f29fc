//! Supervision by hand: for tests of what hangs on an actor over its restarts.

use std::sync::Arc;
use std::time::Duration;

use ms_actor::host::{ChildCell, ChildEvent, ChildSink, Parent};
use ms_actor::{AnyRef, Blueprint, Hosted, Node, Placement, Ref};
use ms_core::{ActorPath, ExitReason};

use crate::{clock, faults};

/// Longest a killed actor takes to be gone, in virtual time.
const GONE: Duration = Duration::from_secs(5);

/// A supervisor that does nothing by itself.
struct Silent;

impl ChildSink for Silent {
    fn child_event(&self, _: ChildEvent) {}
}

/// A supervised actor whose supervisor is the test: crash it, bring it back, end it for good.
///
/// ```
/// use actix::prelude::*;
/// use ms_actor::{Blueprint, Context};
/// use ms_testkit::{Hand, TestSystem};
///
/// struct Echo;
/// impl Actor for Echo {
///     type Context = Context<Self>;
/// }
///
/// TestSystem::run(async |t| {
///     let echo = Hand::<Echo>::start(t.node(), "/root/echo", &Blueprint::actor(|| Echo));
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
pub struct Hand<A: Hosted> {
    cell: ChildCell,
    /// The actor, whatever its type.
    pub any: AnyRef,
    /// The typed reference, valid over its restarts.
    pub reference: Ref<A>,
}

impl<A: Hosted> Hand<A> {
    /// Starts its first life at `path`.
    ///
    /// # Panics
    /// When the path is none, or the blueprint makes no `A`.
    #[allow(clippy::expect_used, reason = "a mistake of the test, said in its words")]
    #[must_use]
    pub fn start(node: &Node, path: &str, blueprint: &Blueprint) -> Self {
        let parent = Parent { sink: Arc::new(Silent), key: 1 };
        let cell = blueprint.cell(node, ActorPath::new(path).expect("a path"), Some(parent));
        let reference = cell.typed().expect("the blueprint makes an actor of this type");
        cell.launch(Placement::Pool);
        Self { any: cell.any(), cell, reference }
    }

    /// Has it panic, and waits until it is gone.
    pub async fn crash(&self) {
        faults::crash(&self.any);
        self.down().await;
    }

    /// Kills it, and waits until it is gone.
    pub async fn kill(&self) {
        faults::kill(&self.any);
        self.down().await;
    }

    #[track_caller]
    fn down(&self) -> impl Future<Output = ()> + use<A> {
        let (place, any) = (std::panic::Location::caller(), self.any.clone());
        async move {
            if !clock::until(GONE, async || !any.is_alive()).await {
                crate::ends::fail(place, &format!("{} does not end", any.path()));
            }
        }
    }

    /// Starts its next life.
    pub fn restart(&self) {
        self.cell.mark_restarting();
        self.cell.launch(Placement::Pool);
    }

    /// Says that no further life will come.
    pub fn give_up(&self) {
        self.cell.close(&ExitReason::Shutdown);
    }
}
