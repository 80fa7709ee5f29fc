//! Requests that are sent again: the second is given the answer of the first.
//!
//! A caller whose connection broke does not know whether its request was carried out. With an id it
//! can ask again, and nothing is done twice, whether the first is done, under way or has failed.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::OpError;
use crate::operation::Operation;
use crate::request_id::RequestId;

/// Most ids that are remembered. Beyond it the oldest is forgotten: an id is held for a caller who
/// tries again at once, and a bound on memory must hold whoever sends them.
pub(crate) const MOST: usize = 4_096;
/// The time an id is remembered, from the moment it was first seen.
pub(crate) const FOR: Duration = Duration::from_secs(600);

/// The answer of a first request; `None` while that is under way.
type Settled<O> = Option<Result<<O as Operation>::Answer, OpError>>;

/// The recent requests that have an id.
#[derive(Default)]
// One lock for all ids is enough: only steering has them, and no wait happens under it.
pub(super) struct Repeats(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_key: HashMap<Key, Box<dyn Any + Send + Sync>>,
    /// In the order in which they came, so that the oldest is found without a search.
    order: VecDeque<(Instant, Key)>,
}

/// The name of the principal and its id. Callers choose ids without knowing of each other: one of
/// them must not get, or block, the answer of another.
type Key = (String, RequestId);

/// The first request of an id.
struct First<O: Operation> {
    op: O,
    answer: watch::Receiver<Settled<O>>,
}

/// The duty of a first request to answer its repeats.
pub(super) struct Claim<O: Operation>(watch::Sender<Settled<O>>);

/// The answer to a repeat, which may not be there yet.
pub(super) struct Repeat<O: Operation>(watch::Receiver<Settled<O>>);

/// What is known of the id of a request.
pub(super) enum Seen<O: Operation> {
    First(Claim<O>),
    Repeat(Repeat<O>),
}

impl Repeats {
    /// Looks the id of a principal's request up, and remembers it when it is new.
    ///
    /// # Errors
    /// A conflict, when it is the id of another request of that principal.
    pub(super) fn look_up<O: Operation>(
        &self,
        by: &str,
        id: &RequestId,
        op: &O,
    ) -> Result<Seen<O>, OpError> {
        let key = (by.to_owned(), id.clone());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        known.forget(now);
        if let Some(first) = known.by_key.get(&key) {
            // Another operation, or the same with other fields: a caller that reuses ids must not
            // be given an answer to something else.
            let first = first.downcast_ref::<First<O>>().filter(|first| first.op == *op);
            let first = first.ok_or_else(|| OpError::id_of_another(id))?;
            if first.stands() {
                return Ok(Seen::Repeat(Repeat(first.answer.clone())));
            }
        }
        let (claim, answer) = watch::channel(None);
        known.remember(now, key, First { op: op.clone(), answer });
        Ok(Seen::First(Claim(claim)))
    }
}

impl Known {
    fn forget(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(since, _)| now.duration_since(*since) >= FOR) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.by_key.remove(&key);
        }
    }

    fn remember<O: Operation>(&mut self, now: Instant, key: Key, first: First<O>) {
        // One that is tried again, because nothing was done, keeps its place: a client that tries
        // often would push the ids of the others out.
        if let Some(known) = self.by_key.get_mut(&key) {
            *known = Box::new(first);
            return;
        }
        if self.order.len() >= MOST {
            self.forget_oldest();
        }
        self.by_key.insert(key.clone(), Box::new(first));
        self.order.push_back((now, key));
    }
}

impl<O: Operation> First<O> {
    /// Returns whether a repeat is given its answer. One that was surely not done is done now: a
    /// caller who is told to come again comes with the same id. One that was cut short may have
    /// been done, and is not done again.
    fn stands(&self) -> bool {
        match &*self.answer.borrow() {
            Some(Err(error)) => !error.was_not_done(),
            _ => true,
        }
    }
}

impl<O: Operation> Claim<O> {
    /// Answers all repeats, those that wait and those to come.
    pub(super) fn settle(self, answer: &Result<O::Answer, OpError>) {
        self.0.send_replace(Some(answer.clone()));
    }
}

impl<O: Operation> Repeat<O> {
    /// Waits for the answer of the first.
    pub(super) async fn answer(mut self) -> Result<O::Answer, OpError> {
        // The first is cut short only when its runtime ends; whether it was done is not known then.
        let cut = || OpError::timed_out("the first request with this id was cut short");
        let settled = self.0.wait_for(Option::is_some).await.map_err(|_| cut())?;
        settled.clone().unwrap_or_else(|| Err(cut()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::CancelTask;

    fn cancel(id: u64) -> CancelTask {
        let id = format!("00000000-0000-0000-0000-{id:012x}").parse().expect("an id");
        CancelTask { id, reason: None, request_id: None }
    }

    fn id(text: impl Into<String>) -> RequestId {
        RequestId::try_from(text.into()).expect("an id")
    }

    /// Looks an id up; a first request with it is answered at once.
    fn is_first(repeats: &Repeats, with: &RequestId) -> bool {
        match repeats.look_up("ada", with, &cancel(1)) {
            Ok(Seen::First(claim)) => {
                claim.settle(&Err(OpError::refused("not now")));
                true
            }
            _ => false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_is_remembered_for_its_time_and_then_new() {
        let repeats = Repeats::default();
        assert!(is_first(&repeats, &id("a")));
        tokio::time::advance(FOR - Duration::from_millis(1)).await;
        assert!(!is_first(&repeats, &id("a")));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(is_first(&repeats, &id("a")), "the time counts from the first");
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_id_makes_room() {
        let repeats = Repeats::default();
        for at in 0..MOST {
            assert!(is_first(&repeats, &id(at.to_string())));
        }
        assert!(!is_first(&repeats, &id((MOST - 1).to_string())));
        assert!(is_first(&repeats, &id("one-more")));
        assert!(is_first(&repeats, &id("0")), "it was the oldest");
        let known = repeats.0.lock().expect("sound");
        assert_eq!((known.by_key.len(), known.order.len()), (MOST, MOST));
    }

    #[tokio::test]
    async fn a_first_that_was_cut_short_is_no_answer() {
        let repeats = Repeats::default();
        let Seen::First(claim) = seen(&repeats, "ada", "a") else { panic!("new") };
        let Seen::Repeat(repeat) = seen(&repeats, "ada", "a") else { panic!("known") };
        drop(claim);
        let cut = repeat.answer().await.expect_err("cut short");
        assert_eq!(cut.kind(), crate::Kind::TimedOut, "it may have been done");
        assert!(!is_first(&repeats, &id("a")), "so it is not done again");
    }

    #[tokio::test]
    async fn what_was_surely_not_done_is_done_by_its_repeat_and_takes_no_room_of_others() {
        let repeats = Repeats::default();
        assert!(is_first(&repeats, &id("other")));
        for _ in 0..MOST {
            let Seen::First(claim) = seen(&repeats, "ada", "a") else { panic!("not done yet") };
            claim.settle(&Err(OpError::timed_out("nobody there").not_done()));
        }
        assert!(!is_first(&repeats, &id("other")), "it is still known");
    }

    #[tokio::test]
    async fn an_id_is_that_of_its_principal() {
        let repeats = Repeats::default();
        assert!(matches!(seen(&repeats, "ada", "a"), Seen::First(_)));
        assert!(matches!(seen(&repeats, "bob", "a"), Seen::First(_)));
        let another = repeats.look_up("ada", &id("a"), &cancel(2));
        assert!(another.is_err_and(|error| error.kind() == crate::Kind::Refused));
    }

    fn seen(repeats: &Repeats, by: &str, with: &str) -> Seen<CancelTask> {
        repeats.look_up(by, &id(with), &cancel(1)).unwrap_or_else(|error| panic!("{error}"))
    }
}
