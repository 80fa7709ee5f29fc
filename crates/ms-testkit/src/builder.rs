//! A test in one expression: first its surroundings, then the test itself.

use std::any::Any;
use std::fmt;
use std::rc::Rc;

use ms_supervisor::SupervisorSpec;

use crate::system::{Component, TestSystem};

/// Builds the surroundings of a test in the order of the calls, and runs the test in them.
///
/// ```
/// use ms_supervisor::SupervisorSpec;
/// use ms_testkit::{Journal, TestSystem};
///
/// let journal = Journal::new();
/// let answer = TestSystem::builder()
///     .with_tree(SupervisorSpec::one_for_one("root").child(journal.child("a")))
///     .with_test_data("numbers", vec![20, 22])
///     .test(async |t| t.data::<Vec<i32>>("numbers").iter().sum::<i32>());
/// assert_eq!(answer, 42);
/// assert_eq!(journal.alive(), 0); // cleaned up, whatever happened
/// ```
#[doc(alias = "IntegrationTestBuilder")]
#[derive(Default)]
pub struct TestBuilder {
    seed: u64,
    steps: Vec<Step>,
}

enum Step {
    Tree(Box<SupervisorSpec>),
    Put(Box<dyn FnOnce(&TestSystem)>),
}

impl TestSystem {
    /// Returns a builder: it makes the surroundings first and then runs the test in them.
    #[must_use]
    pub fn builder() -> TestBuilder {
        TestBuilder::default()
    }
}

impl TestBuilder {
    /// Sets the seed of what is random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts a tree; see [`TestSystem::start`].
    #[must_use]
    pub fn with_tree(mut self, tree: SupervisorSpec) -> Self {
        self.steps.push(Step::Tree(Box::new(tree)));
        self
    }

    /// Adds a component; see [`TestSystem::with_component`].
    #[must_use]
    pub fn with_component<C: Component>(self, name: &str, component: C) -> Self {
        let name = name.to_owned();
        self.put(move |t| drop(t.with_component(&name, component)))
    }

    /// Keeps a value that the test finds by its name; see [`TestSystem::data`].
    #[doc(alias = "TestDataBuilder")]
    #[must_use]
    pub fn with_test_data<T: Any>(self, name: &str, data: T) -> Self {
        let name = name.to_owned();
        self.put(move |t| t.keep_data(name, Rc::new(data)))
    }

    fn put(mut self, put: impl FnOnce(&TestSystem) + 'static) -> Self {
        self.steps.push(Step::Put(Box::new(put)));
        self
    }

    /// Runs the test, then the clean-up, and returns the result of the test or resumes its panic.
    ///
    /// # Panics
    /// If the test panics or its surroundings cannot be made. If neither, when a clean-up panics.
    pub fn test<T>(self, test: impl AsyncFnOnce(&TestSystem) -> T) -> T {
        let Self { seed, steps } = self;
        TestSystem::seeded(seed, async move |t| {
            for step in steps {
                match step {
                    Step::Tree(tree) => drop(t.start(*tree).await),
                    Step::Put(put) => put(t),
                }
            }
            test(t).await
        })
    }
}

impl fmt::Debug for TestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestBuilder").field("seed", &self.seed).finish_non_exhaustive()
    }
}
