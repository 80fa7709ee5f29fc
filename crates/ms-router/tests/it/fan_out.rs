//! One message to many: nobody hangs it, nobody hides another.

use crate::common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Keyed, Number, pool, settle, virtually, worker};
use ms_core::ExitReason;
use ms_router::{All, AnyOk, First, Fold, NotOk, Quorum, RouteError, Router, RouterConfig};
use tokio::time::Instant;

const ASK: Number = Number { refused_by: 99 };

/// S2.4-12, S2.4-16, S2.4-17
#[test]
fn a_published_message_reaches_each_handler_once() {
    virtually(|node| async move {
        let router = Router::spawn(&node, "router", RouterConfig::default()).unwrap();
        assert!(
            matches!(router.publish(Keyed(1)), Err(RouteError::NoHandler { message }) if message.ends_with("Keyed"))
        );
        let (a, handled_by_a) = worker(&node, 1, 0, 8);
        let (b, handled_by_b) = worker(&node, 2, 0, 8);
        let first = router.add_route::<Keyed>(a.reference.port()).await.unwrap();
        assert_eq!(
            router.add_route::<Keyed>(a.reference.port()).await.unwrap(),
            first,
            "one route an actor"
        );
        router.add_route::<Keyed>(b.reference.port()).await.unwrap();
        let deliveries = router.publish(Keyed(1)).unwrap();
        let paths: Vec<_> = deliveries.iter().map(|delivery| delivery.path.as_str()).collect();
        assert_eq!(paths, ["/root/workers/w1", "/root/workers/w2"]);
        assert!(deliveries.iter().all(|delivery| delivery.result.is_ok()));
        settle().await;
        assert_eq!(
            (handled_by_a.load(Ordering::Relaxed), handled_by_b.load(Ordering::Relaxed)),
            (1, 1)
        );
        router.remove(first).await.unwrap();
        assert!(router.remove(first).await.is_err());
        assert_eq!(router.publish(Keyed(1)).unwrap().len(), 1);
    });
}

/// S2.4-12, S2.4-16, S7.1-19
#[test]
fn a_full_or_dead_recipient_is_distinguished_from_the_others() {
    virtually(|node| async move {
        let router = Router::spawn(&node, "router", RouterConfig::default()).unwrap();
        let (full, _) = worker(&node, 1, 0, 1);
        let (fine, _) = worker(&node, 2, 0, 8);
        let (dead, _) = worker(&node, 3, 0, 8);
        for child in [&full, &fine, &dead] {
            router.add_route::<Keyed>(child.reference.port()).await.unwrap();
        }
        full.any.suspend();
        settle().await;
        full.reference.try_tell(Keyed(0)).unwrap();
        dead.give_up();
        let deliveries = router.publish(Keyed(1)).unwrap();
        assert_eq!(deliveries.len(), 2, "the dead is skipped at once");
        assert!(matches!(deliveries[0].result, Err(RouteError::MailboxFull { capacity: 1, .. })));
        assert!(deliveries[1].result.is_ok());
        settle().await;
        assert_eq!(router.handlers::<Keyed>().len(), 2, "and its route is dropped");
        let waited = router.within(Duration::from_secs(1)).publish_waiting(Keyed(2)).await.unwrap();
        assert!(matches!(waited[0].result, Err(RouteError::Timeout { .. })));
        assert!(waited[1].result.is_ok());
    });
}

/// S2.4-13, S2.4-14, S2.4-15, S2.4-16
#[test]
fn all_are_asked_at_once_and_a_hung_one_costs_its_deadline_only() {
    virtually(|node| async move {
        let (router, workers) = pool(&node, &[100, 100, 100]).await;
        let began = Instant::now();
        let answers = router.route(ASK).aggregate(All::new()).await.unwrap();
        assert_eq!(answers, [Ok(Ok(0)), Ok(Ok(1)), Ok(Ok(2))]);
        assert_eq!(began.elapsed().as_millis(), 100, "not 300");

        workers[0].any.inject(ms_actor::Fault::Hang);
        let crashing = tokio::task::spawn_local({
            let any = workers[1].any.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                any.kill();
            }
        });
        settle().await;
        let began = Instant::now();
        let answers = router
            .route(ASK)
            .aggregate(All::new())
            .within(Duration::from_millis(500))
            .await
            .unwrap();
        crashing.await.unwrap();
        assert!(matches!(answers[0], Err(RouteError::Timeout { .. })), "{answers:?}");
        assert!(
            matches!(&answers[1], Err(RouteError::HandlerGone { reason: ExitReason::Killed, .. })),
            "{answers:?}"
        );
        assert_eq!(answers[2], Ok(Ok(2)));
        assert_eq!(began.elapsed().as_millis(), 500);
    });
}

/// S2.4-13, S2.4-15, S2.4-16
#[test]
fn the_first_answer_ends_the_route_and_lets_the_others_go() {
    virtually(|node| async move {
        let (router, workers) = pool(&node, &[300, 20, 300]).await;
        let began = Instant::now();
        assert_eq!(router.route(ASK).aggregate(First::new()).await.unwrap(), Ok(1));
        assert_eq!(began.elapsed().as_millis(), 20);
        workers.iter().for_each(|child| child.give_up());
        assert!(matches!(
            router.route(ASK).aggregate(First::new()).await,
            Err(RouteError::NoHandler { .. })
        ));
    });
}

#[test]
fn the_first_answer_wins_over_failures_and_all_failures_are_listed() {
    virtually(|node| async move {
        let (router, workers) = pool(&node, &[10, 50]).await;
        workers[0].any.inject(ms_actor::Fault::Hang);
        settle().await;
        let quick = Duration::from_millis(100);
        assert_eq!(router.route(ASK).aggregate(First::new()).within(quick).await.unwrap(), Ok(1));
        workers[1].any.inject(ms_actor::Fault::Hang);
        settle().await;
        let error =
            router.route(ASK).aggregate(First::new()).within(quick).await.expect_err("both hang");
        assert!(
            matches!(&error, RouteError::NoAnswer { failures, .. } if failures.len() == 2),
            "{error}"
        );
    });
}

/// S2.4-15
#[test]
fn any_ok_waits_for_a_success_and_otherwise_shows_every_refusal() {
    virtually(|node| async move {
        let (router, _workers) = pool(&node, &[10, 50]).await;
        let answer = router.route(Number { refused_by: 0 }).aggregate(AnyOk::new()).await.unwrap();
        assert_eq!(answer, Ok(1), "the first to answer refused");
        let (router, _workers) = {
            let router = Router::spawn(&node, "lone", RouterConfig::default()).unwrap();
            let (child, _) = worker(&node, 7, 0, 8);
            router.add_route::<Number>(child.reference.port()).await.unwrap();
            (router, child)
        };
        let answer = router.route(Number { refused_by: 7 }).aggregate(AnyOk::new()).await.unwrap();
        assert_eq!(answer, Err(vec![NotOk::Refused("7 refuses".to_owned())]));
    });
}

/// S2.4-15
#[test]
fn a_quorum_is_equal_answers_and_ends_early_either_way() {
    virtually(|node| async move {
        let router = Router::spawn(&node, "router", RouterConfig::default()).unwrap();
        let mut workers = Vec::new();
        // Three replicas answer 5, one of them late; one disagrees.
        for (path, (number, delay)) in
            [(5, 10), (6, 20), (5, 30), (5, 10_000)].into_iter().enumerate()
        {
            let (child, _) = worker(&node, number, delay, 8);
            // Equal paths would be equal members of a ring; here they do not matter.
            assert!(path < 4);
            router.add_route::<Number>(child.reference.port()).await.unwrap();
            workers.push(child);
        }
        let began = Instant::now();
        assert_eq!(router.route(ASK).aggregate(Quorum::of(2)).await.unwrap(), Ok(5));
        assert_eq!(began.elapsed().as_millis(), 30, "without waiting for the last");
        workers.pop().unwrap().give_up();
        let error = router.route(ASK).aggregate(Quorum::of(3)).await.expect_err("two agree");
        assert!(
            matches!(error, RouteError::QuorumNotReached { needed: 3, agreed: 1, asked: 3, .. }),
            "{error}"
        );
    });
}

/// S2.4-15
#[test]
fn a_fold_takes_every_answer_as_it_comes() {
    virtually(|node| async move {
        let (router, _workers) = pool(&node, &[30, 10, 20]).await;
        let collect = Fold::new(
            Vec::new(),
            |mut so_far: Vec<u32>, answer: Result<Result<u32, String>, RouteError>| {
                so_far.extend(answer.ok().and_then(Result::ok));
                so_far
            },
        );
        assert_eq!(router.route(ASK).aggregate(collect).await.unwrap(), [1, 2, 0]);
    });
}
