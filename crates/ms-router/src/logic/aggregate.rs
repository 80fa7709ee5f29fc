//! One result of many answers: pure state machines, which take one answer after the other.

use std::ops::ControlFlow;

use crate::error::RouteError;

/// An aggregation: it makes one result of the answers of several handlers.
///
/// `R` is the answer of one handler. Answers come in any order, each once. When
/// [`take`](Aggregate::take) breaks, nobody waits for the other answers any more, and a
/// handler that has not begun skips the message.
pub trait Aggregate<R> {
    /// The result.
    type Output;

    /// Begins with the number of handlers that are asked, which is never 0. Called once, before
    /// the first answer.
    fn begin(&mut self, asked: usize);

    /// Takes the answer of the handler `at`, or the reason why it gave none. Breaks with the result
    /// as soon as that is decided.
    fn take(
        &mut self,
        at: usize,
        answer: Result<R, RouteError>,
    ) -> ControlFlow<Result<Self::Output, RouteError>>;

    /// Ends after all answers, when none of them decided the result. `message` is the name of the
    /// message type, for errors.
    ///
    /// # Errors
    /// [`RouteError`] when the answers do not suffice.
    fn finish(self, message: &'static str) -> Result<Self::Output, RouteError>;
}

/// Aggregates to the first answer. A handler that fails does not count.
#[derive(Debug, Clone, Default)]
pub struct First {
    failures: Vec<RouteError>,
}

impl First {
    /// Returns the aggregation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<R> Aggregate<R> for First {
    type Output = R;

    fn begin(&mut self, _: usize) {}

    fn take(
        &mut self,
        _: usize,
        answer: Result<R, RouteError>,
    ) -> ControlFlow<Result<R, RouteError>> {
        match answer {
            Ok(answer) => ControlFlow::Break(Ok(answer)),
            Err(failure) => {
                self.failures.push(failure);
                ControlFlow::Continue(())
            }
        }
    }

    fn finish(self, message: &'static str) -> Result<R, RouteError> {
        Err(RouteError::NoAnswer { message, failures: self.failures })
    }
}

/// Aggregates to all answers, in the order of the routes. A failing handler hides no other.
#[derive(Debug)]
pub struct All<R> {
    answers: Vec<Option<Result<R, RouteError>>>,
}

impl<R> All<R> {
    /// Returns the aggregation.
    #[must_use]
    pub fn new() -> Self {
        Self { answers: Vec::new() }
    }
}

impl<R> Default for All<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Aggregate<R> for All<R> {
    type Output = Vec<Result<R, RouteError>>;

    fn begin(&mut self, asked: usize) {
        self.answers.resize_with(asked, || None);
    }

    fn take(
        &mut self,
        at: usize,
        answer: Result<R, RouteError>,
    ) -> ControlFlow<Result<Self::Output, RouteError>> {
        if let Some(place) = self.answers.get_mut(at) {
            *place = Some(answer);
        }
        ControlFlow::Continue(())
    }

    fn finish(self, _: &'static str) -> Result<Self::Output, RouteError> {
        Ok(self.answers.into_iter().flatten().collect())
    }
}

/// Aggregates the answers of handlers that return a `Result` to the first `Ok`, or to all failures
/// when there is none.
#[derive(Debug)]
pub struct AnyOk<E> {
    failures: Vec<NotOk<E>>,
}

/// Why a handler gave no `Ok`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOk<E> {
    /// It answered with an error.
    Refused(E),
    /// It did not answer.
    Failed(RouteError),
}

impl<E> AnyOk<E> {
    /// Returns the aggregation.
    #[must_use]
    pub fn new() -> Self {
        Self { failures: Vec::new() }
    }
}

impl<E> Default for AnyOk<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, E> Aggregate<Result<T, E>> for AnyOk<E> {
    type Output = Result<T, Vec<NotOk<E>>>;

    fn begin(&mut self, _: usize) {}

    fn take(
        &mut self,
        _: usize,
        answer: Result<Result<T, E>, RouteError>,
    ) -> ControlFlow<Result<Self::Output, RouteError>> {
        self.failures.push(match answer {
            Ok(Ok(answer)) => return ControlFlow::Break(Ok(Ok(answer))),
            Ok(Err(error)) => NotOk::Refused(error),
            Err(failure) => NotOk::Failed(failure),
        });
        ControlFlow::Continue(())
    }

    fn finish(self, _: &'static str) -> Result<Self::Output, RouteError> {
        Ok(Err(self.failures))
    }
}

/// Aggregates to an answer that enough handlers agree on. Equal answers count together, failures
/// count for none.
///
/// It ends as soon as the quorum is reached, and as soon as it cannot be reached any more.
#[derive(Debug)]
pub struct Quorum<R> {
    needed: Option<usize>,
    asked: usize,
    taken: usize,
    // A list and not a map: answers are few, and need not be hashable.
    votes: Vec<(R, usize)>,
    failures: Vec<RouteError>,
}

impl<R: PartialEq> Quorum<R> {
    /// Returns a quorum of `needed` equal answers, at least one.
    #[must_use]
    pub fn of(needed: usize) -> Self {
        Self::wanting(Some(needed.max(1)))
    }

    /// Returns a quorum of more than half of the handlers that are asked.
    #[must_use]
    pub fn majority() -> Self {
        Self::wanting(None)
    }

    fn wanting(needed: Option<usize>) -> Self {
        Self { needed, asked: 0, taken: 0, votes: Vec::new(), failures: Vec::new() }
    }

    fn needed(&self) -> usize {
        self.needed.unwrap_or(self.asked / 2 + 1)
    }

    fn most(&self) -> usize {
        self.votes.iter().map(|(_, count)| *count).max().unwrap_or(0)
    }

    fn not_reached(&mut self) -> RouteError {
        RouteError::QuorumNotReached {
            needed: self.needed(),
            agreed: self.most(),
            asked: self.asked,
            failures: std::mem::take(&mut self.failures),
        }
    }
}

impl<R: PartialEq> Aggregate<R> for Quorum<R> {
    type Output = R;

    fn begin(&mut self, asked: usize) {
        self.asked = asked;
    }

    fn take(
        &mut self,
        _: usize,
        answer: Result<R, RouteError>,
    ) -> ControlFlow<Result<R, RouteError>> {
        self.taken += 1;
        match answer {
            Err(failure) => self.failures.push(failure),
            Ok(answer) => {
                let at = self.votes.iter().position(|(known, _)| *known == answer).unwrap_or_else(
                    || {
                        self.votes.push((answer, 0));
                        self.votes.len() - 1
                    },
                );
                self.votes[at].1 += 1;
                if self.votes[at].1 >= self.needed() {
                    return ControlFlow::Break(Ok(self.votes.swap_remove(at).0));
                }
            }
        }
        // Even if all others agreed with the most frequent answer: then waiting for them is useless.
        let left = self.asked.saturating_sub(self.taken);
        if self.most() + left < self.needed() {
            return ControlFlow::Break(Err(self.not_reached()));
        }
        ControlFlow::Continue(())
    }

    fn finish(mut self, _: &'static str) -> Result<R, RouteError> {
        Err(self.not_reached())
    }
}

/// Aggregates by a function, which takes one answer after the other as they come.
#[derive(Debug)]
pub struct Fold<T, F> {
    // An option, because `step` takes the value and `take` has only `&mut self`.
    so_far: Option<T>,
    step: F,
}

impl<T, F> Fold<T, F> {
    /// Returns the aggregation that starts with `init` and goes on with `step`, which gets failures
    /// too.
    pub fn new(init: T, step: F) -> Self {
        Self { so_far: Some(init), step }
    }
}

impl<R, T, F> Aggregate<R> for Fold<T, F>
where
    F: FnMut(T, Result<R, RouteError>) -> T,
{
    type Output = T;

    fn begin(&mut self, _: usize) {}

    fn take(
        &mut self,
        _: usize,
        answer: Result<R, RouteError>,
    ) -> ControlFlow<Result<T, RouteError>> {
        self.so_far = self.so_far.take().map(|so_far| (self.step)(so_far, answer));
        ControlFlow::Continue(())
    }

    fn finish(self, message: &'static str) -> Result<T, RouteError> {
        self.so_far.ok_or(RouteError::NoAnswer { message, failures: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> RouteError {
        RouteError::NoHandler { message: "test" }
    }

    fn run<R, G: Aggregate<R>>(
        mut aggregate: G,
        answers: Vec<Result<R, RouteError>>,
    ) -> (usize, Result<G::Output, RouteError>) {
        aggregate.begin(answers.len());
        for (at, answer) in answers.into_iter().enumerate() {
            if let ControlFlow::Break(done) = aggregate.take(at, answer) {
                return (at + 1, done);
            }
        }
        (usize::MAX, aggregate.finish("test"))
    }

    #[test]
    fn a_quorum_ends_as_soon_as_it_is_decided() {
        assert_eq!(run(Quorum::of(2), vec![Ok(1), Ok(2), Ok(1), Ok(3)]), (3, Ok(1)));
        let (after, outcome) = run(Quorum::majority(), vec![Ok(1), Err(failed()), Ok(2), Ok(1)]);
        assert_eq!(after, 3, "one, a failure and another one: three equal are out of reach");
        assert!(matches!(
            outcome,
            Err(RouteError::QuorumNotReached { needed: 3, agreed: 1, asked: 4, .. })
        ));
        let (_, outcome) = run(Quorum::of(5), vec![Ok(1), Ok(1)]);
        assert!(matches!(outcome, Err(RouteError::QuorumNotReached { needed: 5, .. })));
    }

    #[test]
    fn failures_hide_nothing() {
        assert_eq!(run(First::new(), vec![Err(failed()), Ok(1), Ok(2)]), (2, Ok(1)));
        let all = run(All::new(), vec![Err(failed()), Ok(1)]).1.expect("always");
        assert_eq!(all, [Err(failed()), Ok(1)]);
        assert_eq!(run(AnyOk::new(), vec![Ok(Err("no")), Err(failed()), Ok(Ok(1))]).1, Ok(Ok(1)));
        let none: Result<Result<u8, _>, _> =
            run(AnyOk::new(), vec![Ok(Err("no")), Err(failed())]).1;
        assert_eq!(none, Ok(Err(vec![NotOk::Refused("no"), NotOk::Failed(failed())])));
        let sum = Fold::new(0, |sum, answer: Result<i32, _>| sum + answer.unwrap_or(100));
        assert_eq!(run(sum, vec![Ok(1), Err(failed()), Ok(2)]).1, Ok(103));
    }
}
