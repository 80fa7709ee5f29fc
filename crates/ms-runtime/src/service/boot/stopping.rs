//! How a component is stopped, and how its actor is ended.

use std::pin::pin;
use std::time::Duration;

use ms_core::ErrorChain;
use ms_core::lifecycle::ComponentId;
use ms_supervisor::{SupervisorError, SupervisorRef};
use ms_worker::GetAgent;
use tokio::time::timeout;

use super::actor::Member;
use super::error::ShutdownError;
use crate::service::components::{ComponentHost, StateSnapshot, StopComponent};

/// How long a killed actor may take to let go before it is given up with its thread.
const LET_GO: Duration = Duration::from_millis(200);

/// Stops one component in order, and takes its state. A tree is stopped by its supervisor
/// and has none.
pub(super) async fn stop(
    components: SupervisorRef,
    member: &Member,
    within: Duration,
) -> Result<Option<StateSnapshot>, ShutdownError> {
    if member.is_tree {
        let ended = components.within(within).terminate_child(member.id.as_child()).await;
        return ended.map(|()| None).map_err(|error| ShutdownError::NoAnswer(text_of(&error)));
    }
    let host = components.within(within).get_agent::<ComponentHost>(member.id.as_str()).await;
    let host = host.map_err(|error| ShutdownError::NoAnswer(text_of(&error)))?;
    match host.ask(StopComponent).within(within).await {
        Ok(stopped) => stopped.map_err(ShutdownError::Component),
        Err(error) => Err(match error.exit_reason() {
            Some(reason) => ShutdownError::Ended(reason.clone()),
            None => ShutdownError::NoAnswer(error.to_string()),
        }),
    }
}

/// Ends the actor of a component, and with it its instance. With `force`, whatever it does.
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
    // The order first, so that the supervisor does not take what follows for a crash.
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
        // Its thread stands still: both are left behind. An error shows in what is awaited next.
        drop(supervisor.abandon_child(id.as_child(), life).await);
    }
    ended.await.map_err(|error| text_of(&error))
}

/// Returns an error with its sources, in one line.
fn text_of(error: &SupervisorError) -> String {
    ErrorChain::from_error(error).to_string()
}
