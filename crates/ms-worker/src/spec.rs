//! Agents as children.

use std::future::Future;

use ms_actor::host::Blueprint;
use ms_core::view::Tier;
use ms_supervisor::{ChildSpec, DynamicChild, SupervisorError, SupervisorRef};

use crate::actor::{AgentActor, AgentRef};
use crate::agent::Agent;
use crate::budgets::Budgets;

/// Makes the blueprint of an agent: a factory that is run at each of its starts.
#[must_use]
pub fn agent_blueprint<G: Agent>(args: G::Args) -> Blueprint {
    let factory = move |_: &AgentRef<G>| Ok(AgentActor::<G>::new(args.clone()));
    Blueprint::with_view(factory, Tier::Agent, Some(AgentActor::view))
}

/// Makes the blueprint of an agent under budgets; see [`agent_blueprint`].
#[must_use]
pub fn budgeted_blueprint<G: Agent>(args: G::Args, budgets: &Budgets) -> Blueprint {
    let budgets = budgets.clone();
    let factory = move |me: &AgentRef<G>| {
        Ok(AgentActor::<G>::new(args.clone()).metered(Some(budgets.meter(me.any()))))
    };
    Blueprint::with_view(factory, Tier::Agent, Some(AgentActor::view))
}

/// Child specs of agents: in scope, `ChildSpec::agent::<Crawler>("crawler", args)` works.
pub trait AgentSpec: Sized {
    /// Makes a permanent worker that is an agent.
    fn agent<G: Agent>(id: impl AsRef<str>, args: G::Args) -> Self;

    /// Makes a permanent worker that is an agent, under the budgets whose paths it is at or below.
    fn budgeted<G: Agent>(id: impl AsRef<str>, args: G::Args, budgets: &Budgets) -> Self;
}

impl AgentSpec for ChildSpec {
    fn agent<G: Agent>(id: impl AsRef<str>, args: G::Args) -> Self {
        Self::blueprint(id, agent_blueprint::<G>(args))
    }

    fn budgeted<G: Agent>(id: impl AsRef<str>, args: G::Args, budgets: &Budgets) -> Self {
        Self::blueprint(id, budgeted_blueprint::<G>(args, budgets))
    }
}

impl AgentSpec for DynamicChild {
    fn agent<G: Agent>(id: impl AsRef<str>, args: G::Args) -> Self {
        Self::blueprint(agent_blueprint::<G>(args)).name(id)
    }

    fn budgeted<G: Agent>(id: impl AsRef<str>, args: G::Args, budgets: &Budgets) -> Self {
        Self::blueprint(budgeted_blueprint::<G>(args, budgets)).name(id)
    }
}

/// Finding agents among a supervisor's children.
pub trait GetAgent {
    /// Finds the agent that is the child named `id`.
    ///
    /// # Errors
    /// A bad id, not found, or another type.
    fn get_agent<G: Agent>(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<AgentRef<G>, SupervisorError>>;
}

impl GetAgent for SupervisorRef {
    async fn get_agent<G: Agent>(&self, id: &str) -> Result<AgentRef<G>, SupervisorError> {
        self.get::<AgentActor<G>>(id).await
    }
}
