//! The two ways in which the starts of a child are counted.

use ms_core::Incarnation;
use ms_policy::{CommandError, PidRef};

/// The policy's number of a start. It counts from 1 in each life of the supervisor, while the
/// [`Incarnation`] of the child's cell goes on counting over the supervisor's restarts.
///
/// The policy itself calls it an incarnation, for it knows no cells. The two must not be
/// compared with each other: hence this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StartNumber(Incarnation);

impl StartNumber {
    const NONE: Self = Self(Incarnation::NONE);

    /// Takes the number out of an effect of the policy.
    pub(crate) const fn of_policy(number: Incarnation) -> Self {
        Self(number)
    }

    /// Returns the number as events for the policy carry it.
    pub(crate) const fn in_policy(self) -> Incarnation {
        self.0
    }

    /// Returns whether the child was started before in this life of the supervisor.
    pub(crate) fn is_repeated(self) -> bool {
        self.0 > Incarnation(1)
    }
}

/// The present start of a child in both counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Starts {
    number: StartNumber,
    incarnation: Incarnation,
}

impl Default for Starts {
    fn default() -> Self {
        Self { number: StartNumber::NONE, incarnation: Incarnation::NONE }
    }
}

impl Starts {
    pub(crate) fn number(self) -> StartNumber {
        self.number
    }

    pub(crate) fn incarnation(self) -> Incarnation {
        self.incarnation
    }

    pub(crate) fn begin(&mut self, number: StartNumber) {
        self.number = number;
    }

    /// Notes the incarnation that the start under way has led to.
    pub(crate) fn launched(&mut self, incarnation: Incarnation) {
        self.incarnation = incarnation;
    }

    /// Returns the incarnation that the start of this number led to. Each start is one launch of
    /// the cell, which may have seen others before, so both counts advance in step. (A start that
    /// was skipped is no launch; the policy names no start before such a one.)
    pub(crate) fn incarnation_of(self, number: StartNumber) -> Incarnation {
        let ago = self.number.0.0.saturating_sub(number.0.0);
        Incarnation(self.incarnation.0.saturating_sub(ago))
    }

    /// Returns the policy's pid, in incarnations.
    pub(crate) fn pid(self, pid: PidRef) -> PidRef {
        let translate = |number| self.incarnation_of(StartNumber::of_policy(number));
        match pid {
            PidRef::Incarnation(number) => PidRef::Incarnation(translate(number)),
            PidRef::Restarting(old) => PidRef::Restarting(old.map(translate)),
            PidRef::Undefined => PidRef::Undefined,
        }
    }

    /// Returns the policy's refusal of a command about this child, in incarnations.
    pub(crate) fn error(self, error: CommandError) -> CommandError {
        match error {
            CommandError::AlreadyStarted { key, incarnation } => {
                let incarnation = self.incarnation_of(StartNumber::of_policy(incarnation));
                CommandError::AlreadyStarted { key, incarnation }
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn number(of: u64) -> StartNumber {
        StartNumber::of_policy(Incarnation(of))
    }

    #[test]
    fn incarnations_go_on_where_the_earlier_life_of_the_supervisor_left_off() {
        let mut starts = Starts::default();
        starts.begin(number(1));
        starts.launched(Incarnation(8));
        starts.begin(number(2));
        starts.launched(Incarnation(9));
        assert_eq!(starts.incarnation_of(number(1)), Incarnation(8));
        assert_eq!(starts.incarnation_of(number(2)), Incarnation(9));
        let pid = starts.pid(PidRef::Restarting(Some(Incarnation(1))));
        assert_eq!(pid, PidRef::Restarting(Some(Incarnation(8))));
    }
}
