//! The test system: a node in virtual time, components by name, clean-up in any case.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use ms_actor::{Hosted, Node, NodeConfig, Ref, spawn};
use ms_core::{ErrorChain, IdError};
use ms_registry::{Registry, RegistryConfig};
use ms_supervisor::{Root, SupervisorSpec, start_root};

use crate::clock;

/// Default limit of an expectation, and of the stop of a tree, in virtual time.
pub const EXPECT_WITHIN: Duration = Duration::from_secs(5);

/// Cleans something up after the test.
type CleanUp = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()>>;

/// A part of the test's surroundings that is not an actor, such as a database in a temporary
/// directory or a server.
pub trait Component: Any {
    /// Cleans it up. Runs after the test, also if the test panicked; the component that was added last
    /// comes first.
    fn clean_up(&mut self) -> LocalBoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A node on one thread in virtual time, and everything that a test starts on it.
///
/// ```
/// use ms_supervisor::SupervisorSpec;
/// use ms_testkit::{Journal, TestSystem};
///
/// let answer = TestSystem::run(async |t| {
///     t.start(SupervisorSpec::one_for_one("root").child(Journal::new().child("a"))).await;
///     42
/// }); // the tree is stopped here, whatever happened
/// assert_eq!(answer, 42);
/// ```
#[doc(alias = "IntegrationTestHarness")]
#[doc(alias = "IntegrationTestContext")]
#[derive(Debug)]
pub struct TestSystem {
    node: Node,
    registry: Registry,
    kept: RefCell<Kept>,
}

#[derive(Default)]
struct Kept {
    components: Vec<(String, Rc<dyn Any>)>,
    data: Vec<(String, Rc<dyn Any>)>,
    clean_ups: Vec<CleanUp>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.components.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl TestSystem {
    /// Runs a test with a system of its own, then the clean-up, and returns the result of the test or
    /// resumes its panic.
    ///
    /// # Panics
    /// If the test panics. If it does not, when a clean-up panics.
    pub fn run<T>(test: impl AsyncFnOnce(&Self) -> T) -> T {
        Self::seeded(0, test)
    }

    /// Runs a test as [`TestSystem::run`] does, with a seed for what is random, such as the jitter of
    /// delays.
    ///
    /// # Panics
    /// If the test panics. If it does not, when a clean-up panics.
    #[allow(clippy::expect_used, reason = "the surroundings are made on this very line")]
    pub fn seeded<T>(seed: u64, test: impl AsyncFnOnce(&Self) -> T) -> T {
        clock::block_on(async {
            // A fixed seed: a test by hand must be the same at every run, the jitter of its delays
            // included.
            let config = NodeConfig { seed: Some(seed), ..NodeConfig::single_arbiter() };
            let node = Node::boot(config).expect("boots on the system of this thread");
            let registry =
                Registry::spawn(&node, RegistryConfig::default()).expect("a valid scope");
            let system = Self { node, registry, kept: RefCell::default() };
            let result = AssertUnwindSafe(test(&system)).catch_unwind().await;
            let cleaned = system.clean_up().await;
            match (result, cleaned) {
                (Ok(result), None) => result,
                // The panic of the test comes first: a clean-up that fails because of it must not hide
                // it.
                (Err(panic), _) | (Ok(_), Some(panic)) => resume_unwind(panic),
            }
        })
    }

    /// Returns the node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Returns the registry of the system's actors. The test may register names of its own in it.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the default limit of an expectation, [`EXPECT_WITHIN`].
    #[must_use]
    pub fn soon(&self) -> Duration {
        EXPECT_WITHIN
    }

    /// Lets virtual time pass.
    pub async fn advance(&self, time: Duration) {
        clock::advance(time).await;
    }

    /// Runs until nothing can happen unless time passes.
    pub async fn settle(&self) {
        clock::settle().await;
    }

    /// Starts a tree. It is stopped when the test is over.
    ///
    /// # Panics
    /// If it does not start, or another tree has its name.
    #[allow(clippy::panic, reason = "a tree that does not start fails the test")]
    pub async fn start(&self, tree: SupervisorSpec) -> Rc<Root> {
        let root = match start_root(&self.node, tree).await {
            Ok(root) => Rc::new(root),
            Err(error) => panic!("{}", ErrorChain::from_error(&error)),
        };
        let stopped = Rc::clone(&root);
        self.keep(root.path().as_str().to_owned(), Rc::clone(&root) as Rc<dyn Any>);
        self.defer(async move {
            stopped.stop(EXPECT_WITHIN).await;
        });
        root
    }

    /// Starts an actor outside any tree, under its name in the registry.
    ///
    /// # Errors
    /// [`IdError`] if the name is not an actor id.
    ///
    /// # Panics
    /// If the name is taken.
    #[allow(clippy::expect_used, reason = "a name that is taken is the test's mistake")]
    pub async fn actor<A: Hosted + Send>(&self, name: &str, actor: A) -> Result<Ref<A>, IdError> {
        let actor = spawn(&self.node, name, actor)?;
        self.registry.register(name, &actor).await.expect("a free name");
        Ok(actor)
    }

    /// Returns the actor that [`TestSystem::actor`] or the test registered under this name.
    ///
    /// # Panics
    /// If there is none (the message has the nearest known name), or it has another type.
    #[must_use]
    #[allow(clippy::panic, reason = "a missing component fails the test")]
    pub fn get<A: Hosted>(&self, name: &str) -> Ref<A> {
        self.registry.lookup(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Adds a component under a name.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn with_component<C: Component>(&self, name: &str, component: C) -> Rc<RefCell<C>> {
        let component = Rc::new(RefCell::new(component));
        self.keep(name.to_owned(), Rc::clone(&component) as Rc<dyn Any>);
        let cleaned = Rc::clone(&component);
        #[allow(
            clippy::await_holding_refcell_ref,
            reason = "the test is over: nobody else borrows it any more"
        )]
        self.defer(async move {
            cleaned.borrow_mut().clean_up().await;
        });
        component
    }

    /// Returns the component of this name.
    ///
    /// # Panics
    /// If there is none, or it has another type.
    #[must_use]
    #[allow(clippy::panic, reason = "a missing component fails the test")]
    pub fn component<C: Component>(&self, name: &str) -> Rc<RefCell<C>> {
        let kept = self.kept.borrow();
        let found = kept.components.iter().find(|(known, _)| known == name);
        let Some((_, found)) = found else {
            panic!("there is no component named {name:?}; there are {kept:?}")
        };
        Rc::clone(found)
            .downcast()
            .unwrap_or_else(|_| panic!("the component {name:?} is of another type"))
    }

    /// Returns the value that [`TestBuilder::with_test_data`](crate::TestBuilder::with_test_data) kept
    /// under this name.
    ///
    /// # Panics
    /// If there is none, or it has another type.
    #[must_use]
    #[allow(clippy::panic, reason = "missing data fails the test")]
    pub fn data<T: Any>(&self, name: &str) -> Rc<T> {
        let kept = self.kept.borrow();
        let Some((_, found)) = kept.data.iter().find(|(known, _)| known == name) else {
            let names: Vec<_> = kept.data.iter().map(|(name, _)| name).collect();
            panic!("there is no test data named {name:?}; there are {names:?}")
        };
        let found = Rc::clone(found).downcast();
        found.unwrap_or_else(|_| panic!("the test data {name:?} are of another type"))
    }

    #[allow(clippy::panic, reason = "a name given twice is the test's mistake")]
    pub(crate) fn keep_data(&self, name: String, data: Rc<dyn Any>) {
        let mut kept = self.kept.borrow_mut();
        if kept.data.iter().any(|(known, _)| *known == name) {
            panic!("there are test data named {name:?} already");
        }
        kept.data.push((name, data));
    }

    /// Runs a future after the test, before the clean-ups of everything that was started earlier.
    pub fn defer(&self, clean_up: impl Future<Output = ()> + 'static) {
        self.kept.borrow_mut().clean_ups.push(Box::new(move || clean_up.boxed_local()));
    }

    #[allow(clippy::panic, reason = "a name given twice is the test's mistake")]
    fn keep(&self, name: String, component: Rc<dyn Any>) {
        let mut kept = self.kept.borrow_mut();
        let taken = kept.components.iter().any(|(known, _)| *known == name);
        if taken {
            panic!("there is a component named {name:?} already");
        }
        kept.components.push((name, component));
    }

    /// Runs all clean-ups, even if some of them panic. Returns the first panic.
    async fn clean_up(&self) -> Option<Box<dyn Any + Send>> {
        let mut first = None;
        loop {
            let next = self.kept.borrow_mut().clean_ups.pop();
            let Some(next) = next else { return first };
            if let Err(panic) = AssertUnwindSafe(next()).catch_unwind().await {
                first.get_or_insert(panic);
            }
        }
    }
}
