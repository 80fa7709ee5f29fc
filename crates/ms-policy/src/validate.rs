//! The checks of flags and specs, before anything starts (A2, H4).

use std::collections::BTreeSet;
use std::time::Duration;

use ms_core::id::ChildId;
use ms_core::spec::{AutoShutdown, Backoff, Restart, Strategy, SupervisorFlags, WhenExhausted};

use super::child::ChildEntry;

/// Why a supervisor with these flags and specs cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// OTP's `{supervisor_data, _}`.
    #[error("invalid supervisor flags")]
    SupervisorData(#[from] FlagError),
    /// OTP's `{start_spec, _}`.
    #[error("invalid child spec")]
    StartSpec(#[from] ChildSpecError),
    /// OTP's `{bad_start_spec, Specs}`: a dynamic supervisor takes one template.
    #[error(
        "a simple_one_for_one supervisor takes exactly one child spec, the template; found {}",
        .0.len()
    )]
    BadStartSpec(Vec<ChildId>),
}

/// Flags OTP refuses, and our own.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FlagError {
    /// OTP's `{invalid_period, _}`: whole seconds, at least one.
    #[error("the intensity's period is {0:?}; it must be whole seconds, at least 1 s")]
    InvalidPeriod(Duration),
    /// Ours: a pause that is none would restart without end.
    #[error(
        "the pause after the restart intensity is exceeded is 0; set a duration, or let the supervisor give up"
    )]
    InvalidPause,
    /// Ours: a limit of 0 admits no child.
    #[error("max_children is 0; set at least 1, or leave it out")]
    InvalidMaxChildren,
    /// Ours: only a dynamic supervisor has a limit.
    #[error("max_children is for simple_one_for_one; remove it or change the strategy")]
    MaxChildrenNeedsDynamic,
}

/// A child spec OTP refuses, and our own.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildSpecError {
    /// OTP's `{duplicate_child_name, Id}`.
    #[error("the child id {0} is used twice; ids are unique within a supervisor")]
    DuplicateChildName(ChildId),
    /// OTP's `{bad_combination, [{auto_shutdown, never}, {significant, true}]}`.
    #[error("{0} is significant, but the supervisor's auto_shutdown is never")]
    SignificantNeedsAutoShutdown(ChildId),
    /// OTP's `{bad_combination, [{restart, permanent}, {significant, true}]}`.
    #[error("{0} is significant and permanent; a significant child is transient or temporary")]
    SignificantPermanent(ChildId),
    /// Ours: a backoff whose numbers make no sense.
    #[error("{0} has an invalid backoff: it needs 0 < min <= max and 0.0 <= jitter <= 1.0")]
    InvalidBackoff(ChildId),
    /// Ours: a heartbeat that takes every child for hung, or none. The builder of the spec checks
    /// it.
    #[error(
        "{0} has an invalid heartbeat: `every` must be 1 ms to 24 h; leave the heartbeat out to disable it"
    )]
    InvalidHeartbeat(ChildId),
    /// Ours: a mailbox that nothing can get into. The builder of the spec checks it.
    #[error(
        "the mailbox of {0} has a capacity of 0; set a capacity of at least 1, or make it unbounded"
    )]
    InvalidMailbox(ChildId),
}

/// Checks the flags first, then the number of specs, then each of them in order (A2).
pub(super) fn check(flags: &SupervisorFlags, specs: &[ChildEntry]) -> Result<(), SpecError> {
    check_flags(flags)?;
    if flags.strategy == Strategy::SimpleOneForOne && specs.len() != 1 {
        return Err(SpecError::BadStartSpec(specs.iter().map(|spec| spec.id.clone()).collect()));
    }
    let mut seen = BTreeSet::new();
    for spec in specs {
        check_child(flags, spec)?;
        if !seen.insert(&spec.id) {
            return Err(ChildSpecError::DuplicateChildName(spec.id.clone()).into());
        }
    }
    Ok(())
}

fn check_flags(flags: &SupervisorFlags) -> Result<(), FlagError> {
    let period = flags.intensity.period;
    // OTP takes whole seconds, and its window counts in them (D1).
    if period.as_secs() == 0 || period.subsec_nanos() != 0 {
        return Err(FlagError::InvalidPeriod(period));
    }
    if flags.when_exhausted == WhenExhausted::Pause(Duration::ZERO) {
        return Err(FlagError::InvalidPause);
    }
    match flags.max_children {
        Some(0) => Err(FlagError::InvalidMaxChildren),
        Some(_) if flags.strategy != Strategy::SimpleOneForOne => {
            Err(FlagError::MaxChildrenNeedsDynamic)
        }
        _ => Ok(()),
    }
}

/// Checks one spec on its own; also what `start_child` checks first (G1).
pub(super) fn check_child(
    flags: &SupervisorFlags,
    spec: &ChildEntry,
) -> Result<(), ChildSpecError> {
    if spec.policy.significant {
        if flags.auto_shutdown == AutoShutdown::Never {
            return Err(ChildSpecError::SignificantNeedsAutoShutdown(spec.id.clone()));
        }
        if spec.policy.restart == Restart::Permanent {
            return Err(ChildSpecError::SignificantPermanent(spec.id.clone()));
        }
    }
    match &spec.policy.backoff {
        Some(backoff) if !is_sane(backoff) => Err(ChildSpecError::InvalidBackoff(spec.id.clone())),
        _ => Ok(()),
    }
}

fn is_sane(backoff: &Backoff) -> bool {
    !backoff.min.is_zero() && backoff.min <= backoff.max && (0.0..=1.0).contains(&backoff.jitter)
}
