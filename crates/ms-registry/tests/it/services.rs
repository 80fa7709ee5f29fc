//! Typed service keys: a missing dependency names both sides.

use crate::common;

use common::{Child, Echo, Which, echo, settle, virtually};
use ms_actor::{Port, Ref};
use ms_registry::{Registry, RegistryConfig, ServiceError, ServiceKey};

const WHICH: ServiceKey<Port<Which>> = ServiceKey::new("which");
const ECHO: ServiceKey<Ref<Echo>> = ServiceKey::new("echo");
/// The same name with another type: a mistake.
const ECHO_AS_PORT: ServiceKey<Port<Which>> = ServiceKey::new("echo");

/// S1.3-02, S2.4-18
#[test]
fn what_is_provided_can_be_required_and_follows_restarts() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let child = echo(&node, "/root/a");
        registry.provide(WHICH, &child.reference.port()).await.unwrap();
        registry.provide(ECHO, &child.reference).await.unwrap();
        let port = registry.require(WHICH, "/root/billing").unwrap();
        child.crash().await;
        child.restart();
        settle().await;
        assert_eq!(port.ask(Which, std::time::Duration::from_secs(1)).await.unwrap(), 2);
        assert_eq!(registry.require(ECHO, "/root/billing").unwrap(), child.reference);
        child.give_up();
        assert!(registry.require(ECHO, "/root/billing").is_err());
    });
}

/// S8.2-02
#[test]
fn a_missing_dependency_names_both_sides() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let error = registry.require(WHICH, "/root/billing").expect_err("nobody provides it");
        assert_eq!(error.needed_by(), "/root/billing");
        assert_eq!(error.key().name(), "which");
        assert!(
            error.to_string().starts_with(
                "/root/billing needs the service \"which\" (ms_actor::refs::port::Port<"
            )
        );

        let child = echo(&node, "/root/a");
        registry.provide(ECHO, &child.reference).await.unwrap();
        let error = registry.require(ECHO_AS_PORT, "/root/billing").expect_err("another type");
        assert!(
            error.to_string().contains("but /root/a provides it as ms_actor::refs::handle::Ref<"),
            "{error}"
        );
    });
}

/// S2.1-01
#[test]
fn a_second_provider_is_refused_until_the_first_is_gone() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let (a, b): (Child<Echo>, Child<Echo>) = (echo(&node, "/root/a"), echo(&node, "/root/b"));
        registry.provide(ECHO, &a.reference).await.unwrap();
        registry.provide(ECHO, &a.reference).await.expect("again changes nothing");
        let error = registry.provide(ECHO, &b.reference).await.expect_err("taken");
        assert!(
            matches!(error, ServiceError::AlreadyProvided { holder, .. } if holder.as_str() == "/root/a")
        );
        assert!(matches!(
            registry.withdraw(ECHO, &b.reference).await,
            Err(ServiceError::NotProvided { .. })
        ));
        a.give_up();
        registry.provide(ECHO, &b.reference).await.unwrap();
        registry.withdraw(ECHO, &b.reference).await.unwrap();
        assert!(registry.require(ECHO, "x").is_err());
    });
}
