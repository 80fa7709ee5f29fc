//! Budgets of subtrees: held before the handler, shown, reported, raised.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use actix::Message;
use common::{Deeds, Order, TEST_DEADLINE, Worker, order, run};
use ms_actor::{AskError, AskFailure, NodeEvents, ReadFrom};
use ms_core::budget::{Budget, MESSAGES, WALL_US};
use ms_core::task::TaskState;
use ms_core::view::{EventKind, Lifecycle, Mark};
use ms_core::{ActorPath, ExitReason};
use ms_store::{StoreConfig, sqlite};
use ms_supervisor::{ChildSpec, Root, SupervisorSpec, start_root};
use ms_worker::budgets::{BudgetError, Budgets};
use ms_worker::tasks::Tasks;
use ms_worker::{Agent, AgentRef, AgentSpec, Cx, GetAgent, Handles, InitError};

struct Spender(u64);

impl Agent for Spender {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self(0))
    }
}

#[derive(Message)]
#[rtype(result = "(u64, bool)")]
struct Spend(u64);

impl Handles<Spend> for Spender {
    async fn on(&mut self, Spend(tokens): Spend, cx: &mut Cx<Self>) -> (u64, bool) {
        self.0 += 1;
        (self.0, cx.spend("tokens", tokens).await.is_err())
    }
}

fn path(text: &str) -> ActorPath {
    ActorPath::new(text).unwrap()
}

async fn tree(node: &ms_actor::Node, budgets: &Budgets) -> Root {
    let pair = SupervisorSpec::one_for_one("pair")
        .child(ChildSpec::budgeted::<Spender>("a", (), budgets))
        .child(ChildSpec::budgeted::<Spender>("b", (), budgets));
    let tree = SupervisorSpec::one_for_one("root").child(budgets.child());
    start_root(node, tree.child(ChildSpec::supervisor(pair))).await.unwrap()
}

async fn spender(root: &Root, id: &str) -> AgentRef<Spender> {
    root.supervisor("pair").await.unwrap().get_agent::<Spender>(id).await.unwrap()
}

/// The next suspension for a budget: whose account it was, and why.
async fn suspended(events: &mut NodeEvents) -> (ActorPath, String) {
    loop {
        if let EventKind::Steered { path, by, reason, .. } = events.next_event().await.unwrap().kind
            && by == "budget"
        {
            return (path, reason.unwrap());
        }
    }
}

#[test]
fn t12_over_budget_a_subtree_is_suspended_before_the_handler_and_says_so() {
    run(|node| async move {
        let budget = Budget::new().messages(3).unit("tokens", 100);
        let budgets = Budgets::new("budgets").limit("/root/pair", budget).unwrap();
        let root = tree(&node, &budgets).await;
        let mut events = node.events().reader(ReadFrom::Next);
        let client = budgets.client();
        let (a, b) = (spender(&root, "a").await, spender(&root, "b").await);
        let spend = |to: &AgentRef<Spender>, tokens| {
            let to = to.clone();
            actix::spawn(async move { to.ask(Spend(tokens)).within(TEST_DEADLINE).await })
        };
        assert_eq!(a.ask(Spend(10)).await.unwrap(), (1, false));
        assert_eq!(b.ask(Spend(10)).await.unwrap(), (1, false));
        // The third message of the subtree is the last, and knows it.
        assert_eq!(a.ask(Spend(10)).await.unwrap(), (2, true));
        let held = spend(&b, 10);
        let (account, reason) = suspended(&mut events).await;
        assert_eq!(account, path("/root/pair"));
        assert!(reason.contains("3 of 3 messages"), "{reason}");
        let usage = client.usage().await.unwrap();
        assert_eq!(usage[0].units[MESSAGES].used, 3, "what is held is not counted");
        assert_eq!(usage[0].units["tokens"].used, 30);

        // The budgets have answered, so both got their orders; they carry them out in order.
        for agent in [&a, &b] {
            let status = agent.any().ask_status(TEST_DEADLINE).await.unwrap();
            assert_eq!(status.lifecycle, Lifecycle::Suspended, "{}", status.path);
        }
        let pair = &root.tree(None).await.unwrap().children[1];
        for agent in &pair.children {
            assert_eq!(agent.status.lifecycle, Lifecycle::Suspended, "{}", agent.id);
            assert!(agent.status.marks.contains(&Mark::Suspended));
        }
        for place in ["/root/pair/b", "/root/pair", "/root"] {
            let stops = client.stops(&path(place)).await.unwrap();
            assert_eq!(stops.len(), 1, "{place}");
            let over = &stops[0].over;
            assert_eq!((&over.account, &*over.unit), (&path("/root/pair"), MESSAGES));
            assert_eq!((over.used, over.limit, stops[0].units["tokens"].used), (3, 3, 30));
            assert!(stops[0].unix_ms > 0);
        }
        assert_eq!(client.stops(&path("/root/other")).await.unwrap(), []);
        let nobody = client.raise(&path("/root/nobody"), Budget::new()).await;
        assert!(matches!(nobody, Err(BudgetError::NoAccount(_))));
        client.raise(&path("/root/pair"), Budget::new().messages(10)).await.unwrap();
        assert_eq!(client.stops(&path("/root/pair")).await.unwrap(), [], "it goes on");
        assert_eq!(held.await.unwrap().unwrap(), (2, false));
        assert_eq!(b.ask(Spend(200)).await.unwrap(), (3, true));
        let held = spend(&a, 0);
        let (_, reason) = suspended(&mut events).await;
        assert!(reason.contains("tokens"), "{reason}");
        // A held agent can be stopped in an orderly way.
        assert_eq!(root.stop(TEST_DEADLINE).await, ExitReason::Shutdown);
        let held = held.await.unwrap();
        assert!(
            matches!(held, Err(AskError { failure: AskFailure::Exited { .. }, .. })),
            "it was held to the end: {held:?}"
        );
    });
}

/// A raise lets those go on who may, and nobody who is over a budget of their own.
#[test]
fn t12_a_raise_of_one_budget_lets_nobody_go_on_who_is_over_another() {
    run(|node| async move {
        let budgets = Budgets::new("budgets");
        let budgets = budgets.limit("/root/pair", Budget::new().messages(2)).unwrap();
        let budgets = budgets.limit("/root/pair/a", Budget::new().messages(1)).unwrap();
        let root = tree(&node, &budgets).await;
        let mut events = node.events().reader(ReadFrom::Next);
        let (a, b) = (spender(&root, "a").await, spender(&root, "b").await);
        assert_eq!(a.ask(Spend(1)).await.unwrap().0, 1);
        assert_eq!(b.ask(Spend(1)).await.unwrap().0, 1);
        let held = {
            let b = b.clone();
            actix::spawn(async move { b.ask(Spend(1)).within(TEST_DEADLINE).await })
        };
        assert_eq!(suspended(&mut events).await.0, path("/root/pair"));
        budgets.client().raise(&path("/root/pair"), Budget::new().messages(9)).await.unwrap();
        assert_eq!(held.await.unwrap().unwrap().0, 2, "it goes on");
        let status = a.any().ask_status(TEST_DEADLINE).await.unwrap();
        assert_eq!(status.lifecycle, Lifecycle::Suspended, "its own budget is used up");
        root.stop(TEST_DEADLINE).await;
    });
}

#[test]
fn time_in_handlers_is_counted_even_when_they_panic() {
    struct Sleeper;
    impl Agent for Sleeper {
        type Args = ();
        async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
            Ok(Self)
        }
    }
    impl Handles<Spend> for Sleeper {
        async fn on(&mut self, _: Spend, _: &mut Cx<Self>) -> (u64, bool) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            panic!("after a while");
        }
    }
    run(|node| async move {
        let budget = Budget::new().wall(Duration::from_millis(15));
        let budgets = Budgets::new("budgets").limit("/root/s", budget).unwrap();
        let tree = SupervisorSpec::one_for_one("root").intensity(9, Duration::from_secs(9));
        let tree =
            tree.child(budgets.child()).child(ChildSpec::budgeted::<Sleeper>("s", (), &budgets));
        let root = start_root(&node, tree).await.unwrap();
        let agent = root.get_agent::<Sleeper>("s").await.unwrap();
        assert!(agent.ask(Spend(0)).await.is_err());
        assert!(budgets.client().usage().await.unwrap()[0].units[WALL_US].used >= 20_000);
        let held = agent.ask(Spend(0)).within(Duration::from_millis(200)).await;
        assert!(
            matches!(held, Err(AskError { failure: AskFailure::TimedOut { .. }, .. })),
            "{held:?}"
        );
        root.stop(Duration::from_secs(10)).await;
    });
}

/// Tasks of a pool over its budget wait; none of their attempts is used up.
#[test]
fn t16_tasks_wait_while_the_budget_of_their_pool_is_used_up() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, child) = sqlite("store", StoreConfig::new(dir.path().join("tasks.db")));
        let budget = Budget::new().messages(5);
        let budgets = Budgets::new("budgets").limit("/root/tasks/worker", budget).unwrap();
        let tasks = Tasks::new("tasks", store).budgets(&budgets);
        let deeds = std::sync::Arc::new(Deeds::default());
        let tasks = tasks.pool::<Worker>("worker", 2, std::sync::Arc::clone(&deeds)).unwrap();
        let tree = SupervisorSpec::one_for_one("root").child(child).child(budgets.child());
        let root = start_root(&node, tree.child(tasks.child())).await.unwrap();
        let client = tasks.client();
        let accepted = client.submit_all((0..8).map(|n| order(&Order::Echo(n))).collect()).await;
        let ids: Vec<_> = accepted.unwrap().into_iter().map(|one| one.unwrap().view.id).collect();
        let completed = async || {
            let stats = client.stats().await.unwrap();
            stats.tasks.values().next().and_then(|by| by.get(&TaskState::Completed).copied())
        };
        while completed().await != Some(5) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(completed().await, Some(5));
        let more = Budget::new().messages(100);
        budgets.client().raise(&path("/root/tasks/worker"), more).await.unwrap();
        for id in ids {
            let view = client.ended(id, common::TEST_DEADLINE).await.unwrap();
            assert_eq!((view.state, view.attempts), (TaskState::Completed, 1));
        }
        root.stop(Duration::from_secs(10)).await;
    });
}
