//! Stops a component, and ends its actor.

use std::pin::pin;
use std::time::Duration;

use ms_core::ErrorChain;
use ms_core::lifecycle::ComponentId;
use ms_supervisor::{SupervisorError, SupervisorRef};
use ms_worker::GetAgent;
use tokio::time::timeout;

use super::error::ShutdownError;
use super::state::Member;
use crate::service::components::{ComponentHost, StateSnapshot, StopComponent};

/// How long an actor that has nothing left to do may take to end, and its supervisor to answer.
pub(super) const DROP_WITHIN: Duration = Duration::from_secs(5);
/// How long a killed actor may take to end before it is abandoned together with its thread.
const LET_GO: Duration = Duration::from_millis(200);

/// Stops one component in order, and returns the state that it hands over. A tree is stopped by
/// its supervisor, and hands over none.
pub(super) async fn stop(
    components: SupervisorRef,
    member: &Member,
    within: Duration,
) -> Result<Option<StateSnapshot>, ShutdownError> {
    if member.is_tree {
        let ended = components.within(within).terminate_child(member.id.as_child()).await;
        return Ok(ended.map(|()| None)?);
    }
    let host = components.within(within).get_agent::<ComponentHost>(member.id.as_str()).await?;
    match host.ask(StopComponent).within(within).await {
        Ok(stopped) => stopped.map_err(ShutdownError::Component),
        Err(error) => Err(match error.exit_reason() {
            Some(reason) => ShutdownError::Exited(reason.clone()),
            None => ShutdownError::Unanswered(error.into_failure()),
        }),
    }
}

/// Ends the actor of a component, and with it the instance. With `force` the actor is killed.
pub(super) async fn drop_component(
    components: &SupervisorRef,
    id: &ComponentId,
    within: Duration,
    force: bool,
) -> Result<(), String> {
    let actor = components.clone().within(within).child(id.as_child()).await;
    let actor = actor.map_err(|error| text_of(&error))?;
    let supervisor = components.clone().within(within);
    let mut ended = pin!(supervisor.terminate_child(id.as_child()));
    // The order has to reach the supervisor before the kill: it would take the exit for a crash
    // and restart the component. One poll sends it; the answer is awaited below.
    tokio::select! {
        biased;
        ended = &mut ended => return ended.map_err(|error| text_of(&error)),
        () = std::future::ready(()) => {}
    }
    if !force {
        return ended.await.map_err(|error| text_of(&error));
    }
    if let Some(actor) = actor {
        let life = actor.incarnation();
        actor.kill();
        if let Ok(ended) = timeout(LET_GO, &mut ended).await {
            return ended.map_err(|error| text_of(&error));
        }
        // The thread of the actor stands still: both are left behind. Only the supervisor holds
        // the lever for that, so it is asked. If the supervisor hangs as well, this waits no longer
        // than `within` and goes on; then nobody gives up the arbiter here, and that is enough: the
        // node's watchdog gives up an arbiter that is blocked (`wedged_after`), a hung supervisor
        // is found by its own parent, and at the end `Node::halt` leaves blocked threads behind.
        // The error is dropped, because the wait below meets the same supervisor and reports it.
        drop(supervisor.abandon_child(id.as_child(), life).await);
    }
    ended.await.map_err(|error| text_of(&error))
}

/// Returns an error with its sources, in one line.
fn text_of(error: &SupervisorError) -> String {
    ErrorChain::from_error(error).to_string()
}
