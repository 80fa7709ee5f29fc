//! One round of checks: all components at the same time.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use ms_core::health::{Criticality, HealthResult};
use ms_core::lifecycle::ComponentId;
use ms_core::view::{Lifecycle, Mark, TreeNode};
use ms_core::{ActorPath, ErrorChain};
use ms_supervisor::SupervisorRef;
use ms_worker::GetAgent;
use tokio::time::{Instant, timeout};

use crate::service::Wiring;
use crate::service::components::{CheckHealth, ComponentHost};

/// A component to check.
#[derive(Debug, Clone)]
pub(crate) struct CheckSpec {
    pub(crate) id: ComponentId,
    pub(crate) criticality: Criticality,
    pub(crate) is_tree: bool,
}

/// The result of checking one component.
#[derive(Debug)]
pub(super) enum Look {
    /// It should not run: not yet, or not any more.
    NotUp,
    /// It should run and does not, for this reason.
    Down(String),
    /// It answered this.
    Said(HealthResult),
    /// It is a tree, and these actors of it do not run, with the reasons.
    Tree(BTreeMap<String, String>),
}

/// The result of checking one component, and how long that took.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) name: String,
    pub(super) look: Look,
    pub(super) took: Duration,
}

/// Checks all components in parallel, each with this limit.
pub(super) async fn ask_all(
    wiring: Wiring,
    checks: Vec<CheckSpec>,
    limit: Duration,
) -> Vec<Looked> {
    let looks = checks.into_iter().map(|check| {
        let wiring = wiring.clone();
        async move {
            let began = Instant::now();
            // One limit around the look-up and the question together: each has a limit of its own,
            // but both in a row would take twice the time that the probe grants.
            let look = timeout(limit, ask_one(&wiring, &check, limit)).await;
            Looked {
                name: check.id.as_str().to_owned(),
                look: look.unwrap_or(Look::Said(HealthResult::Timeout)),
                took: began.elapsed(),
            }
        }
    });
    join_all(looks).await
}

async fn ask_one(wiring: &Wiring, check: &CheckSpec, limit: Duration) -> Look {
    let Some(handles) = wiring.handles() else { return Look::NotUp };
    if !wiring.wants(&check.id) {
        return Look::NotUp;
    }
    let components = handles.components.clone().within(limit);
    if check.is_tree {
        return ask_tree(&components, check).await;
    }
    let host = match components.get_agent::<ComponentHost>(check.id.as_str()).await {
        Ok(host) => host,
        Err(error) => return Look::Down(ErrorChain::from_error(&error).to_string()),
    };
    if !host.is_alive() {
        let why =
            host.any().last_exit().map_or_else(|| "no life".to_owned(), |why| why.to_string());
        return Look::Down(why);
    }
    match host.ask(CheckHealth).within(limit).await {
        Ok(said) => Look::Said(said),
        Err(error) => match error.exit_reason() {
            Some(reason) => Look::Down(reason.to_string()),
            None => Look::Said(HealthResult::Timeout),
        },
    }
}

async fn ask_tree(components: &SupervisorRef, check: &CheckSpec) -> Look {
    let supervisor = match components.supervisor(check.id.as_str()).await {
        Ok(supervisor) if supervisor.any().is_alive() => supervisor,
        Ok(supervisor) => {
            let why = supervisor.any().last_exit().map(|why| why.to_string());
            return Look::Down(why.unwrap_or_else(|| "no life".to_owned()));
        }
        Err(error) => return Look::Down(ErrorChain::from_error(&error).to_string()),
    };
    match supervisor.tree(None).await {
        Ok(tree) => Look::Tree(lost(&tree)),
        Err(_) => Look::Said(HealthResult::Timeout),
    }
}

/// Returns the actors of a tree that should run and do not, or are stuck, with the reasons.
fn lost(tree: &TreeNode) -> BTreeMap<String, String> {
    let why = |node: &TreeNode| {
        let status = &node.status;
        let last = || status.last_exit.as_ref().map_or("ended".to_owned(), ToString::to_string);
        match status.lifecycle {
            Lifecycle::Restarting => Some(last()),
            // Stopped with a clean reason is a job that is done, or an operator's wish.
            Lifecycle::Stopped => {
                status.last_exit.as_ref().is_some_and(|reason| !reason.is_clean()).then(last)
            }
            _ if status.marks.contains(&Mark::Stuck) => Some("stuck".to_owned()),
            _ if status.marks.contains(&Mark::Unresponsive) => Some("does not answer".to_owned()),
            _ => None,
        }
    };
    let path = |node: &TreeNode| ActorPath::as_str(&node.status.path).to_owned();
    tree.walk().filter_map(|node| Some((path(node), why(node)?))).collect()
}
