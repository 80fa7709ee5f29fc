//! Durable tasks: promised work that survives a crash of the agent that does it, a task
//! that can never work, and a repeated request.
//!
//! ```text
//! accepted: pending
//! the same request again: the same task
//! its agents: fetch the page, charge the card, panic, charge the card
//! task 1 is completed after 2 attempts: {"page":"<html>"}
//! task 2 is dead after 2 attempts: the agent ended: panic "no such order" at examples/durable_tasks.rs:48:9 while handling ms_worker::tasks::perform::Perform
//! replayed: pending, and dead again
//! ```
#![allow(clippy::print_stdout, reason = "an example")]
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ms_framework::core::task::{AgentKind, IdempotencyKey, NewTask, Retry, TaskFailure};
use ms_framework::prelude::*;
use ms_framework::worker::tasks::{Performs, Task, TaskCx, Tasks};
use ms_store::{StoreConfig, sqlite};
use serde_json::{Value, json};

/// The effects on the outside world, which takes no idempotency keys here.
static DEEDS: Mutex<Vec<&str>> = Mutex::new(Vec::new());

fn note(deed: &'static str) {
    DEEDS.lock().unwrap_or_else(PoisonError::into_inner).push(deed);
}

struct Shop;

impl Agent for Shop {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self)
    }
}

impl Performs for Shop {
    type Payload = Value;
    type Output = Value;

    async fn perform(
        &mut self,
        task: Task<Value>,
        cx: &mut TaskCx<'_, Self>,
    ) -> Result<Value, TaskFailure> {
        assert!(task.payload["order"].as_u64() < Some(100), "no such order");
        // Runs once: a later attempt gets the result of this step.
        let page: String = cx
            .step("fetch", async || {
                note("fetch the page");
                Ok("<html>".to_owned())
            })
            .await?;
        // The outside should take the task's id as an idempotency key: this may run twice.
        note("charge the card");
        if task.view.attempts == 1 {
            note("panic");
            panic!("out of ink");
        }
        Ok(json!({ "page": page }))
    }
}

fn order(number: u64) -> Result<NewTask, Box<dyn Error + Send + Sync>> {
    Ok(NewTask {
        retry: Retry { max_attempts: 2, backoff_min_ms: 1, ..Retry::default() },
        idempotency_key: Some(IdempotencyKey::new(format!("order-{number}"))?),
        ..NewTask::new(AgentKind::new("shop")?, json!({ "order": number }))
    })
}

fn main() -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    let dir = tempfile::tempdir()?;
    let (store, store_child) = sqlite("store", StoreConfig::new(dir.path().join("tasks.db")));
    let tasks = Tasks::new("tasks", store).pool::<Shop>("shop", 2, ())?;
    let client = tasks.client();
    let tree = SupervisorSpec::one_for_one("root").child(store_child).child(tasks.child());
    let config = RunConfig::new("durable-tasks").control(ControlEndpoint::Off);
    let ended = run_with(
        config,
        |_| tree,
        async move |_| {
            let soon = Duration::from_secs(10);
            let first = client.submit(order(1)?).await?;
            println!("accepted: {}", first.view.state);
            let again = client.submit(order(1)?).await?;
            assert!(again.repeated && again.view.id == first.view.id);
            println!("the same request again: the same task");
            let view = client.ended(first.view.id, soon).await?;
            let deeds = DEEDS.lock().unwrap_or_else(PoisonError::into_inner).join(", ");
            println!("its agents: {deeds}");
            let result = client.result(view.id).await?.unwrap_or_default();
            println!("task 1 is {} after {} attempts: {result}", view.state, view.attempts);

            let second = client.submit(order(404)?).await?.view.id;
            let view = client.ended(second, soon).await?;
            let why = view.failure.map(|failure| failure.to_string()).unwrap_or_default();
            println!("task 2 is {} after {} attempts: {why}", view.state, view.attempts);
            let replayed = client.replay(second).await?;
            let view = client.ended(second, soon).await?;
            println!("replayed: {}, and {} again", replayed.state, view.state);
            Ok(())
        },
    )?;
    Ok(ended)
}
