//! Expectations about the ends and restarts of actors, in virtual time.

use std::time::Duration;

use ms_actor::{AnyRef, Down, Monitor};
use ms_core::view::ActorStatus;
use ms_core::{ExitReason, Incarnation};

use crate::clock;

/// Waits for the end of the present incarnation and returns its reason.
///
/// If the fault may strike before this is called, monitor the actor first with [`AnyRef::monitor`] and
/// use [`expect_down`].
///
/// # Panics
/// If the actor does not end `within` that virtual time.
#[track_caller]
pub fn expect_end(actor: &AnyRef, within: Duration) -> impl Future<Output = ExitReason> + use<> {
    let place = std::panic::Location::caller();
    let (path, monitor) = (actor.path().clone(), actor.monitor());
    async move {
        match tokio::time::timeout(within, monitor).await {
            Ok(down) => down.reason,
            Err(_) => fail(place, &format!("{path} does not end within {within:?}")),
        }
    }
}

/// Waits until a monitor fires.
///
/// # Panics
/// If it does not fire `within` that virtual time.
#[track_caller]
pub fn expect_down(monitor: Monitor, within: Duration) -> impl Future<Output = Down> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(within, monitor).await {
            Ok(down) => down,
            Err(_) => fail(place, &format!("the monitor does not fire within {within:?}")),
        }
    }
}

/// Waits until a later incarnation than the present or last one runs, and returns its status.
///
/// # Panics
/// If there is none `within` that virtual time.
#[track_caller]
pub fn expect_restart(
    actor: &AnyRef,
    within: Duration,
) -> impl Future<Output = ActorStatus> + use<> {
    let place = std::panic::Location::caller();
    let (actor, before) = (actor.clone(), actor.status().incarnation);
    async move {
        let next = async || {
            actor.incarnation() > before && actor.lifecycle() == ms_core::view::Lifecycle::Running
        };
        if !clock::until(within, next).await {
            let last = actor.last_exit().unwrap_or(ExitReason::NoProc);
            let path = actor.path();
            fail(place, &format!("{path} does not come back within {within:?}; it ended: {last}"));
        }
        actor.status()
    }
}

/// Lets that virtual time pass, and makes sure that the same incarnation is still alive.
///
/// # Panics
/// If the actor ended, or was not alive.
#[track_caller]
pub fn expect_alive(actor: &AnyRef, during: Duration) -> impl Future<Output = ()> + use<> {
    let place = std::panic::Location::caller();
    let (actor, life) = (actor.clone(), actor.incarnation());
    async move {
        clock::advance(during).await;
        if life == Incarnation::NONE || actor.incarnation() != life {
            let last = actor.last_exit().unwrap_or(ExitReason::NoProc);
            fail(place, &format!("{} did not stay alive: {last}", actor.path()));
        }
    }
}

/// Fails the test, and names the line of the expectation.
#[allow(clippy::panic, reason = "an expectation that is not met fails the test")]
pub(crate) fn fail(place: &std::panic::Location<'_>, what: &str) -> ! {
    panic!("{what} (expected at {place})")
}
