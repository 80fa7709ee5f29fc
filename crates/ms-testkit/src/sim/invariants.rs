//! What must hold after every step: compares what the system says of itself with what its actors
//! reported.

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
use super::script::Kind;
use super::world::{Bulletin, Inner, MessageState, Path, Watch, Work, World, at_and_above};

/// A timer may be late by this many nanoseconds: tokio counts whole milliseconds.
const TIMER_GRAIN: u64 = 2_000_000;

/// Compares the system with the model.
pub(crate) struct Invariants {
    world: World,
    registry: Registry,
    router: Router,
    pub(crate) root: Option<Arc<Root>>,
    /// Registered names and their owners.
    names: Rc<RefCell<BTreeMap<String, AnyRef>>>,
    /// Registrations that are not answered yet.
    naming: Rc<Cell<u32>>,
    /// Actors for which a route was asked, and whether it was granted.
    routes: Rc<RefCell<Vec<(AnyRef, bool)>>>,
    dead: RefCell<Receiver<DeadLetter>>,
    dead_seen: Cell<u64>,
    lagged: Cell<bool>,
}

impl Invariants {
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
            dead_seen: Cell::new(0),
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

    /// Checks that a supervisor counts its living children as active (G4), if nothing happens until
    /// the answer is here.
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

    /// Checks what holds between any two turns of any two actors.
    pub(crate) fn at_any_time(&self) {
        let cells = std::mem::take(&mut self.world.lock().traffic.cells);
        drop(cells);
        self.lives_are_true();
        self.mail_adds_up();
        self.names_lead_to_the_living();
        self.routes_lead_to_the_living();
    }

    /// Checks that the kernel and the actor agree on whether it is alive, and on its incarnation.
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
            // Its successor was begun but never made. It is not known whether that was in the same
            // cell and so fenced this one off: below a spec that was dropped it is another cell.
            if instance.fenced && instance.gone.is_none() {
                continue;
            }
            let (alive, live) = (inner.is_alive(path), ports.any.incarnation().0);
            // What a dropped child left behind is fenced off as soon as its name is used again, and
            // notices at its next turn (X6). The invariant `orphan` checks that it does.
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

    /// Checks that each message that was accepted, and not handled, dropped or handed back, is in a
    /// mailbox: in that of the very cell it was sent to, even if that cell was replaced.
    fn mail_adds_up(&self) {
        let inner = self.world.lock();
        // It is not known in which mailbox a message to one of many is.
        let loose = inner.traffic.loose;
        let mut waiting: BTreeMap<&Path, Vec<Mail<'_>>> = BTreeMap::new();
        for message in &inner.traffic.messages {
            if let (Some(to), Some(cell), MessageState::Waiting) =
                (&message.to, &message.cell, message.state)
            {
                let mail = mail_in(waiting.entry(to).or_default(), cell);
                // A sender that waits for room may still have it.
                *(if message.accepted { &mut mail.sure } else { &mut mail.maybe }) += 1;
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
                // An agent may have taken out a message that it has not begun, and its timers send it
                // messages that the model does not see.
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

    /// Checks what holds when every actor has had its turn.
    pub(crate) async fn when_quiet(&self) {
        self.asks_are_resolved();
        self.monitors_have_fired();
        self.replaced_cells_are_closed();
        self.dead_letters_add_up();
        self.tree_is_true().await;
        self.registry_has_no_more().await;
    }

    /// Checks that an ask ends when its message or its actor is gone (K4).
    fn asks_are_resolved(&self) {
        let mut inner = self.world.lock();
        let now = inner.nanos();
        let mut wrong = Vec::new();
        for ask in inner.traffic.asks.iter().filter(|ask| ask.open && !ask.by_actor) {
            let message = &inner.traffic.messages[ask.message];
            let why = match message.state {
                MessageState::Dropped | MessageState::Returned => "its message is gone",
                MessageState::Handled(by) if inner.instances[by].gone.is_some() => {
                    "its actor is gone"
                }
                _ if now > ask.deadline + TIMER_GRAIN => "its deadline is over",
                _ => continue,
            };
            wrong.push(format!(
                "message {} to {:?}: {why}, and the ask waits",
                ask.message, message.to
            ));
        }
        wrong.into_iter().for_each(|detail| inner.violate("ask", detail));
    }

    /// Checks that a monitor fires when the life it watches has ended (K11).
    fn monitors_have_fired(&self) {
        let mut inner = self.world.lock();
        let silent = |watch: &&Watch| watch.open && watch.of.incarnation().0 != watch.life;
        let wrong: Vec<String> = inner
            .traffic
            .watches
            .iter()
            .filter(silent)
            .map(|watch| {
                format!("{:?} #{} ended, and its monitor was not told", watch.of, watch.life)
            })
            .collect();
        wrong.into_iter().for_each(|detail| inner.violate("monitor", detail));
    }

    /// Checks that references to cells that will not be used again say that they are closed (X6).
    fn replaced_cells_are_closed(&self) {
        let mut inner = self.world.lock();
        // A supervisor that was killed while it stopped its children closes their cells only when they
        // have ended.
        let places = inner.places.iter().filter(|(path, _)| !inner.is_at_work_twice(path));
        let open = places.flat_map(|(_, place)| &place.replaced);
        let wrong: Vec<String> = open
            .filter(|any| !any.is_closed() && !any.is_alive())
            .map(|any| format!("{any:?}"))
            .collect();
        wrong.into_iter().for_each(|detail| inner.violate("replaced", detail));
    }

    /// Checks that the kernel counts as many dead letters as the model.
    fn dead_letters_add_up(&self) {
        let ours = [std::any::type_name::<Work>(), std::any::type_name::<Bulletin>()];
        loop {
            match self.dead.borrow_mut().try_recv() {
                Ok(dead) => {
                    let counted = ours.contains(&dead.message)
                        && self.world.lock().mail_of(dead.path.as_str()).is_some();
                    self.dead_seen.set(self.dead_seen.get() + u64::from(counted));
                }
                Err(TryRecvError::Lagged(_)) => self.lagged.set(true),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let mut inner = self.world.lock();
        let (sure, maybe, dead_seen) =
            (inner.traffic.dead_sure, inner.traffic.dead_maybe, self.dead_seen.get());
        if !self.lagged.get() && (dead_seen < sure || dead_seen > sure + maybe) {
            let detail = format!("{dead_seen} dead letters, {sure} to {} lost", sure + maybe);
            inner.violate("dead letters", detail);
        }
    }

    /// Checks that the tree that inspection shows is the tree of the model.
    async fn tree_is_true(&self) {
        let Some(root) = &self.root else { return };
        let before = self.world.lock().seq;
        let Ok(tree) = root.tree(None).await else { return };
        let mut inner = self.world.lock();
        if inner.seq != before {
            return;
        }
        let mut rows_alive = 0;
        let mut wrong = Vec::new();
        for node in tree.walk() {
            let path = node.status.path.as_str();
            let (Some(alive), up) = (inner.known_alive(path), is_up(node)) else { continue };
            rows_alive += usize::from(up && !inner.is_left_behind(path));
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
        if alive != rows_alive {
            wrong.push(format!("{rows_alive} actors of {alive} are shown"));
        }
        wrong.into_iter().for_each(|detail| inner.violate("tree", detail));
    }

    /// Checks that the registry has no names of closed actors, once it has had its turn.
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
        // Registering a name again changes nothing, but is answered after all events before it.
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

    /// Checks what holds when the tree has stopped: nothing is alive, and nobody waits.
    pub(crate) fn at_the_end(&self) {
        self.at_any_time();
        self.asks_are_resolved();
        self.monitors_have_fired();
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
        let lost =
            inner.traffic.messages.iter().filter(|l| l.state == MessageState::Waiting).count();
        if lost > 0 && left.is_empty() {
            inner.violate("mail", format!("{lost} messages are lost"));
        }
        let open = inner.traffic.asks.iter().filter(|ask| ask.open).count();
        if open > 0 {
            inner.violate("ask", format!("{open} asks wait for ever"));
        }
        if let Some((path, _)) = inner.commanded.first().cloned() {
            inner.violate("ask", format!("a command about {path} was never answered"));
        }
        let watched = inner.traffic.watches.iter().filter(|watch| watch.open).count();
        if watched > 0 && left.is_empty() {
            inner.violate("monitor", format!("{watched} monitors never told"));
        }
    }
}

/// The messages that wait in one cell: those that must be in its mailbox, and those that may be.
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

/// Says whether a row of the tree shows the actor as alive.
fn is_up(node: &TreeNode) -> bool {
    node.status.uptime_ms.is_some()
}

impl Inner {
    /// Says whether an actor runs; `None` if it does not report.
    fn known_alive(&self, path: &str) -> Option<bool> {
        (self.places.contains_key(path) || self.sups.contains_key(path))
            .then(|| self.is_alive(path))
    }

    /// Returns the incarnation of an actor, if it is known.
    fn number(&self, path: &str) -> Option<u64> {
        match self.places.get(path) {
            Some(place) => {
                let number = self.instances[place.current?].incarnation;
                (number != 0).then_some(number)
            }
            None => self.life(path).map(|life| life.incarnation.0),
        }
    }

    /// Says whether all supervisors above it are alive.
    fn hangs_together(&self, path: &str) -> bool {
        at_and_above(path).skip(1).all(|above| self.life(above).is_some())
    }

    fn alive_under_living(&self) -> usize {
        let leaves = self.places.keys().filter(|path| self.is_alive(path));
        let sups = self.sups.keys().filter(|path| self.life(path).is_some());
        let here = |path: &&Path| self.hangs_together(path) && !self.is_left_behind(path);
        leaves.chain(sups).filter(here).count()
    }

    /// Counts the living children of a supervisor; `None` if some of them do not report.
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
