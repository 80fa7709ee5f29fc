//! One handler out of many, and what happens when it cannot.

use crate::common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::{Child, Keyed, pool, settle, virtually, worker};
use ms_actor::{Node, NodeConfig};
use ms_router::{
    FailOver, RouteError, RouteStrategy, Router, RouterActor, RouterConfig, RouterError,
};

#[allow(clippy::unwrap_used, reason = "a test's own helper")]
async fn ask(router: &Router, key: u64) -> u32 {
    router.ask_one(Keyed(key)).await.unwrap()
}

#[test]
fn round_robin_takes_turns_and_passes_over_those_that_are_down() {
    virtually(|node| async move {
        let (router, workers) = pool(&node, &[0, 0, 0]).await;
        settle().await;
        let mut turns = Vec::new();
        for _ in 0..6 {
            turns.push(ask(&router, 0).await);
        }
        assert_eq!(turns, [0, 1, 2, 0, 1, 2]);
        workers[1].crash().await;
        let mut turns = BTreeSet::new();
        for _ in 0..6 {
            turns.insert(ask(&router, 0).await);
        }
        assert_eq!(turns, BTreeSet::from([0, 2]));
        workers[1].restart();
        settle().await;
        let mut turns = BTreeSet::new();
        for _ in 0..6 {
            turns.insert(ask(&router, 0).await);
        }
        assert_eq!(turns.len(), 3, "its route has followed the restart");
    });
}

#[test]
fn when_all_are_down_the_message_waits_for_a_restart() {
    virtually(|node| async move {
        let (router, workers) = pool(&node, &[0]).await;
        workers[0].crash().await;
        let asker = router.clone();
        let answer = tokio::task::spawn_local(async move { asker.ask_one(Keyed(1)).await });
        settle().await;
        workers[0].restart();
        assert_eq!(answer.await.unwrap().unwrap(), 0);
        workers[0].give_up();
        let error = router.ask_one(Keyed(7)).await.expect_err("nobody left");
        assert!(matches!(error.error, RouteError::NoHandler { .. }));
        assert_eq!(error.message.unwrap().0, 7, "the message comes back");
    });
}

#[test]
fn the_least_loaded_has_the_shortest_mailbox() {
    virtually(|node| async move {
        let (router, workers) = pool(&node, &[0, 0, 0]).await;
        router.balance::<Keyed>(RouteStrategy::LeastLoaded, FailOver::default()).await.unwrap();
        // Blocked, not suspended: to the router they serve.
        for (child, backlog) in workers.iter().zip([3, 1, 2]) {
            child.any.inject(ms_actor::Fault::Hang);
            settle().await;
            (0..backlog).for_each(|_| child.reference.try_tell(Keyed(0)).unwrap());
        }
        for _ in 0..3 {
            router.send_one(Keyed(1)).unwrap();
        }
        let depths: Vec<_> = workers.iter().map(|child| child.any.depth().unwrap()).collect();
        assert_eq!(depths, [3, 3, 3]);
    });
}

#[test]
fn a_key_stays_with_its_handler_over_restarts_and_moves_only_when_that_is_gone() {
    virtually(|node| async move {
        let (router, workers) = pool(&node, &[0; 5]).await;
        let by_key = RouteStrategy::consistent_hash(|message: &Keyed| message.0);
        router.balance(by_key, FailOver::Never).await.unwrap();
        let mut before = BTreeMap::new();
        for key in 0..200 {
            before.insert(key, ask(&router, key).await);
        }
        workers[2].crash().await;
        workers[2].restart();
        for (&key, &owner) in &before {
            assert_eq!(ask(&router, key).await, owner);
        }
        workers[2].give_up();
        // At once in the sender, and the same when the router has heard of it.
        for _ in 0..2 {
            for (&key, &owner) in &before {
                let now = ask(&router, key).await;
                assert!(now == owner || owner == 2, "key {key} moved from {owner} to {now}");
                assert_ne!(now, 2);
            }
            settle().await;
        }
    });
}

#[test]
fn a_full_handler_is_failed_over_as_often_as_permitted() {
    virtually(|node| async move {
        let router = Router::spawn(&node, "router", RouterConfig::default()).unwrap();
        let workers: Vec<_> = (0..3).map(|number| worker(&node, number, 0, 1).0).collect();
        let ports = workers.iter().map(|child| child.reference.port()).collect();
        router.add_routes::<Keyed>(ports).await.unwrap();
        for child in &workers[..2] {
            child.any.inject(ms_actor::Fault::Hang);
            settle().await;
            child.reference.try_tell(Keyed(0)).unwrap();
        }
        router.balance::<Keyed>(RouteStrategy::RoundRobin, FailOver::Next(2)).await.unwrap();
        for _ in 0..3 {
            assert_eq!(ask(&router, 0).await, 2);
        }
        router.balance::<Keyed>(RouteStrategy::RoundRobin, FailOver::Never).await.unwrap();
        let error = router.send_one(Keyed(9)).expect_err("the first is full");
        assert!(matches!(error.error, RouteError::MailboxFull { .. }));
        assert_eq!(error.message.unwrap().0, 9);
        let error = router
            .within(Duration::from_millis(20))
            .ask_one(Keyed(9))
            .await
            .expect_err("so is the second");
        assert!(
            matches!(error.error, RouteError::Timeout { .. }),
            "an ask waits for room: {error}"
        );
    });
}

#[test]
fn chance_is_injected() {
    virtually(|node| async move {
        let (router, _workers) = pool(&node, &[0; 4]).await;
        let mut runs = Vec::new();
        for _ in 0..2 {
            router.balance::<Keyed>(RouteStrategy::random(42), FailOver::default()).await.unwrap();
            let mut run = Vec::new();
            for _ in 0..20 {
                run.push(ask(&router, 0).await);
            }
            runs.push(run);
        }
        assert_eq!(runs[0], runs[1]);
        router
            .balance::<Keyed>(RouteStrategy::random_with(|| 7), FailOver::default())
            .await
            .unwrap();
        assert_eq!(ask(&router, 0).await, 3);
    });
}

#[test]
fn a_router_that_crashes_forgets_no_route_and_hears_of_ends_it_missed() {
    virtually(|node| async move {
        let router = Router::new(RouterConfig { max_routes: 2 });
        let (a, _) = worker(&node, 1, 0, 8);
        let (b, _) = worker(&node, 2, 0, 8);
        let (c, _) = worker(&node, 3, 0, 8);
        assert_eq!(
            router.add_route::<Keyed>(a.reference.port()).await,
            Err(RouterError::NotStarted)
        );
        let actor: Child<RouterActor> = Child::start(&node, "/root/router", &router.blueprint());
        router.add_routes::<Keyed>(vec![a.reference.port(), b.reference.port()]).await.unwrap();
        let error =
            router.add_route::<Keyed>(c.reference.port()).await.expect_err("two are the limit");
        assert!(matches!(error, RouterError::TooManyRoutes { max: 2, .. }));
        actor.crash().await;
        b.give_up();
        assert_eq!(ask(&router, 0).await, 1, "routing needs no router actor");
        actor.restart();
        settle().await;
        assert_eq!(router.handlers::<Keyed>().len(), 1);
        router.add_route::<Keyed>(c.reference.port()).await.expect("there is room again");
        let error = router.add_route::<Keyed>(b.reference.port()).await.expect_err("gone");
        assert!(matches!(error, RouterError::HandlerGone { .. }));
    });
}

#[test]
fn senders_on_many_threads_lose_nothing_while_routes_come_and_go() {
    actix::System::new().block_on(async {
        let node =
            Node::boot(NodeConfig { arbiters: 2, quiet_panics: true, ..NodeConfig::default() })
                .unwrap();
        let router = Router::spawn(&node, "router", RouterConfig::default()).unwrap();
        let (steady, _) = worker(&node, 0, 0, 4096);
        router.add_route::<Keyed>(steady.reference.port()).await.unwrap();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let router = router.clone();
                std::thread::spawn(move || {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(async {
                        let mut answered = 0;
                        for key in 0..500 {
                            match router.ask_one(Keyed(key)).await {
                                Ok(_) => answered += 1,
                                // Killed after it had the message: at most once is kept.
                                Err(error) => assert!(
                                    matches!(error.error, RouteError::HandlerGone { .. })
                                        && error.message.is_none(),
                                    "{error}"
                                ),
                            }
                        }
                        answered
                    })
                })
            })
            .collect();
        for number in 1..40 {
            let (child, _) = worker(&node, number, 0, 64);
            let route = router.add_route::<Keyed>(child.reference.port()).await.unwrap();
            if number % 2 == 0 {
                child.kill().await;
                child.give_up();
            } else {
                router.remove(route).await.unwrap();
            }
        }
        while threads.iter().any(|thread| !thread.is_finished()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let answered: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!(answered > 900, "{answered}");
        node.halt(Duration::from_secs(1));
    });
}
