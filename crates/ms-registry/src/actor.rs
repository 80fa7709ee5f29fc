//! The registry's actor: it alone writes.
//!
//! Changes of one turn are gathered, published as one snapshot, and only then
//! acknowledged: who has an answer finds the change in every lookup, on every thread.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, ActorFutureExt, AsyncContext, Handler, Message, Running, WrapFuture};
use ms_actor::{Context, LifeChange, LifecycleEvent, Port, SendError};

use crate::book::{Book, Effect, State};
use crate::registry::Shared;
use crate::watch::{Change, RegistryEvent, Subscription};

/// Changes gathered into one snapshot at most: answers do not wait for more.
const MAX_BATCH: usize = 128;
/// How long one attempt to hand an event to a watcher with a full mailbox takes.
const LAG_RETRY: Duration = Duration::from_secs(1);

type Answers = Rc<RefCell<Vec<Box<dyn FnOnce()>>>>;

/// The actor behind a [`Registry`](crate::Registry).
///
/// Start it with [`Registry::spawn`](crate::Registry::spawn), or hand
/// [`Registry::blueprint`](crate::Registry::blueprint) to a supervisor. When it
/// crashes, names, groups, services and subscriptions stay: they are in the
/// published snapshot, which its next incarnation goes on from.
pub struct RegistryActor {
    shared: Arc<Shared>,
    book: Book,
    /// Answers to what is changed but not published.
    answers: Answers,
    armed: bool,
    changes: usize,
    lagging: HashMap<Subscription, Lag>,
    /// Watchers that refused an event while they were down.
    missed: HashSet<Subscription>,
}

/// Events for a watcher whose mailbox is full.
struct Lag {
    queue: VecDeque<RegistryEvent>,
    /// Some did not fit in here either.
    lost: bool,
}

impl RegistryActor {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let book = Book::resume(State::clone(&shared.state()), shared.config().clone());
        Self {
            shared,
            book,
            answers: Answers::default(),
            armed: false,
            changes: 0,
            lagging: HashMap::new(),
            missed: HashSet::new(),
        }
    }

    /// Has the change that is about to be made published soon: with the rest of this turn,
    /// or before, if that is a lot.
    fn begin_change(&mut self, ctx: &mut Context<Self>) {
        if self.changes >= MAX_BATCH {
            self.publish(ctx);
        }
        self.changes += 1;
        if !self.armed {
            self.armed = true;
            let soon = std::future::ready(()).into_actor(self).map(|(), actor, ctx| {
                actor.armed = false;
                actor.publish(ctx);
            });
            ctx.spawn(soon);
        }
    }

    fn publish(&mut self, ctx: &mut Context<Self>) {
        if self.changes == 0 {
            return;
        }
        self.changes = 0;
        self.shared.publish(self.book.state.clone());
        let answers = std::mem::take(&mut *self.answers.borrow_mut());
        answers.into_iter().for_each(|answer| answer());
        self.carry_out(ctx);
    }

    fn carry_out(&mut self, ctx: &mut Context<Self>) {
        for effect in self.book.take_effects() {
            match effect {
                Effect::Follow(owner) => ctx.follow(&owner),
                Effect::Unfollow(owner) => ctx.unfollow(&owner),
                Effect::Tell(port, event) => self.tell(port, event, ctx),
            }
        }
    }

    fn tell(&mut self, port: Port<RegistryEvent>, event: RegistryEvent, ctx: &mut Context<Self>) {
        let id = event.subscription;
        let backlog = self.shared.config().watch_backlog;
        if let Some(lag) = self.lagging.get_mut(&id) {
            if lag.lost || lag.queue.len() >= backlog {
                lag.lost = true;
            } else {
                lag.queue.push_back(event);
            }
            return;
        }
        if self.missed.contains(&id) {
            return;
        }
        match port.try_tell(event) {
            Ok(()) => {}
            Err(SendError::Closed { .. }) => {
                // Gone for good, or down and refusing mail: then it hears so when it is back.
                self.note_missed(id);
            }
            Err(full) => {
                self.lagging
                    .insert(id, Lag { queue: VecDeque::from([full.into_message()]), lost: false });
                self.pump(id, port, ctx);
            }
        }
    }

    /// Hands a lagging watcher its next event when there is room for it.
    fn pump(&mut self, id: Subscription, port: Port<RegistryEvent>, ctx: &mut Context<Self>) {
        let Some(lag) = self.lagging.get_mut(&id) else { return };
        let next = match lag.queue.pop_front() {
            Some(event) => event,
            None if lag.lost => {
                lag.lost = false;
                RegistryEvent { subscription: id, change: Change::Resync }
            }
            None => {
                self.lagging.remove(&id);
                return;
            }
        };
        let sender = port.clone();
        let sent = async move { sender.tell(next, LAG_RETRY).await };
        ctx.spawn(
            sent.into_actor(self).map(move |sent, actor, ctx| actor.pumped(id, port, sent, ctx)),
        );
    }

    fn pumped(
        &mut self,
        id: Subscription,
        port: Port<RegistryEvent>,
        sent: Result<(), SendError<RegistryEvent>>,
        ctx: &mut Context<Self>,
    ) {
        if !self.book.state.watches.iter().any(|watch| watch.id == id) {
            self.lagging.remove(&id);
            return;
        }
        match sent {
            Ok(()) => {}
            Err(SendError::Closed { .. }) => {
                self.lagging.remove(&id);
                self.note_missed(id);
                return;
            }
            Err(late) => {
                if let Some(lag) = self.lagging.get_mut(&id) {
                    lag.queue.push_front(late.into_message());
                }
            }
        }
        self.pump(id, port, ctx);
    }

    /// Subscriptions that were given up meanwhile do not pile up here.
    fn note_missed(&mut self, id: Subscription) {
        if self.missed.len() >= self.book.state.watches.len() {
            self.forget_missed();
        }
        self.missed.insert(id);
    }

    fn forget_missed(&mut self) {
        let watches = &self.book.state.watches;
        self.missed.retain(|id| watches.iter().any(|watch| watch.id == *id));
    }

    /// A watcher that had refused events is back.
    fn make_up(&mut self, news: &LifecycleEvent, ctx: &mut Context<Self>) {
        if self.missed.is_empty() || !matches!(news.change, LifeChange::Started(_)) {
            return;
        }
        for watch in self.book.watches_of(&news.of) {
            if self.missed.remove(&watch.id) {
                let event = RegistryEvent { subscription: watch.id, change: Change::Resync };
                self.tell(watch.port, event, ctx);
            }
        }
    }
}

impl Actor for RegistryActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.carry_out(ctx);
    }

    /// What was asked for before the stop is still done.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        self.publish(ctx);
        Running::Stop
    }
}

impl Handler<LifecycleEvent> for RegistryActor {
    type Result = ();

    fn handle(&mut self, news: LifecycleEvent, ctx: &mut Self::Context) {
        self.begin_change(ctx);
        self.make_up(&news, ctx);
        self.book.life(&news.of, &news.change);
        if matches!(news.change, LifeChange::Gone(_)) {
            self.forget_missed();
        }
    }
}

/// One change, as a function of the book; what it returns is the answer.
pub(crate) trait Write: Send + 'static {
    type Answer: Send + 'static;

    fn write(self, book: &mut Book) -> Self::Answer;
}

/// A change on its way to the actor.
pub(crate) struct Do<W>(pub(crate) W);

impl<W: Write> Message for Do<W> {
    type Result = W::Answer;
}

impl<W: Write> Handler<Do<W>> for RegistryActor {
    type Result = Published<W::Answer>;

    fn handle(&mut self, Do(write): Do<W>, ctx: &mut Self::Context) -> Self::Result {
        self.begin_change(ctx);
        Published { answer: write.write(&mut self.book), answers: Rc::clone(&self.answers) }
    }
}

/// An answer that is given when its change has been published.
pub(crate) struct Published<T> {
    answer: T,
    answers: Answers,
}

impl<W: Write> MessageResponse<RegistryActor, Do<W>> for Published<W::Answer> {
    fn handle(self, _: &mut Context<RegistryActor>, asker: Option<OneshotSender<W::Answer>>) {
        let Some(asker) = asker else { return };
        let Self { answer, answers } = self;
        // An asker that has gone found no answer in time; it was told so.
        answers.borrow_mut().push(Box::new(move || drop(asker.send(answer))));
    }
}

impl std::fmt::Debug for RegistryActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryActor")
            .field("scope", &self.shared.config().scope)
            .finish_non_exhaustive()
    }
}
