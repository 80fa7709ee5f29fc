//! News of children, on their way from the kernel to the policy, and retries.

use std::sync::{Arc, Mutex, PoisonError};

use actix::Handler;
use ms_actor::host::{ChildEvent, ChildNews, ChildSink, EndFacts, Parent};
use ms_actor::{AnyRef, WeakRef};
use ms_core::{ExitReason, Incarnation};
use ms_policy::{ChildKey, Event};

use crate::actor::{Ctx, SupervisorActor};
use crate::bank::Bank;
use crate::messages::{News, Suspend, TryAgain};
use crate::observe::Observation;

/// How often a start is begun anew because its thread was lost, before that counts as its failure.
const MAX_LOST_STARTS: u8 = 3;

impl SupervisorActor {
    fn take_news(&mut self, ctx: &mut Ctx, event: ChildEvent) {
        let key = ChildKey::from_raw(event.key);
        let Some(kid) = self.kids.get_mut(key) else { return };
        if kid.life != event.incarnation {
            return;
        }
        let (incarnation, path) = (kid.attempt, kid.path.clone());
        match event.news {
            ChildNews::Started => {
                kid.acknowledged = true;
                if let Some(rare) = &mut kid.rare {
                    rare.lost_starts = 0;
                }
                let info = kid.cell.as_ref().is_some_and(|cell| cell.start_info().is_some());
                self.clear_timer(key);
                self.observe(&Observation::Started { path, incarnation: event.incarnation });
                self.feed(ctx, Event::Started { key, incarnation, info });
            }
            ChildNews::Ignored => {
                self.clear_timer(key);
                self.ended_lately.push(key);
                self.observe(&Observation::Ignored { path });
                self.feed(ctx, Event::Ignored { key, incarnation });
            }
            ChildNews::StartFailed(ExitReason::ArbiterLost)
                if kid.rare().lost_starts < MAX_LOST_STARTS =>
            {
                // No fault of the child: the same attempt, on another thread.
                kid.rare().lost_starts += 1;
                if let Some(cell) = kid.cell.clone() {
                    self.launch(key, &cell);
                }
            }
            ChildNews::StartFailed(reason) => self.start_failed(ctx, key, reason),
            ChildNews::Exited(facts) => self.exited(ctx, key, facts),
        }
    }

    fn start_failed(&mut self, ctx: &mut Ctx, key: ChildKey, reason: ExitReason) {
        let Some(kid) = self.kids.get_mut(key) else { return };
        if let Some(rare) = &mut kid.rare {
            // Facts of an earlier end are not those of this start.
            rare.last_end = None;
            rare.lost_starts = 0;
        }
        let (incarnation, path) = (kid.attempt, kid.path.clone());
        let in_background = kid.care.in_background;
        self.clear_timer(key);
        self.observe(&Observation::StartFailed { path, reason: reason.clone() });
        self.ended_lately.push(key);
        if in_background {
            self.feed(ctx, Event::Exited { key, incarnation, reason });
        } else {
            self.feed(ctx, Event::StartFailed { key, incarnation, reason });
        }
    }

    fn exited(&mut self, ctx: &mut Ctx, key: ChildKey, facts: EndFacts) {
        let Some(kid) = self.kids.get_mut(key) else { return };
        let (incarnation, path) = (kid.attempt, kid.path.clone());
        let reason = facts.reason.clone();
        let exited = Observation::Exited { path, incarnation: kid.life, reason: reason.clone() };
        kid.rare().hung = false;
        kid.rare().last_end = Some(facts);
        self.clear_timer(key);
        self.observe(&exited);
        self.ended_lately.push(key);
        let event = match reason {
            ExitReason::ArbiterLost => Event::Evacuated { key, incarnation },
            reason => Event::Exited { key, incarnation, reason },
        };
        self.feed(ctx, event);
    }

    pub(crate) fn retry_later(&mut self, key: ChildKey) {
        if let Some(cell) = self.kids.get(key).and_then(|kid| kid.cell.as_ref()) {
            cell.mark_restarting();
        }
        let again = TryAgain { supervisor: self.incarnation, key };
        if let Some(me) = self.me.upgrade()
            && let Err(error) = me.try_tell(again)
        {
            tracing::error!(supervisor = %self.path, %error, "a retry was lost");
        }
    }
}

/// Where the kernel delivers news of the children of one supervisor incarnation.
pub(crate) struct Sink {
    pub(crate) supervisor: WeakRef<SupervisorActor>,
    pub(crate) incarnation: Incarnation,
}

impl ChildSink for Sink {
    fn child_event(&self, event: ChildEvent) {
        let news = News { supervisor: self.incarnation, event };
        let Some(supervisor) = self.supervisor.upgrade() else { return };
        // A supervisor that is gone has no use for news.
        drop(supervisor.try_tell(news));
    }
}

/// Waits for the end of a child whose supervisor was killed, to say that no other life comes:
/// neither of it, nor of what is below it.
pub(crate) struct Undertaker(Mutex<Option<(AnyRef, Option<Bank>)>>);

impl Undertaker {
    pub(crate) fn adopt(cell: &AnyRef, below: Option<Bank>) {
        let undertaker = Arc::new(Self(Mutex::new(Some((cell.clone(), below)))));
        cell.adopt(Parent { sink: Arc::clone(&undertaker) as Arc<dyn ChildSink>, key: 0 });
        if !cell.is_alive() {
            undertaker.bury();
        }
    }

    fn bury(&self) {
        // Taken out: the cell holds the undertaker.
        let buried = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((cell, below)) = buried {
            let reason = cell.last_exit().unwrap_or(ExitReason::Killed);
            cell.close_at_end(&reason);
            below.iter().for_each(|below| below.close_after(Some(&cell), &reason));
        }
    }
}

impl ChildSink for Undertaker {
    fn child_event(&self, event: ChildEvent) {
        if !matches!(event.news, ChildNews::Started) {
            self.bury();
        }
    }
}

impl Handler<News> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, news: News, ctx: &mut Ctx) {
        if news.supervisor == self.incarnation {
            self.take_news(ctx, news.event);
        }
    }
}

impl Handler<TryAgain> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, again: TryAgain, ctx: &mut Ctx) {
        if again.supervisor == self.incarnation {
            self.feed(ctx, Event::TryAgain { key: again.key });
        }
    }
}

impl Handler<Suspend> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, Suspend(suspended): Suspend, ctx: &mut Ctx) {
        self.suspended = suspended;
        self.feed(ctx, if suspended { Event::Suspend } else { Event::Resume });
    }
}
