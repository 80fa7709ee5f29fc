//! Watchers: every change once and in order, or a word that some were missed.

use crate::common;

use common::{Child, Listener, echo, heard, port, settle, virtually};
use ms_actor::{Blueprint, MailboxSpec, spawn};
use ms_core::{ExitReason, Incarnation};
use ms_registry::{Change, Name, Registry, RegistryActor, RegistryConfig, WatchError, Watched};

#[allow(clippy::expect_used, reason = "a test's own constant")]
fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

#[test]
fn a_watcher_hears_of_names_below_its_prefix_once_each_and_in_order() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let child = echo(&node, "/root/agents/a");
        let listener = spawn(&node, "listener", Listener::default()).unwrap();
        registry.register("/root/agents/early", &child.reference).await.unwrap();
        let (_, now) =
            registry.watch_names(Some(name("/root/agents")), port(&listener)).await.unwrap();
        assert_eq!(now, [(name("/root/agents/early"), child.any.clone())]);

        registry.register("/root/agents/a", &child.reference).await.unwrap();
        registry.register("/root/agents/a", &child.reference).await.unwrap();
        registry.register("/root/agents-2", &child.reference).await.unwrap();
        registry.unregister("/root/agents/early", &child.reference).await.unwrap();
        child.crash().await;
        child.restart();
        settle().await;
        child.kill().await;
        child.give_up();

        let (a, owner) = (name("/root/agents/a"), child.any.clone());
        let expected = [
            Change::Registered { name: a.clone(), owner: owner.clone() },
            Change::Unregistered {
                name: name("/root/agents/early"),
                owner: owner.clone(),
                gone: None,
            },
            Change::Restarted { name: a.clone(), incarnation: Incarnation(2) },
            Change::Unregistered { name: a, owner, gone: Some(ExitReason::Shutdown) },
        ];
        assert_eq!(heard(&listener).await, expected);
    });
}

#[test]
fn a_change_is_in_the_registry_when_its_event_arrives() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let child = echo(&node, "/root/a");
        let listener = spawn(&node, "listener", Listener::default()).unwrap();
        registry.watch(Watched::Names, port(&listener)).await.unwrap();
        let asks = (0..300).map(|n| registry.register(format!("n{n}"), &child.reference));
        futures_util::future::join_all(asks).await.into_iter().for_each(|done| done.unwrap());
        let heard = heard(&listener).await;
        assert_eq!(heard.len(), 300);
        for (n, change) in heard.iter().enumerate() {
            assert!(
                matches!(change, Change::Registered { name, .. } if name.as_str() == format!("n{n}"))
            );
        }
    });
}

#[test]
fn asking_again_gives_the_same_subscription_and_no_event_twice() {
    virtually(|node| async move {
        let registry =
            Registry::spawn(&node, RegistryConfig { max_watchers: 1, ..RegistryConfig::default() })
                .unwrap();
        let child = echo(&node, "/root/a");
        let listener = spawn(&node, "listener", Listener::default()).unwrap();
        let first = registry.watch(Watched::Name(name("a")), port(&listener)).await.unwrap();
        let again = registry.watch(Watched::Name(name("a")), port(&listener)).await.unwrap();
        assert_eq!(first, again);
        let error =
            registry.watch(Watched::Names, port(&listener)).await.expect_err("one is the limit");
        assert_eq!(error, WatchError::TooMany { max: 1 });
        registry.register("a", &child.reference).await.unwrap();
        registry.register("b", &child.reference).await.unwrap();
        assert_eq!(heard(&listener).await.len(), 1);
        listener.any().stop(ExitReason::Normal);
        settle().await;
        assert_eq!(
            registry.unwatch(first).await,
            Err(WatchError::NoSuchSubscription),
            "ended with its watcher"
        );
    });
}

#[test]
fn a_watcher_with_a_full_mailbox_gets_all_of_a_short_backlog_and_a_resync_after_a_long_one() {
    virtually(|node| async move {
        let config = RegistryConfig { watch_backlog: 10, ..RegistryConfig::default() };
        let registry = Registry::spawn(&node, config).unwrap();
        let child = echo(&node, "/root/a");
        let blueprint = Blueprint::actor(Listener::default).mailbox(MailboxSpec::bounded(4));
        let slow: Child<Listener> = Child::start(&node, "/root/slow", &blueprint);
        registry.watch(Watched::Names, port(&slow.reference)).await.unwrap();

        slow.any.suspend();
        settle().await;
        for n in 0..8 {
            registry.register(format!("short/{n}"), &child.reference).await.unwrap();
        }
        slow.any.resume();
        let events = heard(&slow.reference).await;
        assert_eq!(events.len(), 8);
        assert!(!events.contains(&Change::Resync));

        slow.any.suspend();
        settle().await;
        for n in 0..100 {
            registry.register(format!("long/{n}"), &child.reference).await.unwrap();
        }
        slow.any.resume();
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let events = heard(&slow.reference).await;
        assert!(events.len() < 20, "{}", events.len());
        assert_eq!(events.last(), Some(&Change::Resync));
        assert_eq!(events.iter().filter(|event| **event == Change::Resync).count(), 1);
        registry.register("after", &child.reference).await.unwrap();
        assert_eq!(heard(&slow.reference).await.len(), 1, "and goes on");
    });
}

#[test]
fn subscriptions_outlive_a_crash_of_the_registry() {
    virtually(|node| async move {
        let registry = Registry::new(RegistryConfig::default());
        let actor: Child<RegistryActor> =
            Child::start(&node, "/root/registry", &registry.blueprint());
        let child = echo(&node, "/root/a");
        let listener = spawn(&node, "listener", Listener::default()).unwrap();
        registry.watch(Watched::Names, port(&listener)).await.unwrap();
        registry.register("a", &child.reference).await.unwrap();
        actor.crash().await;
        child.give_up();
        actor.restart();
        let events = heard(&listener).await;
        assert_eq!(events.len(), 3, "{events:?}");
        assert!(matches!(events[0], Change::Registered { .. }));
        assert_eq!(events[1], Change::Resync);
        assert!(matches!(events[2], Change::Unregistered { .. }));
    });
}
