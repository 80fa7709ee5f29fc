//! Contracts check their input, always; modules turn their errors into system errors.

use crate::common;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::Message;
use common::{Child, settle, virtually};
use ms_actor::{AskError, AskFailure, Blueprint, spawn};
use ms_core::ExitReason;
use ms_router::{
    Contract, ContractActor, ContractError, Invalid, Invoke, Module, ModuleActor, ModuleHandler,
    Router, RouterConfig, SystemError, Validated,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    pieces: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("out of stock")]
struct OutOfStock;

struct Shop {
    stock: u32,
    executed: Arc<AtomicU32>,
}

impl Contract for Shop {
    type Input = Order;
    type Output = u32;
    type Error = OutOfStock;

    fn validate(&self, order: &Order) -> Result<(), Invalid> {
        match order.pieces {
            0 => Err(Invalid::new("pieces", "must be at least 1")),
            _ => Ok(()),
        }
    }

    async fn execute(&self, order: Validated<Self>) -> Result<u32, OutOfStock> {
        self.executed.fetch_add(1, Ordering::Relaxed);
        if order.pieces == 13 {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        self.stock.checked_sub(order.into_inner().pieces).ok_or(OutOfStock)
    }
}

/// S2.3-07, S2.3-08
#[test]
fn an_invalid_input_is_refused_and_nothing_is_carried_out() {
    virtually(|node| async move {
        let executed = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&executed);
        let blueprint = Blueprint::actor(move || {
            ContractActor::new(Shop { stock: 5, executed: Arc::clone(&counter) })
        });
        let shop: Child<ContractActor<Shop>> = Child::start(&node, "/root/shop", &blueprint);
        let invoke = |pieces| shop.reference.ask(Invoke::<Shop>::new(Order { pieces }));
        let error = invoke(0).await.unwrap().expect_err("invalid");
        assert!(matches!(&error, ContractError::Invalid(invalid) if invalid.field == "pieces"));
        assert_eq!(executed.load(Ordering::Relaxed), 0);
        assert_eq!(invoke(2).await.unwrap().unwrap(), 3);
        assert!(matches!(invoke(9).await.unwrap(), Err(ContractError::Failed(OutOfStock))));
        assert_eq!(executed.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_contract_that_takes_too_long_ends_with_its_askers_deadline() {
    virtually(|node| async move {
        let blueprint =
            Blueprint::actor(|| ContractActor::new(Shop { stock: 50, executed: Arc::default() }));
        let shop: Child<ContractActor<Shop>> = Child::start(&node, "/root/shop", &blueprint);
        let slow = shop
            .reference
            .ask(Invoke::<Shop>::new(Order { pieces: 13 }))
            .within(Duration::from_secs(1));
        let outcome = slow.await;
        let late = matches!(
            outcome,
            Err(AskError { failure: AskFailure::TimedOut { .. }, .. })
                | Ok(Err(ContractError::TooLate { .. }))
        );
        assert!(late, "{outcome:?}");
        let next = shop
            .reference
            .ask(Invoke::<Shop>::new(Order { pieces: 1 }))
            .within(Duration::from_secs(1));
        assert_eq!(next.await.unwrap().unwrap(), 49, "the next one is served");
    });
}

/// S2.3-06
#[test]
fn inputs_survive_json_and_a_contract_can_stand_behind_a_route() {
    virtually(|node| async move {
        let order: Order = serde_json::from_str(r#"{"pieces":2}"#).unwrap();
        assert_eq!(serde_json::to_string(&order).unwrap(), r#"{"pieces":2}"#);
        let router = Router::spawn(&node, "router", RouterConfig::default()).unwrap();
        let blueprint =
            Blueprint::actor(|| ContractActor::new(Shop { stock: 5, executed: Arc::default() }));
        let shop: Child<ContractActor<Shop>> = Child::start(&node, "/root/shop", &blueprint);
        router.add_route::<Invoke<Shop>>(shop.reference.port()).await.unwrap();
        assert_eq!(router.ask_one(Invoke::<Shop>::new(order)).await.unwrap().unwrap(), 3);
    });
}

struct Counter;

#[derive(Debug, thiserror::Error)]
enum CounterError {
    #[error("the limit must be above 0")]
    NoLimit,
    #[error("the limit of {0} is reached")]
    Full(u32),
}

#[derive(Message, Clone)]
#[rtype(result = "Result<u32, SystemError>")]
struct Add(u32);

#[derive(Message)]
#[rtype(result = "Result<String, SystemError>")]
struct Describe;

struct Region(&'static str);

impl Module<Region> for Counter {
    const NAME: &'static str = "counter";
    type Config = u32;
    type State = (u32, u32, &'static str);
    type Error = CounterError;

    async fn initialize(limit: u32, system: Arc<Region>) -> Result<Self::State, CounterError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if limit == 0 { Err(CounterError::NoLimit) } else { Ok((0, limit, system.0)) }
    }
}

impl ModuleHandler<Add, Region> for Counter {
    type Answer = u32;

    fn handle((count, limit, _): &mut Self::State, Add(more): Add) -> Result<u32, CounterError> {
        if *count + more > *limit {
            return Err(CounterError::Full(*limit));
        }
        *count += more;
        Ok(*count)
    }
}

impl ModuleHandler<Describe, Region> for Counter {
    type Answer = String;

    fn handle(
        (count, limit, region): &mut Self::State,
        _: Describe,
    ) -> Result<String, CounterError> {
        Ok(format!("{count}/{limit} in {region}"))
    }
}

/// S2.3-02, S2.3-04, S2.3-05
#[test]
fn a_module_answers_typed_messages_and_its_errors_keep_their_source() {
    virtually(|node| async move {
        let actor = ModuleActor::<Counter, Region>::new(3, Arc::new(Region("eu")));
        let counter = spawn(&node, "counter", actor).unwrap();
        assert_eq!(counter.ask(Add(2)).await.unwrap().unwrap(), 2, "messages wait for the state");
        let error = counter.ask(Add(2)).await.unwrap().expect_err("full");
        assert_eq!(error.to_string(), "the module counter failed");
        assert!(matches!(error.source().unwrap().downcast_ref(), Some(CounterError::Full(3))));
        assert_eq!(counter.ask(Describe).await.unwrap().unwrap(), "2/3 in eu");
    });
}

/// S2.3-03
#[test]
fn a_bad_configuration_is_refused_before_the_module_starts() {
    virtually(|node| async move {
        let blueprint = ModuleActor::<Counter, Region>::blueprint(0, Arc::new(Region("eu")));
        let child: Child<ModuleActor<Counter, Region>> =
            Child::start(&node, "/root/counter", &blueprint);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let reason = child.any.last_exit().expect("it failed");
        assert!(matches!(reason, ExitReason::Failed(_)));
        assert!(
            reason.to_string().ends_with("the module counter failed: the limit must be above 0"),
            "{reason}"
        );
    });
}

#[test]
fn a_module_starts_afresh_after_a_crash() {
    virtually(|node| async move {
        let blueprint = ModuleActor::<Counter, Region>::blueprint(9, Arc::new(Region("eu")));
        let child: Child<ModuleActor<Counter, Region>> =
            Child::start(&node, "/root/counter", &blueprint);
        assert_eq!(child.reference.ask(Add(5)).await.unwrap().unwrap(), 5);
        child.crash().await;
        child.restart();
        settle().await;
        assert_eq!(child.reference.ask(Add(5)).await.unwrap().unwrap(), 5);
    });
}
