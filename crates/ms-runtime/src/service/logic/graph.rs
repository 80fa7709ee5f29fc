//! The dependency graph of components: collected first, then checked as a whole, then ordered.
//!
//! An edge points from a component to one it needs. Two passes, so that the order of
//! declaring does not matter and a refused graph leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet};

use ms_core::lifecycle::{ComponentId, Phase};

/// Most components of one node.
pub const MAX_COMPONENTS: usize = 1024;

/// Why components cannot be put in order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Two components have one id.
    #[error("the component {0} is declared twice; give one of them another id")]
    Duplicate(ComponentId),
    /// A component needs one that is not there.
    #[error(
        "the component {component} needs {dependency}, which is not declared; declare it, or drop the dependency"
    )]
    UnknownDependency {
        /// Who needs it.
        component: ComponentId,
        /// What it needs.
        dependency: ComponentId,
    },
    /// Components that need each other.
    #[error("components need each other: {}; break the cycle at one of them", path_text(.0))]
    Cycle(Vec<ComponentId>),
    /// An order was asked for that the dependencies forbid.
    #[error(
        "the order puts {first} before {then}, but {first} needs {then}; swap them in the order, or drop the dependency"
    )]
    ImpossibleOrder {
        /// The one that was to come first.
        first: ComponentId,
        /// The one that was to come later, which the first one needs.
        then: ComponentId,
    },
    /// A component needs one of a later phase.
    #[error("{component} starts in phase {} and needs {dependency}, which starts only in phase {}; move one of them", .phase.number(), .later.number())]
    LaterPhase {
        /// Who needs it.
        component: ComponentId,
        /// In which phase that one starts.
        phase: Phase,
        /// What it needs.
        dependency: ComponentId,
        /// In which phase that one starts.
        later: Phase,
    },
    /// A component was put into a phase that starts none.
    #[error("phase {} ({}) starts no components, so {component} cannot be in it; choose 2 to 9", .phase.number(), .phase.name())]
    NoComponentsIn {
        /// Which component.
        component: ComponentId,
        /// Which phase.
        phase: Phase,
    },
    /// More than [`MAX_COMPONENTS`].
    #[error(
        "{0} components exceed the limit of 1024; combine some of them into one supervision tree"
    )]
    TooMany(usize),
}

fn path_text(path: &[ComponentId]) -> String {
    path.iter().map(ComponentId::as_str).collect::<Vec<_>>().join(" -> ")
}

/// The order a configuration wishes for among components that are free to start.
///
/// Names of components that do not exist are ignored: one list serves nodes with and without a
/// cache. A wish that contradicts the dependencies is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderHint(Vec<ComponentId>);

impl OrderHint {
    /// Makes a wish of ids, first to start first.
    #[must_use]
    pub fn new(order: Vec<ComponentId>) -> Self {
        Self(order)
    }

    /// Returns the position of `id` in the wish; an id that is not in it comes last.
    fn rank(&self, id: &ComponentId) -> usize {
        self.0.iter().position(|wish| wish == id).unwrap_or(usize::MAX)
    }
}

/// Components and what they need: no duplicates, nothing unknown, no cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyGraph(BTreeMap<ComponentId, BTreeSet<ComponentId>>);

impl DependencyGraph {
    /// Checks all declared components together.
    ///
    /// ```
    /// use ms_core::lifecycle::ComponentId;
    /// use ms_runtime::logic::graph::DependencyGraph;
    /// let id = |text| ComponentId::new(text).expect("valid");
    /// let cycle = [(id("a"), vec![id("b")]), (id("b"), vec![id("a")])];
    /// let error = DependencyGraph::new(cycle).expect_err("a cycle");
    /// assert!(error.to_string().contains("a -> b -> a"));
    /// ```
    ///
    /// # Errors
    /// [`GraphError`] for a duplicate, an unknown dependency, or a cycle, named in full.
    pub fn new(
        declared: impl IntoIterator<Item = (ComponentId, Vec<ComponentId>)>,
    ) -> Result<Self, GraphError> {
        let mut nodes = BTreeMap::new();
        for (id, needs) in declared {
            let needs: BTreeSet<_> = needs.into_iter().collect();
            if nodes.insert(id.clone(), needs).is_some() {
                return Err(GraphError::Duplicate(id));
            }
        }
        // Before the walks: the search for a cycle is quadratic, and `level_of` recurses.
        if nodes.len() > MAX_COMPONENTS {
            return Err(GraphError::TooMany(nodes.len()));
        }
        let graph = Self(nodes);
        graph.check_known()?;
        match graph.find_cycle() {
            Some(path) => Err(GraphError::Cycle(path)),
            None => Ok(graph),
        }
    }

    fn check_known(&self) -> Result<(), GraphError> {
        for (component, needs) in &self.0 {
            if let Some(unknown) = needs.iter().find(|need| !self.0.contains_key(*need)) {
                return Err(GraphError::UnknownDependency {
                    component: component.clone(),
                    dependency: unknown.clone(),
                });
            }
        }
        Ok(())
    }

    /// Returns a cycle as a path that ends where it began, if there is one.
    ///
    /// What can start is taken away until nothing can; what is left needs something that
    /// is left, so following any need leads round.
    fn find_cycle(&self) -> Option<Vec<ComponentId>> {
        let mut left: BTreeMap<&ComponentId, &BTreeSet<ComponentId>> = self.0.iter().collect();
        loop {
            let free: Vec<_> = left
                .iter()
                .filter(|(_, needs)| !needs.iter().any(|need| left.contains_key(need)))
                .map(|(id, _)| *id)
                .collect();
            if free.is_empty() {
                break;
            }
            left.retain(|id, _| !free.contains(id));
        }
        let mut path = vec![*left.keys().next()?];
        loop {
            let next = left.get(path.last()?)?.iter().find(|need| left.contains_key(need))?;
            let seen = path.iter().position(|id| *id == next);
            path.push(next);
            if let Some(from) = seen {
                return Some(path[from..].iter().map(|id| (*id).clone()).collect());
            }
        }
    }

    /// Checks that a wished order contradicts no dependency.
    ///
    /// # Errors
    /// [`GraphError::ImpossibleOrder`] or, for a name that occurs twice,
    /// [`GraphError::Duplicate`].
    pub fn check_hint(&self, hint: &OrderHint) -> Result<(), GraphError> {
        for (at, first) in hint.0.iter().enumerate() {
            let later = &hint.0[at + 1..];
            if later.contains(first) {
                return Err(GraphError::Duplicate(first.clone()));
            }
            if let Some(then) = later.iter().find(|then| self.depends_on(first, then)) {
                let (first, then) = (first.clone(), then.clone());
                return Err(GraphError::ImpossibleOrder { first, then });
            }
        }
        Ok(())
    }

    /// Returns the components in levels: each needs only components of earlier levels, so a level
    /// can start in parallel. Its level is 1 + the highest level of what it needs; within a level
    /// they are ordered by the wish, then by id.
    #[must_use]
    pub fn levels(&self, hint: &OrderHint) -> Vec<Vec<ComponentId>> {
        self.levels_of(&self.0.keys().cloned().collect(), hint)
    }

    /// Returns the levels of some of the components, as if all others were running.
    #[must_use]
    pub fn levels_of(
        &self,
        some: &BTreeSet<ComponentId>,
        hint: &OrderHint,
    ) -> Vec<Vec<ComponentId>> {
        let mut level = BTreeMap::new();
        for id in some {
            self.level_of(id, some, &mut level);
        }
        let mut levels = vec![Vec::new(); level.values().max().copied().unwrap_or(0)];
        for (id, level) in level {
            levels[level - 1].push(id.clone());
        }
        levels.iter_mut().for_each(|level| level.sort_by_key(|id| (hint.rank(id), id.clone())));
        levels
    }

    /// Returns the level of a component, from 1. Recurses as deep as the longest chain of needs.
    fn level_of<'a>(
        &'a self,
        id: &'a ComponentId,
        some: &BTreeSet<ComponentId>,
        known: &mut BTreeMap<&'a ComponentId, usize>,
    ) -> usize {
        if let Some(level) = known.get(id) {
            return *level;
        }
        let needs = self.0.get(id).into_iter().flatten().filter(|need| some.contains(*need));
        let highest = needs.map(|need| self.level_of(need, some, known)).max();
        let level = 1 + highest.unwrap_or(0);
        known.insert(id, level);
        level
    }

    /// Returns the direct dependencies of `id`, sorted by id.
    pub fn needs(&self, id: &ComponentId) -> impl Iterator<Item = &ComponentId> {
        self.0.get(id).into_iter().flatten()
    }

    /// Returns all components, sorted by id.
    pub fn ids(&self) -> impl Iterator<Item = &ComponentId> {
        self.0.keys()
    }

    /// Returns whether `id` needs `other`, directly or through others.
    #[must_use]
    pub fn depends_on(&self, id: &ComponentId, other: &ComponentId) -> bool {
        let mut seen = BTreeSet::new();
        let mut open: Vec<_> = self.needs(id).collect();
        while let Some(next) = open.pop() {
            if next == other {
                return true;
            }
            if seen.insert(next) {
                open.extend(self.needs(next));
            }
        }
        false
    }
}
