//! The router of the server's parts, and the module that counts refused payloads.
//!
//! The payload of a task is read and checked in the code that submits it, so that a bad one never
//! becomes a task. Each refusal is then published over the router to every subscriber.

mod intake;

use std::sync::Arc;

use ms_core::lifecycle::Phase;
use ms_core::task::AgentKind;
use ms_core::{Backoff, Invalid};
use ms_router::{ModuleActor, Router};
use ms_runtime::ComponentSpec;
use ms_supervisor::{ChildSpec, SupervisorSpec};

use intake::{Intake, PayloadRefused};

/// Returns the component `router`: the routes, and the module that counts refused payloads.
pub(crate) fn component(router: &Router, kinds: Vec<AgentKind>, pause: Backoff) -> ComponentSpec {
    let to = router.clone();
    let intake = ModuleActor::<Intake>::blueprint_then(kinds, Arc::new(()), move |me| {
        Ok(to.add_route_soon::<PayloadRefused>(me.port())?)
    });
    let tree = SupervisorSpec::one_for_one("router")
        .child(ChildSpec::blueprint("routes", router.blueprint()).backoff(pause))
        .child(ChildSpec::blueprint("intake", intake).backoff(pause));
    ComponentSpec::tree(tree).phase(Phase::Core)
}

/// Publishes over the router that a payload was refused.
pub(crate) fn refused(router: &Router, kind: &AgentKind, invalid: &Invalid) {
    let refused = PayloadRefused { kind: kind.clone(), invalid: invalid.clone() };
    // The submitter has its error in any case, so a full or missing module is no failure.
    if let Err(error) = router.publish(refused) {
        tracing::debug!(%error, "a refused payload was not counted");
    }
}
