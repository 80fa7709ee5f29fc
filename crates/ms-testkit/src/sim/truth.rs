//! What must hold after every step: the system's own accounts against the actors' own words.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::{AnyRef, DeadLetter, Node};
use ms_core::view::{Mark, TreeNode};
use ms_registry::Registry;
use ms_router::Router;
use ms_supervisor::Root;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use super::build::Builder;
use super::cast::{Bulletin, Work};
use super::letters::Fate;
use super::script::Kind;
use super::world::{Inner, Path, World, at_and_above};

/// A timer may come this much late: tokio counts whole milliseconds.
const TIMER_GRAIN: u64 = 2_000_000;

/// Compares.
pub(crate) struct Truth {
    world: World,
    registry: Registry,
    router: Router,
    pub(crate) root: Option<Arc<Root>>,
    /// Names that were given, and to whom.
    names: Rc<RefCell<BTreeMap<String, AnyRef>>>,
    /// Changes of names that are not answered yet.
    naming: Rc<Cell<u32>>,
    /// Actors that a route was asked for, and whether it was granted.
    routes: Rc<RefCell<Vec<(AnyRef, bool)>>>,
    dead: RefCell<Receiver<DeadLetter>>,
    buried: Cell<u64>,
    lagged: Cell<bool>,
}

impl Truth {
    pub(crate) fn new(node: &Node, world: &World, builder: &Builder) -> Self {
        Self {
            world: world.clone(),
            registry: builder.registry.clone(),
            router: builder.router.clone(),
            root: None,
            names: Rc::default(),
            naming: Rc::default(),
            routes: Rc::default(),
            dead: RefCell::new(node.dead_letters().subscribe()),
            buried: Cell::new(0),
            lagged: Cell::new(false),
        }
    }

    fn violate(&self, rule: &'static str, detail: String) {
        self.world.lock().violate(rule, detail);
    }

    // ---- steps that are about the accounts themselves ---------------------------

    pub(crate) fn register(&self, at: &str) {
        let Some((path, ports)) = self.world.ports(at) else { return };
        let (registry, names) = (self.registry.clone(), Rc::clone(&self.names));
        let naming = Rc::clone(&self.naming);
        naming.set(naming.get() + 1);
        actix_rt::spawn(async move {
            let name = format!("sim{path}");
            if registry.register_any(&*name, &ports.any).await.is_ok() {
                names.borrow_mut().insert(name, ports.any);
            }
            naming.set(naming.get() - 1);
        });
    }

    pub(crate) fn route(&self, at: &str) {
        let Some((_, ports)) = self.world.ports(at) else { return };
        let (router, routes) = (self.router.clone(), Rc::clone(&self.routes));
        routes.borrow_mut().push((ports.any.clone(), false));
        actix_rt::spawn(async move {
            if router.add_route::<Bulletin>(ports.bulletin).await.is_ok() {
                let mut routes = routes.borrow_mut();
                for (_, granted) in routes.iter_mut().filter(|(any, _)| *any == ports.any) {
                    *granted = true;
                }
            }
        });
    }

    /// G4: who is active is who is alive, if nothing happens while the answer is on its way.
    pub(crate) fn count(&self, sup: &str) {
        let world = self.world.clone();
        let (sup, before): (Path, u64) = (Arc::from(sup), world.lock().seq);
        let Some(reference) = world.lock().sups.get(&sup).and_then(|s| s.reference.clone()) else {
            return;
        };
        actix_rt::spawn(async move {
            let Ok(counts) = reference.within(Duration::from_secs(60)).count_children().await
            else {
                return;
            };
            let mut inner = world.lock();
            if inner.seq != before {
                return;
            }
            if let Some(alive) = inner.children_alive(&sup)
                && alive != counts.active
            {
                inner
                    .violate("counts", format!("{sup} counts {} active of {alive}", counts.active));
            }
        });
    }

    // ---- at any time -----------------------------------------------------------

    /// What holds between any two turns of any two actors.
    pub(crate) fn at_any_time(&self) {
        let cells = std::mem::take(&mut self.world.lock().post.cells);
        drop(cells);
        self.lives_are_true();
        self.mail_adds_up();
        self.names_lead_to_the_living();
        self.routes_lead_to_the_living();
    }

    /// The kernel and the actor agree on whether it lives, and on its number.
    fn lives_are_true(&self) {
        let mut wrong = Vec::new();
        let inner = self.world.lock();
        for (path, place) in &inner.places {
            let (Some(ports), Some(at)) = (&place.ports, place.current) else { continue };
            let instance = &inner.instances[at];
            // An agent's cell is known when its init runs.
            if instance.incarnation == 0 {
                continue;
            }
            // Its successor was begun and never made. Whether that was in the same cell, and so
            // fenced this one off, is not known: below a spec that was dropped it is another.
            if instance.fenced && instance.gone.is_none() {
                continue;
            }
            let (alive, live) = (inner.is_alive(path), ports.any.incarnation().0);
            // What a child that was dropped left behind is fenced off as soon as its name is given
            // again, and sees it at its next turn (X6). That it does is the law of the orphans.
            let left = inner.is_left_behind(path)
                || inner.is_orphan(path)
                || inner.is_let_go(path, &ports.any);
            if live == 0 && instance.gone.is_none() && left {
                continue;
            }
            if alive != (live != 0) {
                wrong.push(format!("{path}: alive {alive}, and the kernel has #{live}"));
            } else if alive && live != instance.incarnation {
                wrong.push(format!(
                    "{path} is #{}, and the kernel has #{live}",
                    instance.incarnation
                ));
            }
        }
        drop(inner);
        wrong.into_iter().for_each(|detail| self.violate("lives", detail));
    }

    /// What was accepted and not handled, dropped or handed back is in the mailbox: in that of
    /// the very cell it was sent to, be it one that was replaced.
    fn mail_adds_up(&self) {
        let inner = self.world.lock();
        // Letters to one of many are somewhere.
        let loose = inner.post.loose;
        let mut waiting: BTreeMap<&Path, Vec<Mail<'_>>> = BTreeMap::new();
        for letter in &inner.post.letters {
            if let (Some(to), Some(cell), Fate::Waiting) = (&letter.to, &letter.cell, letter.fate) {
                let mail = mail_in(waiting.entry(to).or_default(), cell);
                // A sender that waits for room has it still.
                *(if letter.accepted { &mut mail.sure } else { &mut mail.maybe }) += 1;
            }
        }
        let mut wrong = Vec::new();
        for (path, place) in &inner.places {
            let Some(kind) = inner.mail_of(path) else { continue };
            let present = place.ports.iter().map(|ports| &ports.any);
            for cell in present.chain(&place.replaced) {
                let depth = cell.depth().unwrap_or(0);
                let cells = waiting.get(path).map_or(&[][..], Vec::as_slice);
                let mail = cells.iter().find(|mail| mail.cell == cell);
                let (sure, maybe) = mail.map_or((0, 0), |mail| (mail.sure, mail.maybe));
                // An agent has one in hand that it has not looked at, and its own timers' words.
                let slack = u64::from(kind == Kind::Agent) * 4;
                if depth + slack < sure || depth > sure + maybe + loose + slack {
                    let sent = sure + maybe;
                    wrong.push(format!("{path}: {depth} in the mailbox, {sure} to {sent} sent"));
                }
            }
        }
        drop(inner);
        wrong.into_iter().for_each(|detail| self.violate("mail", detail));
    }

    fn names_lead_to_the_living(&self) {
        for (name, owner) in self.names.borrow().iter() {
            let found = self.registry.find(name);
            match found {
                Some(found) if found.actor.is_closed() => {
                    self.violate("registry", format!("{name} leads to {owner:?}, which is gone"));
                }
                Some(found) if found.actor == *owner => {
                    let live = owner.incarnation().0;
                    if found.incarnation.map_or(0, |life| life.0) != live {
                        let detail = format!("{name}: {:?}, and #{live} lives", found.incarnation);
                        self.violate("registry", detail);
                    }
                }
                None if !owner.is_closed() && self.naming.get() == 0 => {
                    self.violate("registry", format!("{name} is lost, and {owner:?} is not gone"));
                }
                _ => {}
            }
        }
    }

    fn routes_lead_to_the_living(&self) {
        let handlers = self.router.handlers::<Bulletin>();
        let routes = self.routes.borrow();
        let open = |any: &AnyRef| !any.is_closed();
        for path in &handlers {
            if !routes.iter().any(|(any, _)| any.path() == path && open(any)) {
                self.violate("router", format!("a route leads to {path}, which is gone"));
            }
        }
        for (any, _) in routes.iter().filter(|(any, granted)| *granted && open(any)) {
            if !handlers.contains(any.path()) {
                self.violate("router", format!("the route to {any:?} is lost"));
            }
        }
    }

    // ---- when nothing can happen without time passing ---------------------------

    /// What holds when everybody has had their turn.
    pub(crate) async fn when_quiet(&self) {
        self.asks_are_resolved();
        self.monitors_have_told();
        self.replaced_cells_are_closed();
        self.dead_letters_add_up();
        self.tree_is_true().await;
        self.registry_has_no_more().await;
    }

    /// K4: an ask whose message is gone, or whose actor is, waits no longer.
    fn asks_are_resolved(&self) {
        let mut inner = self.world.lock();
        let now = inner.nanos();
        let mut wrong = Vec::new();
        for ask in inner.post.asks.iter().filter(|ask| ask.open && !ask.by_actor) {
            let letter = &inner.post.letters[ask.letter];
            let why = match letter.fate {
                Fate::Dropped | Fate::Returned => "its message is gone",
                Fate::Handled(by) if inner.instances[by].gone.is_some() => "its actor is gone",
                _ if now > ask.deadline + TIMER_GRAIN => "its deadline is over",
                _ => continue,
            };
            wrong.push(format!(
                "letter {} to {:?}: {why}, and the ask waits",
                ask.letter, letter.to
            ));
        }
        wrong.into_iter().for_each(|detail| inner.violate("ask", detail));
    }

    /// K11.
    fn monitors_have_told(&self) {
        let mut inner = self.world.lock();
        let silent =
            |watch: &&super::letters::Watch| watch.open && watch.of.incarnation().0 != watch.life;
        let wrong: Vec<String> = inner
            .post
            .watches
            .iter()
            .filter(silent)
            .map(|watch| {
                format!("{:?} #{} ended, and its monitor was not told", watch.of, watch.life)
            })
            .collect();
        wrong.into_iter().for_each(|detail| inner.violate("monitor", detail));
    }

    /// X6: references to what will not come back say so.
    fn replaced_cells_are_closed(&self) {
        let mut inner = self.world.lock();
        // One that was killed with its children half stopped closes them when those have ended.
        let places = inner.places.iter().filter(|(path, _)| !inner.is_at_work_twice(path));
        let open = places.flat_map(|(_, place)| &place.replaced);
        let wrong: Vec<String> = open
            .filter(|any| !any.is_closed() && !any.is_alive())
            .map(|any| format!("{any:?}"))
            .collect();
        wrong.into_iter().for_each(|detail| inner.violate("replaced", detail));
    }

    /// Dead letters are those the model knows of.
    fn dead_letters_add_up(&self) {
        let ours = [std::any::type_name::<Work>(), std::any::type_name::<Bulletin>()];
        loop {
            match self.dead.borrow_mut().try_recv() {
                Ok(letter) => {
                    let counted = ours.contains(&letter.message)
                        && self.world.lock().mail_of(letter.path.as_str()).is_some();
                    self.buried.set(self.buried.get() + u64::from(counted));
                }
                Err(TryRecvError::Lagged(_)) => self.lagged.set(true),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let mut inner = self.world.lock();
        let (sure, maybe, buried) =
            (inner.post.dead_sure, inner.post.dead_maybe, self.buried.get());
        if !self.lagged.get() && (buried < sure || buried > sure + maybe) {
            let detail = format!("{buried} dead letters, {sure} to {} lost", sure + maybe);
            inner.violate("dead letters", detail);
        }
    }

    /// The tree that is shown is the tree there is.
    async fn tree_is_true(&self) {
        let Some(root) = &self.root else { return };
        let before = self.world.lock().seq;
        let Ok(tree) = root.tree(None).await else { return };
        let mut inner = self.world.lock();
        if inner.seq != before {
            return;
        }
        let mut shown = 0;
        let mut wrong = Vec::new();
        for node in tree.walk() {
            let path = node.status.path.as_str();
            let (Some(alive), up) = (inner.known_alive(path), is_up(node)) else { continue };
            shown += usize::from(up && !inner.is_left_behind(path));
            if alive != up {
                wrong.push(format!(
                    "{path} is shown as {:?}; alive: {alive}",
                    node.status.lifecycle
                ));
            }
            if up
                && inner.sups.contains_key(path)
                && node.status.marks.contains(&Mark::Unresponsive)
            {
                wrong.push(format!("{path} does not answer"));
            }
            let number = inner.number(path);
            if up && number.is_some_and(|number| number != node.status.incarnation.0) {
                wrong
                    .push(format!("{path} is shown as {}, is {number:?}", node.status.incarnation));
            }
        }
        let alive = inner.alive_under_living();
        if alive != shown {
            wrong.push(format!("{shown} actors of {alive} are shown"));
        }
        wrong.into_iter().for_each(|detail| inner.violate("tree", detail));
    }

    /// The registry keeps nothing for the dead, once it had its turn.
    async fn registry_has_no_more(&self) {
        if self.naming.get() > 0 {
            return;
        }
        let living = || -> Vec<(String, AnyRef)> {
            let names = self.names.borrow();
            let open = names.iter().filter(|(_, owner)| !owner.is_closed());
            open.map(|(name, owner)| (name.clone(), owner.clone())).collect()
        };
        let Some((name, owner)) = living().into_iter().next() else { return };
        // Doing it again changes nothing, but comes behind all news.
        let registry = self.registry.within(Duration::from_millis(1));
        let before = self.world.lock().seq;
        if registry.register_any(&*name, &owner).await.is_err() {
            return;
        }
        let (has, living) = (self.registry.len(), living().len());
        let still = self.world.lock().seq == before;
        if has != living && still && self.naming.get() == 0 {
            self.violate("registry", format!("{has} names, and {living} owners that are not gone"));
        }
    }

    // ---- at the end -------------------------------------------------------------

    /// Everything is over, and everybody knows.
    pub(crate) fn at_the_end(&self) {
        self.at_any_time();
        self.asks_are_resolved();
        self.monitors_have_told();
        self.dead_letters_add_up();
        let mut inner = self.world.lock();
        let left: Vec<String> = inner
            .instances
            .iter()
            .filter(|i| i.gone.is_none())
            .map(|i| i.path.to_string())
            .collect();
        if !left.is_empty() {
            inner.violate("orphan", format!("the tree is over, and {left:?} live on"));
        }
        let sups: Vec<String> = inner
            .sups
            .iter()
            .filter(|(_, sup)| sup.lives.iter().any(|life| life.alive))
            .map(|(path, _)| path.to_string())
            .collect();
        if !sups.is_empty() {
            inner.violate("orphan", format!("the tree is over, and {sups:?} live on"));
        }
        let lost = inner.post.letters.iter().filter(|l| l.fate == Fate::Waiting).count();
        if lost > 0 && left.is_empty() {
            inner.violate("mail", format!("{lost} letters are nowhere"));
        }
        let open = inner.post.asks.iter().filter(|ask| ask.open).count();
        if open > 0 {
            inner.violate("ask", format!("{open} asks wait for ever"));
        }
        if let Some((path, _)) = inner.commanded.first().cloned() {
            inner.violate("ask", format!("a command about {path} was never answered"));
        }
        let watched = inner.post.watches.iter().filter(|watch| watch.open).count();
        if watched > 0 && left.is_empty() {
            inner.violate("monitor", format!("{watched} monitors never told"));
        }
    }
}

/// Letters that wait in one cell: that are in its mailbox, and that may be.
struct Mail<'a> {
    cell: &'a AnyRef,
    sure: u64,
    maybe: u64,
}

fn mail_in<'a, 'm>(cells: &'m mut Vec<Mail<'a>>, cell: &'a AnyRef) -> &'m mut Mail<'a> {
    let at = cells.iter().position(|mail| mail.cell == cell).unwrap_or_else(|| {
        cells.push(Mail { cell, sure: 0, maybe: 0 });
        cells.len() - 1
    });
    &mut cells[at]
}

/// Whether a row of the tree says that the actor has a life.
fn is_up(node: &TreeNode) -> bool {
    node.status.uptime_ms.is_some()
}

impl Inner {
    /// Whether an actor runs, where it tells.
    fn known_alive(&self, path: &str) -> Option<bool> {
        (self.places.contains_key(path) || self.sups.contains_key(path))
            .then(|| self.is_alive(path))
    }

    fn number(&self, path: &str) -> Option<u64> {
        match self.places.get(path) {
            Some(place) => {
                let number = self.instances[place.current?].incarnation;
                (number != 0).then_some(number)
            }
            None => self.life(path).map(|life| life.incarnation.0),
        }
    }

    /// Whether all supervisors above it live.
    fn hangs_together(&self, path: &str) -> bool {
        at_and_above(path).skip(1).all(|above| self.life(above).is_some())
    }

    fn alive_under_living(&self) -> usize {
        let leaves = self.places.keys().filter(|path| self.is_alive(path));
        let sups = self.sups.keys().filter(|path| self.life(path).is_some());
        let here = |path: &&Path| self.hangs_together(path) && !self.is_left_behind(path);
        leaves.chain(sups).filter(here).count()
    }

    /// Living children of a supervisor, where all of them tell.
    fn children_alive(&self, sup: &str) -> Option<usize> {
        self.life(sup)?;
        if self.sups.get(sup)?.has_silent_children() {
            return None;
        }
        let children = self.places.keys().chain(self.sups.keys());
        let below = |path: &&Path| path.rsplit_once('/').is_some_and(|(parent, _)| parent == sup);
        Some(children.filter(below).filter(|path| self.is_up(path)).count())
    }
}
