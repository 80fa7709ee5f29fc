//! Accounts for every message of a run: it was handled, handed back, or dropped for a reason that
//! the spec of its mailbox gives.

use std::sync::Arc;

use actix::Message;
use ms_actor::{AnyRef, AskError, Monitor, SendError};
use ms_router::Unrouted;

use super::{Inner, Path, World};
use crate::sim::script::{Act, Full, Kind};

/// Most handlers that a router tries for one message.
const MAX_TRIES: u64 = 4;

/// The messages, asks and monitors of a run.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) messages: Vec<SentMessage>,
    pub(crate) asks: Vec<AskRecord>,
    pub(crate) watches: Vec<Watch>,
    /// Cells of settled messages, to be dropped without the lock.
    pub(crate) cells: Vec<AnyRef>,
    /// Messages for one of many actors that no actor has got yet.
    pub(crate) loose: u64,
    /// Dead letters that there must be, and those that there may be in addition.
    pub(crate) dead_sure: u64,
    pub(crate) dead_maybe: u64,
}

/// One message.
pub(crate) struct SentMessage {
    pub(crate) to: Option<Path>,
    pub(crate) cell: Option<AnyRef>,
    /// The life it was sent to. An actix mailbox ends with that life.
    life: Option<usize>,
    pub(crate) state: MessageState,
    pub(crate) ask: Option<usize>,
    /// Whether the sender was told that the mailbox took it.
    pub(crate) accepted: bool,
}

/// The state of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageState {
    /// On its way, or waiting in a mailbox.
    Waiting,
    /// A handler of this instance got it.
    Handled(usize),
    /// Its sender got it back.
    Returned,
    /// Nobody will handle it.
    Dropped,
}

/// One ask.
pub(crate) struct AskRecord {
    pub(crate) message: usize,
    /// In virtual nanoseconds since the node booted.
    pub(crate) deadline: u64,
    pub(crate) open: bool,
    /// An actor asks. While it is suspended, it does not see the answer.
    pub(crate) by_actor: bool,
}

/// One monitor.
pub(crate) struct Watch {
    pub(crate) of: AnyRef,
    pub(crate) life: u64,
    pub(crate) open: bool,
}

/// A message to one actor.
#[derive(Message)]
#[rtype(result = "u64")]
pub(crate) struct Work {
    pub(crate) token: Token,
    pub(crate) act: Act,
}

/// A message to the handlers that a router chooses.
#[derive(Message, Clone)]
#[rtype(result = "u64")]
pub(crate) struct Bulletin(pub(crate) Token);

/// Travels in a message and reports when the message is dropped.
pub(crate) struct Token {
    world: World,
    /// `None` for the original that a router copies.
    message: Option<usize>,
}

impl Token {
    pub(crate) fn pattern(world: &World) -> Self {
        Self { world: world.clone(), message: None }
    }

    /// Notes that a handler got the message.
    pub(crate) fn handled(&self, by: usize) {
        let mut inner = self.world.lock();
        let Some(id) = self.message else { return };
        let (state, to) = (inner.traffic.messages[id].state, inner.traffic.messages[id].to.clone());
        let path = Arc::clone(&inner.instances[by].path);
        inner.event("handled", &path, id as u64);
        if state != MessageState::Waiting {
            inner.violate(
                "message",
                format!("message {id} to {path} is handled, and was {state:?}"),
            );
        }
        if to.as_ref().is_some_and(|to| *to != path) {
            inner.violate("message", format!("message {id} to {to:?} reached {path}"));
        }
        inner.settle(id, MessageState::Handled(by));
    }
}

impl Clone for Token {
    /// Makes a new message: a router clones the original for each recipient.
    fn clone(&self) -> Self {
        let message = self.world.new_message(None, None);
        Self { world: self.world.clone(), message: Some(message) }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let Some(id) = self.message else { return };
        let (state, cell) = {
            let inner = self.world.lock();
            let Some(message) = inner.traffic.messages.get(id) else { return };
            (message.state, message.cell.clone())
        };
        if state == MessageState::Waiting {
            let alive = cell.as_ref().is_some_and(AnyRef::is_alive);
            let depth = cell.as_ref().and_then(AnyRef::depth);
            self.world.dropped(id, alive, depth);
        }
    }
}

impl World {
    fn new_message(&self, to: Option<Path>, cell: Option<AnyRef>) -> usize {
        let mut inner = self.lock();
        inner.traffic.loose += u64::from(to.is_none());
        let life = to.as_ref().and_then(|to| inner.places.get(to)?.current);
        let message = SentMessage {
            to,
            cell,
            life,
            state: MessageState::Waiting,
            ask: None,
            accepted: false,
        };
        inner.traffic.messages.push(message);
        inner.traffic.messages.len() - 1
    }

    /// Notes a new message to one actor. Returns its number and the token to send with it.
    pub(crate) fn message(&self, to: &Path, cell: &AnyRef) -> (usize, Token) {
        let id = self.new_message(Some(Arc::clone(to)), Some(cell.clone()));
        (id, Token { world: self.clone(), message: Some(id) })
    }

    /// Returns the number of messages so far.
    pub(crate) fn messages(&self) -> usize {
        self.lock().traffic.messages.len()
    }

    /// Notes what the sender of a tell was answered.
    pub(crate) fn sent<M>(&self, id: usize, sent: Result<(), SendError<M>>) {
        let mut inner = self.lock();
        match &sent {
            Ok(()) => inner.traffic.messages[id].accepted = true,
            Err(error) => inner.returned(id, error),
        }
        drop(inner);
        // Without the lock, which the message in the error takes when it is dropped.
        drop(sent);
    }

    /// Notes the deliveries of the copies that a router made, in order, from number `first` on.
    pub(crate) fn delivered(&self, first: usize, to: &[(Path, AnyRef, bool, bool)]) {
        let mut inner = self.lock();
        for (at, (path, cell, sent, closed)) in to.iter().enumerate() {
            let id = first + at;
            let Some(message) = inner.traffic.messages.get_mut(id) else {
                inner.violate("message", format!("a delivery to {path} without a message"));
                return;
            };
            message.to = Some(Arc::clone(path));
            message.cell = Some(cell.clone());
            message.accepted = *sent;
            let state = message.state;
            let life = inner.places.get(path).and_then(|place| place.current);
            inner.traffic.messages[id].life = life;
            if state == MessageState::Waiting {
                inner.traffic.loose -= 1;
            }
            let mail = inner.mail_of(path);
            if !sent {
                inner.settle(id, MessageState::Returned);
                inner.traffic.dead_sure += u64::from(*closed && mail.is_some());
            } else if state == MessageState::Dropped {
                inner.traffic.dead_sure += 1;
                let newest = inner.places.get(path).is_some_and(|p| p.overflow == Full::DropNewest);
                if !newest {
                    inner.violate("lost", format!("bulletin {id} to {path} was dropped at once"));
                }
            }
        }
    }

    fn dropped(&self, id: usize, alive: bool, depth: Option<u64>) {
        let mut inner = self.lock();
        let path = inner.traffic.messages[id].to.clone();
        let name: &str = path.as_deref().unwrap_or("one of many");
        inner.event("dropped", name, id as u64);
        if let Some(path) = &path
            && let Some(why) = inner.unjustified(id, path, alive, depth)
        {
            inner.violate("lost", format!("message {id} to {path}: {why}"));
        }
        inner.settle(id, MessageState::Dropped);
    }

    // ---- asks ------------------------------------------------------------------

    /// Notes an ask that is about to be made. `within` is in milliseconds.
    pub(crate) fn asking(&self, to: &Path, cell: &AnyRef, within: u64) -> (Asking, Token) {
        let (message, token) = self.message(to, cell);
        (self.ask_about(message, within), token)
    }

    fn ask_about(&self, message: usize, within: u64) -> Asking {
        let mut inner = self.lock();
        let deadline = inner.nanos() + within * 1_000_000;
        let ask = inner.traffic.asks.len();
        inner.traffic.asks.push(AskRecord { message, deadline, open: true, by_actor: false });
        inner.traffic.messages[message].ask = Some(ask);
        Asking { world: self.clone(), ask }
    }

    /// Notes an ask to a router, which chooses the actor. See [`World::asking`].
    pub(crate) fn asking_one(&self, within: u64) -> (Asking, Token) {
        let message = self.new_message(None, None);
        // The router goes on to the next handler when one refuses, and each refusal may leave a dead
        // letter.
        self.lock().traffic.dead_maybe += MAX_TRIES;
        (self.ask_about(message, within), Token { world: self.clone(), message: Some(message) })
    }

    // ---- monitors --------------------------------------------------------------

    pub(crate) fn watching(&self, of: &AnyRef) -> impl Future<Output = ()> + use<> {
        let (monitor, life): (Monitor, u64) = (of.monitor(), of.incarnation().0);
        let mut inner = self.lock();
        let id = inner.traffic.watches.len();
        inner.traffic.watches.push(Watch { of: of.clone(), life, open: true });
        drop(inner);
        let world = self.clone();
        async move {
            let down = monitor.await;
            let mut inner = world.lock();
            let path = down.path.to_string();
            inner.event("down", &path, down.incarnation.0);
            inner.traffic.watches[id].open = false;
            if down.incarnation.0 != life {
                let detail = format!("a monitor of {path} #{life} told of {}", down.incarnation);
                inner.violate("monitor", detail);
            }
        }
    }
}

/// An ask in progress. Dropping it gives the ask up, so drop it before the future of the ask.
pub(crate) struct Asking {
    world: World,
    ask: usize,
}

impl Asking {
    pub(crate) fn by_actor(self) -> Self {
        self.world.lock().traffic.asks[self.ask].by_actor = true;
        self
    }

    /// Notes the answer, or the reason why there is none.
    pub(crate) fn answered<M>(self, answer: Result<u64, AskError<M>>) {
        let mut inner = self.world.lock();
        let AskRecord { message, deadline, .. } = inner.traffic.asks[self.ask];
        let now = inner.nanos();
        let to = inner.traffic.messages[message].to.clone();
        let name: &str = to.as_deref().unwrap_or("one of many");
        inner.event(label(&answer), name, message as u64);
        let state = inner.traffic.messages[message].state;
        match &answer {
            Ok(_) if !matches!(state, MessageState::Handled(_)) => {
                inner.violate(
                    "ask",
                    format!("message {message} to {name} is answered, and was {state:?}"),
                );
            }
            Err(AskError::TimedOut { .. }) if now < deadline => {
                inner.violate("ask", format!("message {message} to {name} timed out too early"));
            }
            Err(AskError::NotSent(error)) => inner.returned(message, error),
            Err(AskError::Deadlock { .. }) => inner.settle(message, MessageState::Returned),
            _ => {}
        }
        inner.traffic.asks[self.ask].open = false;
        drop(inner);
        drop(answer);
    }

    /// Notes the answer to an ask that a router passed on.
    pub(crate) fn answered_by_one<M>(self, answer: Result<u64, Unrouted<M>>) {
        let mut inner = self.world.lock();
        let message = inner.traffic.asks[self.ask].message;
        inner.event(
            if answer.is_ok() { "answered" } else { "unrouted" },
            "one of many",
            message as u64,
        );
        let state = inner.traffic.messages[message].state;
        match &answer {
            Ok(_) if !matches!(state, MessageState::Handled(_)) => {
                inner.violate("ask", format!("message {message} is answered, and was {state:?}"));
            }
            Err(Unrouted { message: Some(_), .. }) => inner.settle(message, MessageState::Returned),
            _ => {}
        }
        inner.traffic.asks[self.ask].open = false;
        drop(inner);
        drop(answer);
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(ask) = self.world.lock().traffic.asks.get_mut(self.ask) {
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
    /// Returns the kind of an actor if the kernel owns its mailbox.
    pub(crate) fn mail_of(&self, path: &str) -> Option<Kind> {
        let kind = self.places.get(path)?.kind;
        matches!(kind, Kind::Kernel | Kind::Agent).then_some(kind)
    }

    fn settle(&mut self, id: usize, state: MessageState) {
        let message = &mut self.traffic.messages[id];
        if message.state == MessageState::Waiting && message.to.is_none() {
            self.traffic.loose -= 1;
        }
        message.state = state;
        // The record must not keep cells alive. Dropping the last reference to a cell runs code of the
        // kernel, which drops messages and so takes our lock: `at_any_time` drops them later.
        self.traffic.cells.extend(self.traffic.messages[id].cell.take());
    }

    fn returned<M>(&mut self, id: usize, error: &SendError<M>) {
        let to = self.traffic.messages[id].to.clone();
        if let Some(to) = &to {
            self.event("returned", to, id as u64);
            let closed = matches!(error, SendError::Closed { .. });
            self.traffic.dead_sure += u64::from(closed && self.mail_of(to).is_some());
        }
        self.settle(id, MessageState::Returned);
    }

    /// Returns why a waiting message should not have been dropped; `None` if it may have been.
    fn unjustified(
        &mut self,
        id: usize,
        path: &Path,
        alive: bool,
        depth: Option<u64>,
    ) -> Option<&'static str> {
        let place = self.places.get(path)?;
        let message = &self.traffic.messages[id];
        let given_up = message.ask.is_some_and(|ask| !self.traffic.asks[ask].open);
        let bounded = matches!(place.overflow, Full::DropNewest | Full::DropOldest);
        let mail = self.mail_of(path);
        let overflow = bounded && mail.is_some() && depth.is_some_and(|d| d >= place.capacity);
        if mail.is_some() {
            if message.ask.is_some() || mail == Some(Kind::Agent) {
                // It was given up, or a handler has it already: the kernel need not count a dead letter.
                self.traffic.dead_maybe += 1;
            } else {
                self.traffic.dead_sure += 1;
            }
        }
        let place = self.places.get(path)?;
        let over = |life: usize| self.instances[life].gone.is_some() || self.instances[life].fenced;
        if mail.is_none() && self.traffic.messages[id].life.is_some_and(over) {
            return None;
        }
        if alive {
            return (!given_up && !overflow).then_some("its actor runs, and its mailbox has room");
        }
        let cell = self.traffic.messages[id].cell.as_ref();
        if cell.is_some_and(|cell| self.is_let_go(path, cell)) {
            return None;
        }
        let still_there = place.current.is_some_and(|at| self.instances[at].gone.is_none());
        (place.keep && mail == Some(Kind::Kernel) && still_there)
            .then_some("its mailbox is kept over a crash")
    }
}
