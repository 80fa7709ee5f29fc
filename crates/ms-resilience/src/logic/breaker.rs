//! The circuit breaker as a pure state machine.
//!
//! Closed, it permits every call and counts failures in a row. Open, it refuses until its
//! time is over. Half-open, it permits a few calls as tries. Source: M. Nygard, "Release It!".

use std::time::Duration;

use ms_core::time::Tick;
use serde::{Deserialize, Serialize};

use crate::error::CircuitOpen;

/// The settings of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerSpec {
    /// Failures in a row that open it; at least 1.
    pub failure_threshold: u32,
    /// Successes while half-open that close it; at least 1.
    pub success_threshold: u32,
    /// How long it stays open.
    pub timeout: Duration,
    /// Largest number of concurrent calls while half-open; at least 1.
    pub half_open_max: u32,
}

impl Default for BreakerSpec {
    /// Returns a breaker that five failures open for 30 s, and two successes, one at a time, close.
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            success_threshold: 2,
            timeout: Duration::from_secs(30),
            half_open_max: 1,
        }
    }
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls are permitted.
    #[default]
    Closed,
    /// Calls are refused.
    Open,
    /// A few calls are permitted as tries.
    HalfOpen,
}

/// The permission for one call, to be settled once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Permit {
    generation: u64,
    id: u64,
}

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// It went well.
    Success,
    /// It failed, or took too long.
    Failure,
    /// Its caller dropped it, which says nothing about the service and only frees its slot.
    Cancelled,
}

/// A circuit breaker. The time is an argument of every event.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    spec: BreakerSpec,
    state: BreakerState,
    /// Number of changes of the state. A permit of an earlier state says nothing about this one.
    generation: u64,
    next_id: u64,
    /// Failures in a row while closed, successes while half-open.
    count: u32,
    opened_at: Tick,
    /// The tries under way while half-open, each with the time until which it keeps its slot.
    slots: Vec<(u64, Tick)>,
}

impl Breaker {
    /// Returns a closed breaker. Settings of 0 are taken as 1.
    #[must_use]
    pub(crate) fn new(spec: BreakerSpec) -> Self {
        let spec = BreakerSpec {
            // A threshold of 0 would open a breaker that has seen no failure.
            failure_threshold: spec.failure_threshold.max(1),
            success_threshold: spec.success_threshold.max(1),
            half_open_max: spec.half_open_max.max(1),
            ..spec
        };
        let state = BreakerState::Closed;
        Self {
            spec,
            state,
            generation: 0,
            next_id: 0,
            count: 0,
            opened_at: Tick::ZERO,
            slots: Vec::new(),
        }
    }

    /// Returns the state.
    #[must_use]
    pub(crate) fn state(&self) -> BreakerState {
        self.state
    }

    /// Returns the failures in a row while closed, or the successes while half-open.
    #[must_use]
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Asks for the permission of a call that takes at most `within`. An open breaker whose time is
    /// over becomes half-open here. A try keeps its slot until it is settled, or its time is over.
    ///
    /// # Errors
    /// [`CircuitOpen`] when the call must not be made.
    pub(crate) fn acquire(&mut self, within: Duration, now: Tick) -> Result<Permit, CircuitOpen> {
        let open_for = now.since(self.opened_at);
        if self.state == BreakerState::Open {
            if open_for < self.spec.timeout {
                return Err(CircuitOpen {
                    retry_after: self.spec.timeout.saturating_sub(open_for),
                });
            }
            self.enter(BreakerState::HalfOpen);
        }
        let id = self.next_id;
        if self.state == BreakerState::HalfOpen {
            // A permit that was lost with its holder blocks its slot no longer than the call could
            // have taken. Any shorter time would permit further calls beside a slow one, and count
            // the success of none of them: a slow but healthy service would never close.
            self.slots.retain(|(_, until)| now < *until);
            if self.slots.len() >= self.spec.half_open_max as usize {
                return Err(CircuitOpen { retry_after: Duration::ZERO });
            }
            self.slots.push((id, now + within));
        }
        self.next_id += 1;
        Ok(Permit { generation: self.generation, id })
    }

    /// Takes note of the outcome of a call. Calls that were permitted before the last change of the
    /// state, and tries whose slot has expired, are ignored.
    #[allow(clippy::needless_pass_by_value, reason = "a permit is settled once")]
    pub(crate) fn settle(&mut self, permit: Permit, outcome: CallOutcome, now: Tick) {
        if permit.generation != self.generation {
            return;
        }
        match (self.state, outcome) {
            (BreakerState::Closed, CallOutcome::Success) => self.count = 0,
            (BreakerState::Closed, CallOutcome::Failure) => {
                self.count += 1;
                if self.count >= self.spec.failure_threshold {
                    self.open(now);
                }
            }
            (BreakerState::HalfOpen, outcome) => self.settle_try(permit.id, outcome, now),
            (BreakerState::Closed, CallOutcome::Cancelled) | (BreakerState::Open, _) => {}
        }
    }

    fn settle_try(&mut self, id: u64, outcome: CallOutcome, now: Tick) {
        let Some(slot) = self.slots.iter().position(|(of, _)| *of == id) else { return };
        self.slots.swap_remove(slot);
        match outcome {
            CallOutcome::Cancelled => {}
            CallOutcome::Failure => self.open(now),
            CallOutcome::Success => {
                self.count += 1;
                if self.count >= self.spec.success_threshold {
                    self.enter(BreakerState::Closed);
                }
            }
        }
    }

    fn open(&mut self, now: Tick) {
        self.opened_at = now;
        self.enter(BreakerState::Open);
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        // Permits of the state before are ignored by their generation, so their slots go with it.
        self.generation += 1;
        self.count = 0;
        self.slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BreakerState::{Closed, HalfOpen, Open};
    use CallOutcome::{Cancelled, Failure, Success};

    const SPEC: BreakerSpec = BreakerSpec {
        failure_threshold: 3,
        success_threshold: 2,
        timeout: Duration::from_millis(100),
        half_open_max: 2,
    };

    const WITHIN: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Tick {
        Tick::from_millis(millis)
    }

    fn call(breaker: &mut Breaker, outcome: CallOutcome, now: u64) {
        let permit = breaker.acquire(WITHIN, at(now)).expect("granted");
        breaker.settle(permit, outcome, at(now));
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(SPEC);
        (0..3).for_each(|_| call(&mut breaker, Failure, 0));
        assert_eq!(breaker.state(), Open);
        breaker
    }

    /// S9.2-01: all moves.
    #[test]
    fn failures_in_a_row_open_time_half_opens_successes_close() {
        let mut breaker = Breaker::new(SPEC);
        for outcome in [Failure, Failure, Success, Failure, Cancelled, Failure] {
            call(&mut breaker, outcome, 0);
        }
        assert_eq!((breaker.state(), breaker.count()), (Closed, 2), "a success starts anew");
        call(&mut breaker, Failure, 10);
        assert_eq!(
            breaker.acquire(WITHIN, at(60)),
            Err(CircuitOpen { retry_after: Duration::from_millis(50) })
        );
        call(&mut breaker, Success, 110);
        assert_eq!(breaker.state(), HalfOpen);
        call(&mut breaker, Success, 111);
        assert_eq!((breaker.state(), breaker.count()), (Closed, 0));
    }

    #[test]
    fn a_failed_try_opens_for_the_whole_time_again() {
        let mut breaker = opened();
        call(&mut breaker, Success, 100);
        call(&mut breaker, Failure, 150);
        assert_eq!(breaker.state(), Open);
        assert!(
            breaker.acquire(WITHIN, at(249)).is_err() && breaker.acquire(WITHIN, at(250)).is_ok()
        );
    }

    /// S9.2-01: cancelled tries free their slot, lost ones after the timeout.
    #[test]
    fn half_open_tries_are_limited_and_no_slot_is_lost() {
        let mut breaker = opened();
        let first = breaker.acquire(WITHIN, at(100)).expect("a try");
        let lost = breaker.acquire(WITHIN, at(110)).expect("another");
        assert_eq!(
            breaker.acquire(WITHIN, at(120)),
            Err(CircuitOpen { retry_after: Duration::ZERO })
        );
        breaker.settle(first, Cancelled, at(130));
        let second = breaker.acquire(WITHIN, at(140)).expect("the cancelled one's slot");
        assert!(breaker.acquire(WITHIN, at(209)).is_err());
        let third = breaker.acquire(WITHIN, at(210)).expect("the lost one's slot");
        breaker.settle(lost, Failure, at(211));
        assert_eq!(breaker.state(), HalfOpen, "too late to count");
        breaker.settle(second, Success, at(212));
        breaker.settle(third, Success, at(213));
        assert_eq!(breaker.state(), Closed);
    }

    /// A service that is well but slower than the breaker's own timeout.
    #[test]
    fn a_slow_try_keeps_its_slot_as_long_as_its_call_may_take_and_closes() {
        let mut breaker = opened();
        let slow = Duration::from_secs(5);
        let first = breaker.acquire(slow, at(100)).expect("a try");
        let second = breaker.acquire(slow, at(100)).expect("another");
        assert!(breaker.acquire(slow, at(5_099)).is_err(), "both are under way");
        breaker.settle(first, Success, at(5_099));
        breaker.settle(second, Success, at(5_099));
        assert_eq!(breaker.state(), Closed);
    }

    #[test]
    fn a_try_without_a_limit_keeps_its_slot_until_it_is_settled() {
        let mut breaker = opened();
        let tries = [0, 1].map(|_| breaker.acquire(Duration::MAX, at(100)).expect("a try"));
        assert!(breaker.acquire(WITHIN, at(u64::MAX / 2_000_000)).is_err());
        tries.into_iter().for_each(|permit| breaker.settle(permit, Cancelled, at(200)));
        assert!(breaker.acquire(WITHIN, at(201)).is_ok());
    }

    #[test]
    fn calls_of_an_earlier_state_count_for_nothing() {
        let mut breaker = Breaker::new(SPEC);
        let slow = breaker.acquire(WITHIN, at(0)).expect("granted");
        (0..3).for_each(|_| call(&mut breaker, Failure, 0));
        breaker.settle(slow, Success, at(1));
        assert_eq!(breaker.state(), Open);
    }

    proptest::proptest! {
        #[test]
        fn tries_never_exceed_their_limit_and_open_never_grants_early(
            steps in proptest::collection::vec((0_u8..4, 0_u64..60), 1..200),
        ) {
            let mut breaker = Breaker::new(SPEC);
            let (mut now, mut held) = (0, Vec::new());
            for (what, pause) in steps {
                now += pause;
                let outcome = match what {
                    0 => Success,
                    1 => Failure,
                    2 => Cancelled,
                    _ => {
                        let opened = (breaker.state() == Open).then_some(breaker.opened_at);
                        if let Ok(permit) = breaker.acquire(WITHIN, at(now)) {
                            proptest::prop_assert!(opened.is_none_or(|o| at(now).since(o) >= SPEC.timeout));
                            held.push(permit);
                        }
                        proptest::prop_assert!(breaker.slots.len() <= 2);
                        continue;
                    }
                };
                if let Some(permit) = held.pop() {
                    breaker.settle(permit, outcome, at(now));
                }
            }
        }
    }
}
