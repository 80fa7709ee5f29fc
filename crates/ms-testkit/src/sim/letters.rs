//! Every message of a run is accounted for: handled, handed back, or dropped for a reason
//! that its mailbox's spec gives.

use std::sync::Arc;

use ms_actor::{AnyRef, AskError, Monitor, SendError};

use ms_router::Unrouted;

use super::script::{Full, Kind};
use super::world::{Inner, Path, World};

/// Handlers a router tries for one message, at most.
const MAX_TRIES: u64 = 4;

/// Letters, asks and monitors of a run.
#[derive(Default)]
pub(crate) struct Post {
    pub(crate) letters: Vec<Letter>,
    pub(crate) asks: Vec<Question>,
    pub(crate) watches: Vec<Watch>,
    /// Cells of letters that are settled, to be let go of.
    pub(crate) cells: Vec<AnyRef>,
    /// Letters to one of many, addressee not known yet.
    pub(crate) loose: u64,
    /// Dead letters there must be, and those there may be beside.
    pub(crate) dead_sure: u64,
    pub(crate) dead_maybe: u64,
}

/// One message.
pub(crate) struct Letter {
    pub(crate) to: Option<Path>,
    pub(crate) cell: Option<AnyRef>,
    /// The life it was sent to: an actix mailbox goes with it.
    life: Option<usize>,
    pub(crate) fate: Fate,
    pub(crate) ask: Option<usize>,
    /// Whether the sender knows that it is in a mailbox.
    pub(crate) accepted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// On its way, or waiting in a mailbox.
    Waiting,
    /// Taken in by this instance.
    Handled(usize),
    /// Handed back to its sender.
    Returned,
    Dropped,
}

/// One ask.
pub(crate) struct Question {
    pub(crate) letter: usize,
    /// Virtual nanoseconds.
    pub(crate) deadline: u64,
    pub(crate) open: bool,
    /// An actor asks: while it is suspended it hears no answer.
    pub(crate) by_actor: bool,
}

/// One monitor.
pub(crate) struct Watch {
    pub(crate) of: AnyRef,
    pub(crate) life: u64,
    pub(crate) open: bool,
}

/// Goes with a message; tells when it is dropped.
pub(crate) struct Token {
    world: World,
    /// `None` for the pattern that a router makes copies of.
    letter: Option<usize>,
}

impl Token {
    pub(crate) fn pattern(world: &World) -> Self {
        Self { world: world.clone(), letter: None }
    }

    /// The message is taken in. The asker, if any, hears from here on what the handler does.
    pub(crate) fn handled(&self, by: usize) {
        let mut inner = self.world.lock();
        let Some(id) = self.letter else { return };
        let (fate, to) = (inner.post.letters[id].fate, inner.post.letters[id].to.clone());
        let path = Arc::clone(&inner.instances[by].path);
        inner.event("handled", &path, id as u64);
        if fate != Fate::Waiting {
            inner.violate("letter", format!("letter {id} to {path} is handled, and was {fate:?}"));
        }
        if to.as_ref().is_some_and(|to| *to != path) {
            inner.violate("letter", format!("letter {id} to {to:?} reached {path}"));
        }
        inner.settle(id, Fate::Handled(by));
    }
}

impl Clone for Token {
    /// A router makes a copy for each recipient.
    fn clone(&self) -> Self {
        let letter = self.world.new_letter(None, None);
        Self { world: self.world.clone(), letter: Some(letter) }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let Some(id) = self.letter else { return };
        let (fate, cell) = {
            let inner = self.world.lock();
            let Some(letter) = inner.post.letters.get(id) else { return };
            (letter.fate, letter.cell.clone())
        };
        if fate == Fate::Waiting {
            let alive = cell.as_ref().is_some_and(AnyRef::is_alive);
            let depth = cell.as_ref().and_then(AnyRef::depth);
            self.world.dropped(id, alive, depth);
        }
    }
}

impl World {
    fn new_letter(&self, to: Option<Path>, cell: Option<AnyRef>) -> usize {
        let mut inner = self.lock();
        inner.post.loose += u64::from(to.is_none());
        let life = to.as_ref().and_then(|to| inner.places.get(to)?.current);
        let letter = Letter { to, cell, life, fate: Fate::Waiting, ask: None, accepted: false };
        inner.post.letters.push(letter);
        inner.post.letters.len() - 1
    }

    /// A letter to one actor.
    pub(crate) fn letter(&self, to: &Path, cell: &AnyRef) -> (usize, Token) {
        let id = self.new_letter(Some(Arc::clone(to)), Some(cell.clone()));
        (id, Token { world: self.clone(), letter: Some(id) })
    }

    /// How many letters there were so far.
    pub(crate) fn letters(&self) -> usize {
        self.lock().post.letters.len()
    }

    /// The sender of a tell knows what became of it.
    pub(crate) fn sent<M>(&self, id: usize, sent: Result<(), SendError<M>>) {
        let mut inner = self.lock();
        match &sent {
            Ok(()) => inner.post.letters[id].accepted = true,
            Err(error) => inner.returned(id, error),
        }
        drop(inner);
        drop(sent);
    }

    /// What became of copies a router made, in order.
    pub(crate) fn delivered(&self, first: usize, to: &[(Path, AnyRef, bool, bool)]) {
        let mut inner = self.lock();
        for (at, (path, cell, sent, closed)) in to.iter().enumerate() {
            let id = first + at;
            let Some(letter) = inner.post.letters.get_mut(id) else {
                inner.violate("letter", format!("a delivery to {path} without a message"));
                return;
            };
            letter.to = Some(Arc::clone(path));
            letter.cell = Some(cell.clone());
            letter.accepted = *sent;
            let fate = letter.fate;
            let life = inner.places.get(path).and_then(|place| place.current);
            inner.post.letters[id].life = life;
            if fate == Fate::Waiting {
                inner.post.loose -= 1;
            }
            let mail = inner.mail_of(path);
            if !sent {
                inner.settle(id, Fate::Returned);
                inner.post.dead_sure += u64::from(*closed && mail.is_some());
            } else if fate == Fate::Dropped {
                inner.post.dead_sure += 1;
                let newest = inner.places.get(path).is_some_and(|p| p.overflow == Full::DropNewest);
                if !newest {
                    inner.violate("lost", format!("bulletin {id} to {path} was dropped at once"));
                }
            }
        }
    }

    fn dropped(&self, id: usize, alive: bool, depth: Option<u64>) {
        let mut inner = self.lock();
        let path = inner.post.letters[id].to.clone();
        let name: &str = path.as_deref().unwrap_or("one of many");
        inner.event("dropped", name, id as u64);
        if let Some(path) = &path
            && let Some(why) = inner.unjustified(id, path, alive, depth)
        {
            inner.violate("lost", format!("letter {id} to {path}: {why}"));
        }
        inner.settle(id, Fate::Dropped);
    }

    // ---- asks ------------------------------------------------------------------

    /// An ask is about to be made; `within` in milliseconds.
    pub(crate) fn asking(&self, to: &Path, cell: &AnyRef, within: u64) -> (Asking, Token) {
        let (letter, token) = self.letter(to, cell);
        (self.question(letter, within), token)
    }

    fn question(&self, letter: usize, within: u64) -> Asking {
        let mut inner = self.lock();
        let deadline = inner.nanos() + within * 1_000_000;
        let ask = inner.post.asks.len();
        inner.post.asks.push(Question { letter, deadline, open: true, by_actor: false });
        inner.post.letters[letter].ask = Some(ask);
        Asking { world: self.clone(), ask }
    }

    /// As [`World::asking`], of whom the router chooses.
    pub(crate) fn asking_one(&self, within: u64) -> (Asking, Token) {
        let letter = self.new_letter(None, None);
        // Handlers that are tried may refuse it.
        self.lock().post.dead_maybe += MAX_TRIES;
        (self.question(letter, within), Token { world: self.clone(), letter: Some(letter) })
    }

    // ---- monitors --------------------------------------------------------------

    pub(crate) fn watching(&self, of: &AnyRef) -> impl Future<Output = ()> + use<> {
        let (monitor, life): (Monitor, u64) = (of.monitor(), of.incarnation().0);
        let mut inner = self.lock();
        let id = inner.post.watches.len();
        inner.post.watches.push(Watch { of: of.clone(), life, open: true });
        drop(inner);
        let world = self.clone();
        async move {
            let down = monitor.await;
            let mut inner = world.lock();
            let path = down.path.to_string();
            inner.event("down", &path, down.incarnation.0);
            inner.post.watches[id].open = false;
            if down.incarnation.0 != life {
                let detail = format!("a monitor of {path} #{life} told of {}", down.incarnation);
                inner.violate("monitor", detail);
            }
        }
    }
}

/// An ask in progress; dropped, it is given up. Drop it before the future of the ask.
pub(crate) struct Asking {
    world: World,
    ask: usize,
}

impl Asking {
    pub(crate) fn by_actor(self) -> Self {
        self.world.lock().post.asks[self.ask].by_actor = true;
        self
    }
}

impl Asking {
    /// The answer is there, or the reason why there is none.
    pub(crate) fn answered<M>(self, answer: Result<u64, AskError<M>>) {
        let mut inner = self.world.lock();
        let Question { letter, deadline, .. } = inner.post.asks[self.ask];
        let now = inner.nanos();
        let to = inner.post.letters[letter].to.clone();
        let name: &str = to.as_deref().unwrap_or("one of many");
        inner.event(label(&answer), name, letter as u64);
        let fate = inner.post.letters[letter].fate;
        match &answer {
            Ok(_) if !matches!(fate, Fate::Handled(_)) => {
                inner.violate(
                    "ask",
                    format!("letter {letter} to {name} is answered, and was {fate:?}"),
                );
            }
            Err(AskError::TimedOut { .. }) if now < deadline => {
                inner.violate("ask", format!("letter {letter} to {name} timed out too early"));
            }
            Err(AskError::NotSent(error)) => inner.returned(letter, error),
            Err(AskError::Deadlock { .. }) => inner.settle(letter, Fate::Returned),
            _ => {}
        }
        inner.post.asks[self.ask].open = false;
        drop(inner);
        drop(answer);
    }
}

impl Asking {
    /// One of many has answered, or none of them.
    pub(crate) fn answered_by_one<M>(self, answer: Result<u64, Unrouted<M>>) {
        let mut inner = self.world.lock();
        let letter = inner.post.asks[self.ask].letter;
        inner.event(
            if answer.is_ok() { "answered" } else { "unrouted" },
            "one of many",
            letter as u64,
        );
        let fate = inner.post.letters[letter].fate;
        match &answer {
            Ok(_) if !matches!(fate, Fate::Handled(_)) => {
                inner.violate("ask", format!("letter {letter} is answered, and was {fate:?}"));
            }
            Err(Unrouted { message: Some(_), .. }) => inner.settle(letter, Fate::Returned),
            _ => {}
        }
        inner.post.asks[self.ask].open = false;
        drop(inner);
        drop(answer);
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(ask) = self.world.lock().post.asks.get_mut(self.ask) {
            ask.open = false;
        }
    }
}

fn label<M>(answer: &Result<u64, AskError<M>>) -> &'static str {
    match answer {
        Ok(_) => "answered",
        Err(AskError::NotSent(_)) => "not sent",
        Err(AskError::Exited { .. }) => "asked, ended",
        Err(AskError::TimedOut { .. }) => "asked in vain",
        Err(AskError::NoReply { .. }) => "no reply",
        Err(AskError::Deadlock { .. }) => "deadlock",
    }
}

impl Inner {
    /// The kind of an actor whose mailbox the kernel owns.
    pub(crate) fn mail_of(&self, path: &str) -> Option<Kind> {
        let kind = self.places.get(path)?.kind;
        matches!(kind, Kind::Kernel | Kind::Agent).then_some(kind)
    }

    fn settle(&mut self, id: usize, fate: Fate) {
        let letter = &mut self.post.letters[id];
        if letter.fate == Fate::Waiting && letter.to.is_none() {
            self.post.loose -= 1;
        }
        letter.fate = fate;
        // The record of a run must not keep cells; dropping the last reference to one runs
        // code of the kernel, which must not happen under our lock.
        self.post.cells.extend(self.post.letters[id].cell.take());
    }

    fn returned<M>(&mut self, id: usize, error: &SendError<M>) {
        let to = self.post.letters[id].to.clone();
        if let Some(to) = &to {
            self.event("returned", to, id as u64);
            let closed = matches!(error, SendError::Closed { .. });
            self.post.dead_sure += u64::from(closed && self.mail_of(to).is_some());
        }
        self.settle(id, Fate::Returned);
    }

    /// Why a waiting letter should not have been dropped, if it should not.
    fn unjustified(
        &mut self,
        id: usize,
        path: &Path,
        alive: bool,
        depth: Option<u64>,
    ) -> Option<&'static str> {
        let place = self.places.get(path)?;
        let letter = &self.post.letters[id];
        let given_up = letter.ask.is_some_and(|ask| !self.post.asks[ask].open);
        let bounded = matches!(place.overflow, Full::DropNewest | Full::DropOldest);
        let mail = self.mail_of(path);
        let overflow = bounded && mail.is_some() && depth.is_some_and(|d| d >= place.capacity);
        if mail.is_some() {
            if letter.ask.is_some() || mail == Some(Kind::Agent) {
                // Given up, or taken in already: no dead letters.
                self.post.dead_maybe += 1;
            } else {
                self.post.dead_sure += 1;
            }
        }
        let place = self.places.get(path)?;
        let over = |life: usize| self.instances[life].gone.is_some() || self.instances[life].fenced;
        if mail.is_none() && self.post.letters[id].life.is_some_and(over) {
            return None;
        }
        if alive {
            return (!given_up && !overflow).then_some("its actor runs, and its mailbox has room");
        }
        let cell = self.post.letters[id].cell.as_ref();
        if cell.is_some_and(|cell| self.is_let_go(path, cell)) {
            return None;
        }
        let still_there = place.current.is_some_and(|at| self.instances[at].gone.is_none());
        (place.keep && mail == Some(Kind::Kernel) && still_there)
            .then_some("its mailbox is kept over a crash")
    }
}
