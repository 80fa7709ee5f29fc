//! The test system: a node in virtual time, components by name, clean-up whatever happens.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use ms_actor::{Hosted, Node, NodeConfig, Ref, spawn};
use ms_core::IdError;
use ms_registry::{Registry, RegistryConfig};
use ms_supervisor::{Root, SupervisorSpec, start_root};

use crate::builder::TestBuilder;
use crate::clock;

/// How long a test waits for what is to come soon, and how long a tree may take to stop:
/// virtual time, so it costs nothing.
pub const SOON: Duration = Duration::from_secs(5);

/// What a component is to be cleaned up with.
type CleanUp = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()>>;

/// A part of the test's surroundings that is more than an actor: a database in a temporary
/// directory, a server, a recorder.
pub trait Component: Any {
    /// Takes it down. Runs after the test, in the reverse of the order the components were
    /// added in, also when the test panicked.
    fn clean_up(&mut self) -> LocalBoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A node on one thread in virtual time, and all that a test starts on it.
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
    /// Surroundings first, then the test.
    #[must_use]
    pub fn builder() -> TestBuilder {
        TestBuilder::default()
    }

    /// Runs a test with a system of its own: clean-up runs when the test is over, and then
    /// its result is given back, or its panic goes on.
    ///
    /// # Panics
    /// When the test does; when it is in order and a clean-up panics.
    pub fn run<T>(test: impl AsyncFnOnce(&Self) -> T) -> T {
        Self::seeded(0, test)
    }

    /// As [`TestSystem::run`], with another seed for what is random (the jitter of delays).
    ///
    /// # Panics
    /// As there.
    #[allow(clippy::expect_used, reason = "the surroundings are made on this very line")]
    pub fn seeded<T>(seed: u64, test: impl AsyncFnOnce(&Self) -> T) -> T {
        clock::block_on(async {
            let config = NodeConfig { seed: Some(seed), ..NodeConfig::single_arbiter() };
            let node = Node::boot(config).expect("boots on the system of this thread");
            let registry =
                Registry::spawn(&node, RegistryConfig::default()).expect("a valid scope");
            let system = Self { node, registry, kept: RefCell::default() };
            let result = AssertUnwindSafe(test(&system)).catch_unwind().await;
            let cleaned = system.clean_up().await;
            match (result, cleaned) {
                (Ok(result), None) => result,
                // What the test has to say comes first: a clean-up never hides it.
                (Err(panic), _) | (Ok(_), Some(panic)) => resume_unwind(panic),
            }
        })
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The registry of the system's components, free for the test's own names too.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// [`SOON`].
    #[must_use]
    pub fn soon(&self) -> Duration {
        SOON
    }

    /// Lets virtual time pass.
    pub async fn advance(&self, time: Duration) {
        clock::advance(time).await;
    }

    /// Runs until nothing can happen without time passing.
    pub async fn settle(&self) {
        clock::settle().await;
    }

    /// Starts a tree; it is stopped when the test is over.
    ///
    /// # Panics
    /// When it does not start, or two trees have the same name.
    #[allow(clippy::panic, reason = "a tree that does not start fails the test")]
    pub async fn start(&self, tree: SupervisorSpec) -> Rc<Root> {
        let root = match start_root(&self.node, tree).await {
            Ok(root) => Rc::new(root),
            Err(error) => panic!("{error}"),
        };
        let stopped = Rc::clone(&root);
        self.keep(root.path().as_str().to_owned(), Rc::clone(&root) as Rc<dyn Any>);
        self.defer(async move {
            stopped.stop(SOON).await;
        });
        root
    }

    /// Starts an actor outside any tree, under its name in the registry.
    ///
    /// # Errors
    /// [`IdError`] when the name is no actor id.
    ///
    /// # Panics
    /// When the name is taken.
    #[allow(clippy::expect_used, reason = "a name that is taken is the test's mistake")]
    pub async fn actor<A: Hosted + Send>(&self, name: &str, actor: A) -> Result<Ref<A>, IdError> {
        let actor = spawn(&self.node, name, actor)?;
        self.registry.register(name, &actor).await.expect("a free name");
        Ok(actor)
    }

    /// The actor of this name, as [`TestSystem::actor`] or the test registered it.
    ///
    /// # Panics
    /// When there is none, with the nearest known name, or it is of another type.
    #[must_use]
    #[allow(clippy::panic, reason = "a missing component fails the test")]
    pub fn get<A: Hosted>(&self, name: &str) -> Ref<A> {
        self.registry.lookup(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Adds a component under a name.
    ///
    /// # Panics
    /// When the name is taken.
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

    /// The component of this name.
    ///
    /// # Panics
    /// When there is none, or it is of another type.
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

    /// The value that [`TestBuilder::with_test_data`] kept under this name.
    ///
    /// # Panics
    /// When there is none, or it is of another type.
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

    /// Has something done after the test, before what was started or deferred earlier.
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

    /// Runs all clean-ups, whatever becomes of each. The first panic comes back.
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
