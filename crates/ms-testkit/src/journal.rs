//! Children that record their starts and ends, to build the trees of tests from.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Actor, Running};
use ms_actor::Context;
use ms_supervisor::ChildSpec;

/// Records what happens to its children, in order: `+a` for a start of `a`, `-a` for its end.
///
/// ```
/// use ms_supervisor::SupervisorSpec;
/// use ms_testkit::{Journal, TestSystem};
///
/// TestSystem::run(async |t| {
///     let journal = Journal::new();
///     let tree = SupervisorSpec::one_for_all("root");
///     let tree = tree.child(journal.child("a")).child(journal.child("b"));
///     let root = t.start(tree).await;
///     root.stop(t.soon()).await;
///     assert_eq!(journal.take(), ["+a", "+b", "-b", "-a"]);
///     assert_eq!(journal.alive(), 0);
/// });
/// ```
#[derive(Debug, Clone, Default)]
pub struct Journal {
    lines: Arc<Mutex<Vec<String>>>,
    alive: Arc<AtomicUsize>,
}

impl Journal {
    /// Makes an empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a child that starts and stops at once.
    #[must_use]
    pub fn child(&self, name: &str) -> ChildSpec {
        self.slow_child(name, Duration::ZERO)
    }

    /// Returns a child whose init takes this long, without blocking its thread.
    #[must_use]
    pub fn slow_child(&self, name: &str, init: Duration) -> ChildSpec {
        self.spec(name, init, false)
    }

    /// Returns a child that ignores every order to stop, so that it has to be killed.
    #[must_use]
    pub fn stubborn_child(&self, name: &str) -> ChildSpec {
        self.spec(name, Duration::ZERO, true)
    }

    fn spec(&self, name: &str, init: Duration, stubborn: bool) -> ChildSpec {
        let (journal, text) = (self.clone(), name.to_owned());
        ChildSpec::actor(name, move || {
            // Counted here and not in `started`: an actor exists from its factory on, also if its init
            // fails.
            journal.alive.fetch_add(1, Ordering::SeqCst);
            JournalActor { name: text.clone(), journal: journal.clone(), init, stubborn }
        })
    }

    /// Adds a line.
    pub fn add(&self, line: impl Into<String>) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
    }

    /// Takes out all lines.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts the children of this journal that exist at present.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }
}

/// The actor behind a [`Journal`]'s children.
#[derive(Debug)]
pub struct JournalActor {
    name: String,
    journal: Journal,
    init: Duration,
    stubborn: bool,
}

impl Actor for JournalActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        use actix::AsyncContext;
        self.journal.add(format!("+{}", self.name));
        if !self.init.is_zero() {
            ctx.wait(actix::fut::wrap_future(tokio::time::sleep(self.init)));
        }
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        if self.stubborn { Running::Continue } else { Running::Stop }
    }
}

impl Drop for JournalActor {
    fn drop(&mut self) {
        self.journal.alive.fetch_sub(1, Ordering::SeqCst);
        self.journal.add(format!("-{}", self.name));
    }
}
