//! Names: unique, typed, alive over restarts, gone with their owner.

use crate::common;

use std::time::Duration;

use common::{Child, Echo, Other, Which, echo, settle, virtually};
use ms_actor::{Blueprint, Context, Node, NodeConfig, spawn};
use ms_core::view::Lifecycle;
use ms_core::{ExitReason, Incarnation};
use ms_registry::{
    LookupError, NameError, RegisterError, Registry, RegistryActor, RegistryConfig, Unavailable,
};

/// OTP: registered_names:unique, gen_server_SUITE:start
/// S1.1-02, S2.1-01
#[test]
fn a_name_is_unique_and_the_refusal_names_its_holder() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let (first, second) = (echo(&node, "/root/a"), echo(&node, "/root/b"));
        registry.register("services/mailer", &first.reference).await.unwrap();
        registry
            .register("services/mailer", &first.reference)
            .await
            .expect("again by the same actor");
        let error =
            registry.register("services/mailer", &second.reference).await.expect_err("held");
        assert!(
            matches!(&error, RegisterError::AlreadyRegistered { holder, .. } if holder.as_str() == "/root/a")
        );
        let error = registry
            .unregister("services/mailer", &second.reference)
            .await
            .expect_err("not its own");
        assert!(matches!(error, RegisterError::AlreadyRegistered { .. }));
        registry.unregister("services/mailer", &first.reference).await.unwrap();
        registry.register("services/mailer", &second.reference).await.unwrap();
        assert_eq!(registry.lookup::<Echo>("services/mailer").unwrap(), second.reference);
    });
}

/// OTP: registered_names:one_name_each
#[test]
fn one_actor_may_have_many_names_and_a_path_is_a_name() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let child = echo(&node, "/root/agents/crawler-3");
        registry.register(child.any.path(), &child.reference).await.unwrap();
        registry.register("crawlers/spare", &child.reference).await.unwrap();
        let below: Vec<_> =
            registry.names("/root/agents").into_iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(below, ["/root/agents/crawler-3"]);
        assert_eq!(registry.names("/root/agent"), []);
        assert_eq!(registry.len(), 2);
        child.give_up();
        settle().await;
        assert!(registry.is_empty());
    });
}

#[test]
fn a_failed_lookup_says_what_was_meant_or_what_was_found() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let child = echo(&node, "/root/a");
        registry.register("services/mailer", &child.reference).await.unwrap();
        let Err(LookupError::NotFound(missing)) = registry.lookup::<Echo>("services/maler") else {
            panic!()
        };
        assert_eq!(missing.nearest().unwrap().as_str(), "services/mailer");
        let error = registry.lookup::<Other>("services/mailer").expect_err("an Echo");
        let LookupError::WrongType { expected, found, .. } = error else { panic!() };
        assert!(expected.ends_with("Other") && found.ends_with("Echo"));
        assert!(registry.whereis("services/mailer").is_some());
    });
}

/// OTP: monitor_SUITE:named_down
/// S2.4-18
#[test]
fn an_entry_follows_restarts_and_vanishes_when_its_owner_is_gone_for_good() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let child = echo(&node, "/root/a");
        registry.register("echo", &child.reference).await.unwrap();
        assert_eq!(registry.find("echo").unwrap().incarnation, Some(Incarnation(1)));

        child.crash().await;
        settle().await;
        let found = registry.find("echo").expect("kept while its owner is restarted");
        assert_eq!(found.incarnation, None, "and flagged");
        let held = registry.lookup::<Echo>("echo").unwrap();
        let answer = tokio::task::spawn_local(async move { held.ask(Which).await });
        settle().await;
        child.restart();
        assert_eq!(answer.await.unwrap().unwrap(), 2, "mail waits for the next incarnation");
        assert_eq!(registry.find("echo").unwrap().incarnation, Some(Incarnation(2)));

        child.kill().await;
        child.give_up();
        assert!(registry.whereis("echo").is_none(), "at once, before the registry has heard");
        settle().await;
        assert!(registry.is_empty());
        let other = echo(&node, "/root/b");
        registry.register("echo", &other.reference).await.unwrap();
    });
}

/// OTP: registered_names:freed_on_exit
#[test]
fn an_unsupervised_owner_takes_its_names_along() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let lone = spawn(&node, "lone", Echo).unwrap();
        registry.register("lone", &lone).await.unwrap();
        lone.any().stop(ExitReason::Normal);
        settle().await;
        assert!(registry.whereis("lone").is_none() && registry.is_empty());

        let dropped = spawn(&node, "dropped", Echo).unwrap();
        registry.register("dropped", &dropped).await.unwrap();
        drop(dropped);
        settle().await;
        assert!(registry.is_empty(), "a name does not keep an actor alive");
    });
}

/// OTP: registered_names:dead_cannot_register
#[test]
fn a_dead_holder_does_not_block_its_name_and_the_dead_cannot_register() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let (first, second) = (echo(&node, "/root/a"), echo(&node, "/root/b"));
        registry.register("x", &first.reference).await.unwrap();
        // The change is in the registry's mailbox before the news of the end are.
        let registry_actor = registry.clone();
        let (result, ()) = tokio::join!(registry_actor.register("x", &second.reference), async {
            first.give_up()
        });
        result.unwrap();
        settle().await;
        assert_eq!(registry.whereis("x"), Some(second.any.clone()));
        let error = registry.register("y", &first.reference).await.expect_err("gone");
        assert!(matches!(error, RegisterError::OwnerGone { .. }));
    });
}

#[test]
fn everything_has_a_limit() {
    virtually(|node| async move {
        let config =
            RegistryConfig { max_entries: 2, max_name_bytes: 8, ..RegistryConfig::default() };
        let registry = Registry::spawn(&node, config).unwrap();
        let child = echo(&node, "/root/a");
        registry.register("a", &child.reference).await.unwrap();
        registry.join("g", &child.reference).await.unwrap();
        let error = registry.register("b", &child.reference).await.expect_err("full");
        assert_eq!(error, RegisterError::Full { max: 2 });
        let error = registry.register("much-too-long", &child.reference).await.expect_err("long");
        assert_eq!(error, RegisterError::Name(NameError::TooLong { bytes: 13, max: 8 }));
        assert!(matches!(
            registry.register("..", &child.reference).await,
            Err(RegisterError::Name(_))
        ));
        registry.unregister("a", &child.reference).await.unwrap();
        registry.register("b", &child.reference).await.unwrap();
    });
}

/// OTP: pg_SUITE:scope_restart
#[test]
fn a_registry_that_crashes_forgets_nothing_and_hears_of_ends_it_missed() {
    virtually(|node| async move {
        let registry = Registry::new(RegistryConfig::default());
        let child = echo(&node, "/root/a");
        let error = registry.register("a", &child.reference).await.expect_err("nobody there");
        assert!(matches!(error, RegisterError::Unavailable(Unavailable::NotStarted { .. })));

        let actor: Child<RegistryActor> =
            Child::start(&node, "/root/registry", &registry.blueprint());
        let (stays, goes) = (echo(&node, "/root/b"), echo(&node, "/root/c"));
        registry.register("a", &child.reference).await.unwrap();
        registry.register("b", &stays.reference).await.unwrap();
        registry.register("c", &goes.reference).await.unwrap();
        registry.join("g", &stays.reference).await.unwrap();

        actor.crash().await;
        assert_eq!(registry.lookup::<Echo>("b").unwrap(), stays.reference, "readers do not notice");
        goes.give_up();
        actor.restart();
        settle().await;
        assert_eq!(registry.names("").len(), 2);
        assert_eq!(registry.members::<Echo>("g"), std::slice::from_ref(&stays.reference));
        registry.leave("g", &stays.reference).await.expect("the index was made again");

        actor.crash().await;
        let error =
            registry.within(Duration::from_millis(50)).register("d", &child.reference).await;
        assert!(matches!(error, Err(RegisterError::Unavailable(Unavailable::TimedOut { .. }))));
        actor.restart();
        settle().await;
        stays.give_up();
        settle().await;
        assert_eq!(registry.names("").len(), 1, "owners are followed by the new incarnation");
    });
}

/// Registers itself in its init: as named processes do in OTP.
struct SelfMade(Registry);

impl actix::Actor for SelfMade {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        use actix::{ActorFutureExt, AsyncContext, WrapFuture};
        let (registry, me) = (self.0.clone(), ctx.me());
        let registered = async move { registry.register("self-made", &me).await };
        ctx.wait(registered.into_actor(self).map(|done, _, ctx| {
            if let Err(error) = done {
                ctx.fail(error);
            }
        }));
    }
}

#[test]
fn an_actor_may_register_itself_in_its_init_over_all_its_restarts() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let inside = registry.clone();
        let blueprint = Blueprint::actor(move || SelfMade(inside.clone()));
        let child: Child<SelfMade> = Child::start(&node, "/root/self-made", &blueprint);
        settle().await;
        for restart in 2..5 {
            child.crash().await;
            child.restart();
            settle().await;
            assert_eq!(registry.find("self-made").unwrap().incarnation, Some(Incarnation(restart)));
        }
    });
}

#[test]
fn an_answer_means_that_every_thread_sees_the_change() {
    actix::System::new().block_on(async {
        let node =
            Node::boot(NodeConfig { arbiters: 2, quiet_panics: true, ..NodeConfig::default() })
                .unwrap();
        let registry = Registry::new(RegistryConfig::default());
        let actor: Child<RegistryActor> =
            Child::start(&node, "/root/registry", &registry.blueprint());
        while actor.any.lifecycle() != Lifecycle::Running {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (registry, node) = (registry.clone(), node.clone());
                std::thread::spawn(move || {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(async {
                        for round in 0..300 {
                            let child = echo(&node, &format!("/root/t{thread}-{round}"));
                            let name = format!("t{thread}/{round}");
                            registry.register(&name, &child.reference).await.unwrap();
                            assert_eq!(registry.lookup::<Echo>(&name).unwrap(), child.reference);
                            // All compete for one name: at most one has it.
                            let won = registry.register("one", &child.reference).await.is_ok();
                            assert!(!won || registry.whereis("one") == Some(child.any.clone()));
                            child.kill().await;
                            child.give_up();
                            assert!(registry.whereis(&name).is_none());
                        }
                    });
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let until = std::time::Instant::now() + Duration::from_secs(5);
        while !registry.is_empty() && std::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(registry.is_empty());
        node.halt(Duration::from_secs(1));
    });
}
