//! The steps of a request, in the order that no door can change:
//! gate, authenticate, rate, authorise, look for the request it repeats, record the intent, provider
//! within the deadline, record the outcome, answer.

use std::any::TypeId;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::Desk;
use super::carry::Carried;
use super::provider::{Answers, Asked, Provider};
use super::repeats::{Claim, Repeat, Seen};
use crate::caller::{Caller, Door, Pass, Principal};
use crate::codes::Kind as Failure;
use crate::error::OpError;
use crate::operation::{Once, Operation};
use crate::record::{Outcome, Records, Steering};
use crate::target::Target;

/// The end of a call, for those who count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Answered, or refused.
    Done,
    /// The node failed it.
    Failed,
    /// Its caller left before it was answered.
    GivenUp,
}

/// Counts calls.
pub trait Observe: Send + Sync + 'static {
    /// Counts a call that reached its provider.
    fn ended(&self, operation: &'static str, door: Door, took: Duration, ending: Ending);
}

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observe for Unobserved {
    fn ended(&self, _: &'static str, _: Door, _: Duration, _: Ending) {}
}

/// A request that has passed every step before its provider.
pub(super) struct Admitted {
    pub(super) asked: Asked,
    pub(super) inside: Inside,
}

/// The passes a request holds until it is done, whether its caller waits for it or not.
pub(super) struct Inside {
    _gate: Option<Pass>,
    _rate: Pass,
}

/// Reports the duration of a call, also when the call is dropped.
struct Timed {
    desk: Desk,
    operation: &'static str,
    door: Door,
    began: Instant,
    ending: Ending,
}

impl Timed {
    fn of<O: Operation>(desk: &Desk, door: Door) -> Self {
        let began = Instant::now();
        // Until it ends: a call that is dropped was given up by its caller.
        Self { desk: desk.clone(), operation: O::NAME, door, began, ending: Ending::GivenUp }
    }

    fn end(mut self, error: Option<&OpError>) {
        self.ending = match error.map(OpError::kind) {
            Some(Failure::Internal | Failure::TimedOut | Failure::Unreachable) => Ending::Failed,
            _ => Ending::Done,
        };
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.desk.0.observe.ended(self.operation, self.door, took, self.ending);
    }
}

impl Desk {
    /// Carries an operation out and returns its answer. The caller waits for `within`, and for the
    /// time that the operation takes by its nature.
    ///
    /// Dropping the future ends a read. A write or a steering that has reached its provider goes on
    /// without its caller, and is put on record.
    ///
    /// # Errors
    /// Those of the steps and of the provider; `NOT_BUILT_IN` when there is none, `TIMED_OUT`
    /// when it was not done in time, `INTERNAL` when it panicked.
    pub async fn call<O: Once>(
        &self,
        caller: Caller,
        within: Duration,
        op: O,
    ) -> Result<O::Answer, OpError> {
        let admitted = self.admit(caller, within, &op)?;
        // Before the id is looked up: what nobody carried out may be asked again with the same id,
        // once the component is up.
        let provider = self.provider::<O>()?;
        if !O::KIND.outlives_its_caller() {
            return self.read(admitted, provider, op).await;
        }
        // Looked up behind the checks: an answer is for those who may ask for it.
        let seen = self.seen(&admitted.asked.by, &op)?;
        match seen {
            None => self.change(admitted, provider, op, None).await,
            Some(Seen::First(claim)) => self.change(admitted, provider, op, Some(claim)).await,
            Some(Seen::Repeat(repeat)) => repeated(&admitted.asked, &op, repeat).await,
        }
    }

    async fn read<O: Once>(
        &self,
        Admitted { asked, inside }: Admitted,
        provider: Arc<Provider>,
        op: O,
    ) -> Result<O::Answer, OpError> {
        let (within, timed) = (asked.within, Timed::of::<O>(self, asked.door));
        let work = caught(provide(provider, asked, op), || {
            OpError::internal("the handler of the request panicked")
        });
        let answer = tokio::time::timeout(within, work).await;
        let answer = answer.unwrap_or_else(|_| Err(OpError::late(within)));
        drop(inside);
        timed.end(answer.as_ref().err());
        answer
    }

    async fn change<O: Once>(
        &self,
        Admitted { asked, inside }: Admitted,
        provider: Arc<Provider>,
        op: O,
        claim: Option<Claim<O>>,
    ) -> Result<O::Answer, OpError> {
        let (within, timed) = (asked.within, Timed::of::<O>(self, asked.door));
        // Shared with a caller that may give up first, so that its error is worded only then.
        let steering = Arc::new(steering(&op, &asked.by));
        let on_record = self.0.audit.records(O::KIND, asked.by.role);
        intend(&*self.0.records, &steering, on_record);
        let (desk, done) = (self.clone(), Arc::clone(&steering));
        let work = async move {
            let answer = caught(provide(provider, asked, op), || {
                OpError::internal(format!("the {} of {} panicked", done.verb, done.target))
            });
            let answer = answer.await;
            // Named here so that the work owns the passes. An async block captures what it names,
            // and without this line they would be given back when the caller leaves.
            drop(inside);
            let outcome = match &answer {
                Ok(answer) => Outcome::done(O::outcome(answer)),
                Err(error) => Outcome::failed(error),
            };
            keep(&*desk.0.records, &done, outcome, on_record);
            if let Some(claim) = claim {
                // After the record: whoever has the answer finds it on record.
                claim.settle(&answer);
            }
            timed.end(answer.as_ref().err());
            answer
        };
        match tokio::time::timeout(within, Carried::new(work)).await {
            Ok(answer) => answer,
            Err(_) => Err(goes_on(&steering.verb, &steering.target, within)),
        }
    }

    /// Looks up what is known of the id of a request, if it has one.
    fn seen<O: Once>(&self, by: &Principal, op: &O) -> Result<Option<Seen<O>>, OpError> {
        let Some(id) = op.request_id() else { return Ok(None) };
        let seen = self.0.repeats.look_up(&by.name, id, op);
        if let Err(refusal) = &seen
            && self.0.audit.records(O::KIND, by.role)
        {
            keep(&*self.0.records, &steering(op, by), Outcome::failed(refusal), true);
        }
        seen.map(Some)
    }

    /// Takes every step before the provider.
    pub(super) fn admit<O: Operation>(
        &self,
        Caller { door, credential, pass }: Caller,
        within: Duration,
        op: &O,
    ) -> Result<Admitted, OpError> {
        let desk = &*self.0;
        let gate = match pass {
            Some(pass) => Some(pass),
            None => desk.gate.enter(door, O::ACTION)?,
        };
        let by = desk.authenticate.principal(credential, O::ACTION)?;
        // Behind authentication: a `Rate` may bound each principal by itself.
        let rate = desk.rate.take(&by, O::ACTION)?;
        if let Err(refusal) = desk.policy.permit(&by, O::ACTION, &op.target()) {
            // An attempt at what would be on record is worth as much to an auditor as a success.
            if desk.audit.records(O::KIND, by.role) {
                keep(&*desk.records, &steering(op, &by), Outcome::failed(&refusal), true);
            }
            return Err(refusal);
        }
        // Behind the policy, so that a caller who may not ask learns nothing of what is well-formed.
        op.check()?;
        let within = within.saturating_add(op.takes());
        let inside = Inside { _gate: gate, _rate: rate };
        Ok(Admitted { asked: Asked { door, by, within }, inside })
    }

    pub(super) fn provider<O: Operation>(&self) -> Result<Arc<Provider>, OpError> {
        let slot = self.0.slots.get(&TypeId::of::<O>());
        slot.and_then(|slot| slot.load_full()).ok_or_else(|| self.not_built_in::<O>())
    }
}

/// Asks a provider. The types of a desk keep one of the wrong kind out of it.
async fn provide<O: Once>(
    provider: Arc<Provider>,
    asked: Asked,
    op: O,
) -> Result<O::Answer, OpError> {
    match provider.get::<Answers<O>>() {
        Some(provider) => provider.call(asked, op).await,
        None => Err(OpError::internal(format!("{} has no provider of its kind", O::NAME))),
    }
}

/// Makes an answer of a panic, so that a bug of one provider costs one request.
async fn caught<T>(
    work: impl Future<Output = Result<T, OpError>>,
    panicked: impl FnOnce() -> OpError,
) -> Result<T, OpError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(panicked()))
}

/// Answers a repeat as the first request with its id was, or will be, answered. Nothing is put on
/// record: nothing is done.
async fn repeated<O: Once>(asked: &Asked, op: &O, repeat: Repeat<O>) -> Result<O::Answer, OpError> {
    let (operation, by) = (O::NAME, asked.by.on_record());
    tracing::debug!(target: "ms_ops::audit", operation, by, "asked again");
    match tokio::time::timeout(asked.within, repeat.answer()).await {
        Ok(answer) => answer,
        Err(_) => Err(goes_on(&op.verb(), &op.target(), asked.within)),
    }
}

fn goes_on(verb: &str, target: &Target<'_>, within: Duration) -> OpError {
    OpError::timed_out(format!("the {verb} of {target} goes on"))
        .why(format!("it was not done within {within:?}"))
        .next("`msctl events` will show the outcome")
}

fn steering<O: Operation>(op: &O, by: &Principal) -> Steering {
    Steering {
        operation: O::NAME,
        target: op.target().into_owned(),
        verb: op.verb(),
        by: by.on_record(),
        reason: op.reason().map(str::to_owned),
    }
}

fn intend(records: &dyn Records, steering: &Steering, on_record: bool) {
    let Steering { operation, target, verb, by, reason } = steering;
    tracing::debug!(target: "ms_ops::audit", operation, %target, verb, by, reason, "begins");
    if on_record {
        records.intent(steering);
    }
}

fn keep(records: &dyn Records, steering: &Steering, outcome: Outcome, on_record: bool) {
    let Steering { operation, target, verb, by, reason } = steering;
    let text = &outcome.text;
    if !on_record {
        tracing::debug!(target: "ms_ops::audit", operation, %target, verb, by, outcome = text, "done");
        return;
    }
    tracing::info!(target: "ms_ops::audit", operation, %target, verb, by, reason, outcome = text, "steered");
    records.outcome(steering, outcome);
}
