//! The registry's actor, the only writer.
//!
//! The changes of one turn are gathered, published as one snapshot, and only then answered. So a
//! caller that has its answer finds the change in every lookup, on every thread.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, ActorFutureExt, AsyncContext, Handler, Running, WrapFuture};
use ms_actor::{Context, LifeChange, LifecycleEvent, Port, SendError, SendFailure};

use crate::logic::table::{Effect, Snapshot, Table};
use crate::messages::{Do, Write};
use crate::state::Shared;
use crate::watch::{Change, RegistryEvent, Subscription};

/// Largest number of changes in one snapshot. It bounds how long the first answer waits.
const MAX_BATCH: usize = 128;
/// Longest wait for room in the mailbox of a lagging watcher, before the next try.
const LAG_RETRY: Duration = Duration::from_secs(1);

type Answers = Rc<RefCell<Vec<Box<dyn FnOnce()>>>>;

/// The actor behind a [`Registry`](crate::Registry).
///
/// Start it with [`Registry::spawn`](crate::Registry::spawn), or hand
/// [`Registry::blueprint`](crate::Registry::blueprint) to a supervisor. When it
/// crashes, names, groups, services and subscriptions stay: its next incarnation goes
/// on from the published snapshot, which holds them all.
pub struct RegistryActor {
    shared: Arc<Shared>,
    table: Table,
    /// Answers to changes that are made but not published.
    answers: Answers,
    /// Whether a publication is scheduled for the end of this turn.
    armed: bool,
    /// Number of changes that are not published.
    changes: usize,
    lagging: HashMap<Subscription, Lag>,
    /// Subscriptions whose watcher refused an event while it was down.
    missed: HashSet<Subscription>,
}

/// The events for a watcher whose mailbox is full.
struct Lag {
    queue: VecDeque<RegistryEvent>,
    /// Whether the queue overflowed too, so that the watcher must read again.
    lost: bool,
}

impl RegistryActor {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let table = Table::resume(Snapshot::clone(&shared.snapshot()), shared.config().clone());
        Self {
            shared,
            table,
            answers: Answers::default(),
            armed: false,
            changes: 0,
            lagging: HashMap::new(),
            missed: HashSet::new(),
        }
    }

    /// Schedules the publication of a change that is about to be made: at the end of this turn, or
    /// at once when the batch is full.
    fn begin_change(&mut self, ctx: &mut Context<Self>) {
        if self.changes >= MAX_BATCH {
            self.publish(ctx);
        }
        self.changes += 1;
        if !self.armed {
            self.armed = true;
            // A future of the actor runs after the messages of this turn, which is what makes the
            // batch: under load many changes share one snapshot, an idle registry waits for none.
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
        self.shared.publish(self.table.snapshot.clone());
        let answers = std::mem::take(&mut *self.answers.borrow_mut());
        answers.into_iter().for_each(|answer| answer());
        self.carry_out(ctx);
    }

    fn carry_out(&mut self, ctx: &mut Context<Self>) {
        for effect in self.table.take_effects() {
            match effect {
                Effect::Follow(owner) => ctx.follow(&owner),
                Effect::Unfollow(owner) => ctx.unfollow(&owner),
                Effect::Notify(port, event) => self.notify(port, event, ctx),
            }
        }
    }

    /// Sends an event to a watcher, behind those that wait for it already.
    fn notify(&mut self, port: Port<RegistryEvent>, event: RegistryEvent, ctx: &mut Context<Self>) {
        let id = event.subscription;
        let backlog = self.shared.config().watch_backlog;
        if let Some(lag) = self.lagging.get_mut(&id) {
            // Once an event is lost the following ones are useless: the watcher reads everything again.
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
            Err(SendError { failure: SendFailure::Closed { .. }, .. }) => {
                // Either gone for good, or down with a mailbox that refuses: then it gets a
                // resync when it is back.
                self.note_missed(id);
            }
            Err(full) => {
                self.lagging
                    .insert(id, Lag { queue: VecDeque::from([full.into_message()]), lost: false });
                self.send_next(id, port, ctx);
            }
        }
    }

    /// Sends a lagging watcher its next event as soon as there is room for it.
    fn send_next(&mut self, id: Subscription, port: Port<RegistryEvent>, ctx: &mut Context<Self>) {
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
            sent.into_actor(self).map(move |sent, actor, ctx| actor.sent(id, port, sent, ctx)),
        );
    }

    fn sent(
        &mut self,
        id: Subscription,
        port: Port<RegistryEvent>,
        sent: Result<(), SendError<RegistryEvent>>,
        ctx: &mut Context<Self>,
    ) {
        // The subscription may have ended while its event waited for room.
        if !self.table.snapshot.watches.iter().any(|watch| watch.id == id) {
            self.lagging.remove(&id);
            return;
        }
        match sent {
            Ok(()) => {}
            Err(SendError { failure: SendFailure::Closed { .. }, .. }) => {
                self.lagging.remove(&id);
                self.note_missed(id);
                return;
            }
            Err(late) => {
                // Back to the front: the events of a watcher stay in the order of the changes.
                if let Some(lag) = self.lagging.get_mut(&id) {
                    lag.queue.push_front(late.into_message());
                }
            }
        }
        self.send_next(id, port, ctx);
    }

    fn note_missed(&mut self, id: Subscription) {
        // There cannot be more of them than watches. Above that, ended subscriptions have piled up.
        if self.missed.len() >= self.table.snapshot.watches.len() {
            self.forget_missed();
        }
        self.missed.insert(id);
    }

    fn forget_missed(&mut self) {
        let watches = &self.table.snapshot.watches;
        self.missed.retain(|id| watches.iter().any(|watch| watch.id == *id));
    }

    /// Sends a resync to a watcher that is back after it had refused events.
    fn resync(&mut self, event: &LifecycleEvent, ctx: &mut Context<Self>) {
        if self.missed.is_empty() || !matches!(event.change, LifeChange::Started(_)) {
            return;
        }
        for watch in self.table.watches_of(&event.of) {
            if self.missed.remove(&watch.id) {
                let event = RegistryEvent { subscription: watch.id, change: Change::Resync };
                self.notify(watch.port, event, ctx);
            }
        }
    }
}

impl Actor for RegistryActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.carry_out(ctx);
    }

    // Changes that were asked for before the stop are still made and answered.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        self.publish(ctx);
        Running::Stop
    }
}

impl Handler<LifecycleEvent> for RegistryActor {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, ctx: &mut Self::Context) {
        self.begin_change(ctx);
        self.resync(&event, ctx);
        self.table.lifecycle(&event.of, &event.change);
        if matches!(event.change, LifeChange::Gone(_)) {
            self.forget_missed();
        }
    }
}

impl<W: Write> Handler<Do<W>> for RegistryActor {
    type Result = Published<W::Answer>;

    fn handle(&mut self, Do(write): Do<W>, ctx: &mut Self::Context) -> Self::Result {
        self.begin_change(ctx);
        Published { answer: write.write(&mut self.table), answers: Rc::clone(&self.answers) }
    }
}

/// An answer that is sent once its change is published.
pub(crate) struct Published<T> {
    answer: T,
    answers: Answers,
}

impl<W: Write> MessageResponse<RegistryActor, Do<W>> for Published<W::Answer> {
    fn handle(self, _: &mut Context<RegistryActor>, asker: Option<OneshotSender<W::Answer>>) {
        let Some(asker) = asker else { return };
        let Self { answer, answers } = self;
        // The send fails when the asker has given up at its deadline; it has its error then.
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
