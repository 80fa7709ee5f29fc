//! Looks up names and services.

use ms_actor::AnyRef;
use ms_core::Incarnation;
use ms_core::health::HealthStatus;
use ms_core::view::Lifecycle;
use ms_ops::ops::{ListNames, Lookup};
use ms_ops::views::{Found, Service};
use ms_ops::{OpError, codes};
use ms_registry::Registry;

use super::NodeControl;

impl NodeControl {
    /// Finds the actor that has a name or provides a service. Where both exist, the name wins.
    pub(super) fn lookup(&self, Lookup { name }: Lookup) -> Result<Found, OpError> {
        let name = name.as_str();
        let Some(registry) = &self.0.exposed.registry else {
            return Err(OpError::refused("this node exposes no registry")
                .why("its program has none, or did not give it to RunConfig")
                .next("`msctl tree` finds actors by their place in the tree"));
        };
        let service = registry.service(name);
        let named = registry.whereis(name);
        let provides = service.as_ref().map(|service| service.key.handle().to_owned());
        let Some(actor) = named.or_else(|| service.map(|service| service.actor)) else {
            let error =
                OpError::new(&codes::NO_NAME, format!("no actor or service has the name {name:?}"));
            return Err(match registry.nearest(name) {
                Some(nearest) => error.next(format!("did you mean {nearest:?}?")),
                None => error.next("GET /api/v1/services lists the names of an ms-server"),
            });
        };
        let live = actor.incarnation();
        let groups = registry.groups_of(&actor).iter().map(ToString::to_string).collect();
        Ok(Found {
            name: name.to_owned(),
            provides,
            path: actor.path().clone(),
            incarnation: (live != Incarnation::NONE).then_some(live),
            lifecycle: AnyRef::lifecycle(&actor),
            groups,
        })
    }

    /// Lists names and services; none, where the node exposes no registry.
    pub(super) async fn names(&self, ListNames { prefix }: ListNames) -> Vec<Service> {
        let Some(registry) = &self.0.exposed.registry else { return Vec::new() };
        let listed = list(registry, &prefix);
        let paths: Vec<_> = listed.iter().map(|one| one.actor.path().clone()).collect();
        let health = self.health_of(&paths).await;
        listed.into_iter().zip(health).map(|(one, known)| one.service(known, registry)).collect()
    }
}

/// An entry of the registry.
struct Listed {
    name: String,
    provides: Option<&'static str>,
    actor: AnyRef,
}

impl Listed {
    fn service(self, known: Option<HealthStatus>, registry: &Registry) -> Service {
        let Self { name, provides, actor } = self;
        let live = actor.incarnation();
        // The worse of both. A component's check is some seconds old, and one actor of a healthy
        // component may be down.
        let health = known.map_or(life(&actor), |known| known.max(life(&actor)));
        Service {
            name,
            provides: provides.map(str::to_owned),
            path: actor.path().clone(),
            incarnation: (live != Incarnation::NONE).then_some(live),
            health: health.name().to_owned(),
            groups: registry.groups_of(&actor).iter().map(ToString::to_string).collect(),
        }
    }
}

/// Returns the health of an actor as it can be seen from outside.
fn life(actor: &AnyRef) -> HealthStatus {
    match actor.lifecycle() {
        Lifecycle::Running => HealthStatus::Healthy,
        Lifecycle::Starting | Lifecycle::Suspended | Lifecycle::Restarting => {
            HealthStatus::Degraded
        }
        Lifecycle::Stopping | Lifecycle::Stopped => HealthStatus::Unhealthy,
    }
}

/// Names and services below a prefix, sorted.
fn list(registry: &Registry, prefix: &str) -> Vec<Listed> {
    let names = registry.names(prefix).into_iter().map(|(name, actor)| Listed {
        name: name.to_string(),
        provides: None,
        actor,
    });
    // By whole segments, as the registry does it for names: `db` is not a prefix of `dbx`.
    let within = |name: &str| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('/'))
    };
    let services = registry.services().into_iter().filter(|found| within(found.key.name()));
    let services = services.map(|found| Listed {
        name: found.key.name().to_owned(),
        provides: Some(found.key.handle()),
        actor: found.actor,
    });
    let mut all: Vec<_> = names.chain(services).collect();
    all.sort_by(|a, b| (&a.name, a.provides).cmp(&(&b.name, b.provides)));
    all
}
