//! Circuit breakers in the tree and as a layer, in virtual time.
#![allow(clippy::unwrap_used, reason = "tests say what is wrong by failing")]

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{World, pass, virtually};
use ms_core::view::EventKind;
use ms_resilience::{
    BreakerActor, BreakerLayer, BreakerSpec, BreakerState, BreakerStatus, CallError,
    CircuitBreaker, CircuitOpen, GetBreaker,
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::common;

const SPEC: BreakerSpec = BreakerSpec {
    failure_threshold: 2,
    success_threshold: 1,
    timeout: Duration::from_secs(10),
    half_open_max: 1,
};
const CALL_DEADLINE: Duration = Duration::from_millis(500);

async fn breaker(world: &World) -> (ms_actor::Ref<BreakerActor>, CircuitBreaker) {
    let actor = world.add::<BreakerActor>("breaker", CircuitBreaker::in_tree(SPEC).1).await;
    (actor.clone(), CircuitBreaker::new(actor))
}

async fn status(actor: &ms_actor::Ref<BreakerActor>) -> BreakerStatus {
    actor.ask(GetBreaker).await.unwrap()
}

async fn fail(breaker: &CircuitBreaker) -> CallError<&'static str> {
    breaker.call(CALL_DEADLINE, async { Err::<(), _>("broken") }).await.unwrap_err()
}

/// S9.2-01: closed, open, half-open, closed; each move is an event.
#[test]
fn a_breaker_opens_refuses_tries_and_closes() {
    virtually(async |world| {
        let (actor, breaker) = breaker(&world).await;
        assert!(matches!(fail(&breaker).await, CallError::Failed("broken")));
        assert!(matches!(fail(&breaker).await, CallError::Failed("broken")));
        let CallError::Open(CircuitOpen { retry_after }) = fail(&breaker).await else {
            panic!("the circuit is open")
        };
        assert!(retry_after > Duration::from_secs(9));
        let wanted = BreakerStatus { state: BreakerState::Open, opened: 1, refused: 1 };
        assert_eq!(status(&actor).await, wanted);
        pass(10_001).await;
        assert_eq!(breaker.call(CALL_DEADLINE, async { Ok::<_, ()>(7) }).await.unwrap(), 7);
        assert_eq!(status(&actor).await.state, BreakerState::Closed);
        let topics: Vec<String> = world
            .node
            .events()
            .kept()
            .into_iter()
            .filter_map(|event| match event.kind {
                EventKind::Noted { topic, .. } => Some(topic),
                _ => None,
            })
            .collect();
        assert_eq!(topics, ["circuit_opened", "circuit_half_open", "circuit_closed"]);
    });
}

/// S9.1-04: each call has a deadline, and missing it is a failure.
#[test]
fn a_call_that_takes_too_long_is_given_up_and_counts() {
    virtually(async |world| {
        let (actor, breaker) = breaker(&world).await;
        for _ in 0..2 {
            let error = breaker.call(CALL_DEADLINE, pending::<Result<(), ()>>()).await.unwrap_err();
            assert!(matches!(error, CallError::TimedOut { within: CALL_DEADLINE }));
        }
        assert_eq!(status(&actor).await.state, BreakerState::Open);
    });
}

/// S9.2-01: a try while half-open that is cancelled frees its slot.
#[test]
fn a_dropped_call_frees_its_slot() {
    virtually(async |world| {
        let (actor, breaker) = breaker(&world).await;
        fail(&breaker).await;
        fail(&breaker).await;
        pass(10_001).await;
        let hung = breaker.call(Duration::from_secs(9), pending::<Result<(), ()>>());
        let cut = tokio::time::timeout(Duration::from_millis(10), async {
            tokio::pin!(hung);
            hung.await
        });
        assert!(cut.await.is_err(), "given up by its caller");
        assert_eq!(status(&actor).await.state, BreakerState::HalfOpen);
        assert!(
            breaker.call(CALL_DEADLINE, async { Ok::<_, ()>(()) }).await.is_ok(),
            "the slot is free"
        );
        assert_eq!(status(&actor).await.state, BreakerState::Closed);
    });
}

#[test]
fn without_its_actor_no_call_is_made() {
    virtually(async |world| {
        let (actor, breaker) = breaker(&world).await;
        world.root.any().stop(ms_core::ExitReason::Shutdown);
        world.root.ended().await;
        drop(actor);
        let made = AtomicU32::new(0);
        let work = async {
            made.fetch_add(1, Ordering::Relaxed);
            Ok::<_, ()>(())
        };
        assert!(matches!(breaker.call(CALL_DEADLINE, work).await, Err(CallError::NoBreaker(_))));
        assert_eq!(made.load(Ordering::Relaxed), 0);
    });
}

/// S9.2-01: the same as a tower layer; an open circuit does not reach the service.
#[test]
fn the_layer_keeps_calls_from_a_service_that_is_down() {
    virtually(async |world| {
        let (_, breaker) = breaker(&world).await;
        let reached = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&reached);
        let service = service_fn(move |n: u32| {
            counter.fetch_add(1, Ordering::Relaxed);
            async move { if n == 0 { Err("zero") } else { Ok(n) } }
        });
        let mut service = BreakerLayer::new(breaker, CALL_DEADLINE).layer(service);
        assert_eq!(service.ready().await.unwrap().call(3).await.unwrap(), 3);
        for _ in 0..2 {
            assert!(service.ready().await.unwrap().call(0).await.is_err());
        }
        let error = service.ready().await.unwrap().call(3).await.unwrap_err();
        assert!(matches!(error, CallError::Open(_)));
        assert_eq!(reached.load(Ordering::Relaxed), 3);
    });
}

/// A service that is well but slower than the breaker's own timeout: never more tries at one
/// time than permitted, and the first that goes well closes the circuit.
#[test]
fn rs1_a_slow_service_that_is_well_closes_the_circuit() {
    virtually(async |world| {
        let spec = BreakerSpec { timeout: Duration::from_millis(50), ..SPEC };
        let actor = world.add::<BreakerActor>("breaker", CircuitBreaker::in_tree(spec).1).await;
        let breaker = CircuitBreaker::new(actor.clone());
        fail(&breaker).await;
        fail(&breaker).await;
        pass(60).await;
        let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let mut calls = Vec::new();
        for _ in 0..40 {
            let (breaker, now, most) = (breaker.clone(), Arc::clone(&now), Arc::clone(&most));
            calls.push(actix::spawn(async move {
                let work = async {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    pass(200).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok::<_, ()>(())
                };
                breaker.call(Duration::from_secs(5), work).await.is_ok()
            }));
            pass(10).await;
            if status(&actor).await.state == BreakerState::Closed {
                break;
            }
        }
        assert_eq!(status(&actor).await.state, BreakerState::Closed);
        assert_eq!(most.load(Ordering::SeqCst), 1, "half_open_max is 1");
        assert!(calls.remove(0).await.unwrap(), "the first was let through");
    });
}

/// A caller that gives up at any moment of its way, also while the answer is on its way to it.
#[test]
fn rs2_a_call_given_up_while_it_is_let_through_frees_its_slot() {
    virtually(async |world| {
        let (actor, breaker) = breaker(&world).await;
        for steps in 0..20 {
            while status(&actor).await.state != BreakerState::Open {
                fail(&breaker).await;
            }
            pass(10_001).await;
            let mut call =
                Box::pin(breaker.call(Duration::from_secs(9), pending::<Result<(), ()>>()));
            let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx)));
            assert!(polled.await.is_pending());
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
            drop(call);
            let next = breaker.call(CALL_DEADLINE, async { Ok::<_, ()>(()) }).await;
            assert!(next.is_ok(), "given up after {steps} steps: {next:?}");
        }
    });
}

/// "No limit" is one: a call within `Duration::MAX`.
#[test]
fn x33_no_limit_is_no_fault_for_a_breaker() {
    virtually(async |world| {
        let (actor, breaker) = breaker(&world).await;
        fail(&breaker).await;
        fail(&breaker).await;
        pass(10_001).await;
        assert!(breaker.call(Duration::MAX, async { Ok::<_, ()>(()) }).await.is_ok());
        assert_eq!(status(&actor).await.state, BreakerState::Closed);
    });
}
