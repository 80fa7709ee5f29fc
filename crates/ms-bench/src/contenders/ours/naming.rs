//! The registry and the router.

use futures_util::future::join_all;
use ms_actor::Ref;
use ms_registry::{Registry, RegistryConfig};
use ms_router::{Router, RouterConfig};

use super::{Add, Counter, Ours, fresh};
use crate::peer::{Names, Peer, Publishes};

/// Registrations that are in progress at the same time.
const AT_ONCE: usize = 1000;

thread_local! {
    /// The registry of this sample.
    static REGISTRY: Registry = Registry::new(RegistryConfig::default());
}

fn registry() -> Registry {
    REGISTRY.with(Registry::clone)
}

impl Names for Ours {
    async fn register(&self, names: &[String]) {
        let registry = registry();
        let spec = ms_supervisor::ChildSpec::blueprint("registry", registry.blueprint());
        self.root.start_child(spec.placement(self.placement)).await.expect("starts");
        for names in names.chunks(AT_ONCE) {
            let mut counters = Vec::new();
            for _ in names {
                counters.push(self.counter().await);
            }
            let asked = names.iter().zip(&counters);
            let asked = asked.map(|(name, counter)| registry.register(name.as_str(), counter));
            join_all(asked).await.into_iter().for_each(|done| done.expect("registers"));
        }
    }

    fn lookup(&self) -> impl Fn(&str) -> bool + Send + Sync + Clone + 'static {
        let registry = registry();
        move |name| registry.lookup::<Counter>(name).is_ok()
    }
}

impl Publishes for Ours {
    type Topic = Router;

    async fn subscribe(&self, counters: &[Ref<Counter>]) -> Router {
        let router = Router::spawn(&self.node, &fresh("router"), RouterConfig::default());
        let router = router.expect("a valid name");
        let ports = counters.iter().map(Ref::port::<Add>).collect();
        router.add_routes(ports).await.expect("routes");
        router
    }

    async fn publish(&self, topic: &Router, n: u64) {
        let deliveries = topic.publish(Add(n)).expect("has takers");
        assert!(deliveries.iter().all(|delivery| delivery.result.is_ok()), "all have room");
    }
}
