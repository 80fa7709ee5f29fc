//! An agent's access to its accounts.

use std::time::Duration;

use actix::{Handler, Message};
use ms_actor::{Accepts, AnyRef, Context, Ref};
use ms_core::ActorPath;
use ms_core::budget::OverBudget;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::messages::{Charge, Draw, Drawn, Took, TryDraw};
use super::{ANSWER_WITHIN, LateRef, LedgerActor};

/// Pause before an agent asks a ledger again that did not answer.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// An agent's access to its accounts.
#[derive(Clone)]
pub(crate) struct Meter {
    ledger: LateRef,
    agent: AnyRef,
}

impl Meter {
    pub(super) const fn new(ledger: LateRef, agent: AnyRef) -> Self {
        Self { ledger, agent }
    }

    /// Waits until the agent may handle its next message.
    pub(crate) async fn draw(&self) {
        while let Some(ledger) = self.reach().await {
            let (granted, answer) = oneshot::channel();
            let draw = Draw { agent: self.agent.clone(), granted };
            if ledger.tell(draw).await.is_ok() && ledger.any().answer_of(answer).await.is_some() {
                return;
            }
            sleep(ASK_AGAIN_AFTER).await;
        }
    }

    /// Counts the next message if the agent may handle it now.
    pub(crate) async fn try_draw(&self) -> Result<(), OverBudget> {
        let (reply, answer) = oneshot::channel();
        self.ask(TryDraw { agent: self.agent.clone(), reply }, answer).await
    }

    /// Counts what was used; an error says that the next message will be held.
    pub(crate) async fn charge(&self, unit: &str, amount: u64) -> Result<(), OverBudget> {
        let (reply, answer) = oneshot::channel();
        let charge = Charge { agent: self.path(), unit: unit.to_owned(), amount, reply };
        self.ask(charge, answer).await
    }

    /// Asks the ledger. One that does not answer is being restarted, and holds no agent up: the
    /// answer is then `Ok`.
    async fn ask<M>(&self, message: M, answer: oneshot::Receiver<Drawn>) -> Drawn
    where
        M: Message<Result = ()> + Send + 'static,
        LedgerActor: Handler<M>,
        Context<LedgerActor>: Accepts<LedgerActor, M>,
    {
        let Some(ledger) = self.reach().await else { return Ok(()) };
        if ledger.tell(message).await.is_err() {
            return Ok(());
        }
        match timeout(ANSWER_WITHIN, ledger.any().answer_of(answer)).await {
            Ok(Some(drawn)) => drawn,
            _ => Ok(()),
        }
    }

    /// Counts time in a handler when what is returned is dropped, by a panic too.
    pub(crate) fn stopwatch(&self) -> Stopwatch {
        Stopwatch { meter: self.clone(), begun: Instant::now() }
    }

    /// Waits for the ledger; `None` when the budgets are gone for good.
    async fn reach(&self) -> Option<Ref<LedgerActor>> {
        let mut ledger = self.ledger.clone();
        let found = ledger.wait_for(Option::is_some).await;
        found.ok().and_then(|found| found.clone())
    }

    fn path(&self) -> ActorPath {
        self.agent.path().clone()
    }
}

/// The guard of [`Meter::stopwatch`].
pub(crate) struct Stopwatch {
    meter: Meter,
    begun: Instant,
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        let took = Took(self.meter.path(), self.begun.elapsed());
        if let Some(ledger) = self.meter.ledger.borrow().as_ref() {
            // A ledger whose mailbox is full loses this one measurement.
            drop(ledger.try_tell(took));
        }
    }
}
