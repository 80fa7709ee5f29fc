//! Budgets over the end of the process: what is used of them, and what was permitted beyond.
//!
//! The test runs itself as a child process on one and the same store, and kills it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(clippy::print_stdout, reason = "the words of the child process")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use actix::Message;
use common::{SOON, run};
use ms_actor::Node;
use ms_core::ActorPath;
use ms_core::budget::{Budget, MESSAGES, Usage};
use ms_core::task::StoreError;
use ms_store::{StoreConfig, sqlite};
use ms_supervisor::{ChildSpec, Root, SupervisorSpec, start_root};
use ms_task::StoreFuture;
use ms_task::budget::{BudgetStore, KeptUsage};
use ms_testkit::child;
use ms_testkit::child::OwnTest;
use ms_worker::budgets::{BudgetClient, Budgets};
use ms_worker::{Agent, AgentRef, AgentSpec, Cx, GetAgent, Handles, InitError};

use crate::common;

const DIR: &str = "MS_BUDGETS_TEST_DIR";

struct Spender;

impl Agent for Spender {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self)
    }
}

#[derive(Message)]
#[rtype(result = "bool")]
struct Spend(u64);

impl Handles<Spend> for Spender {
    async fn on(&mut self, Spend(tokens): Spend, cx: &mut Cx<Self>) -> bool {
        cx.spend("tokens", tokens).await.is_ok()
    }
}

fn account() -> ActorPath {
    ActorPath::new("/root/spender").unwrap()
}

struct Shop {
    root: Root,
    client: BudgetClient,
    spender: AgentRef<Spender>,
}

impl Shop {
    async fn open(node: &Node, dir: &Path, tokens: u64) -> Self {
        let (store, child) = sqlite("store", StoreConfig::new(dir.join("tasks.db")));
        Self::over(node, Some(child), store, tokens).await
    }

    async fn over(
        node: &Node,
        child: Option<ChildSpec>,
        store: impl BudgetStore,
        tokens: u64,
    ) -> Self {
        let limit = Budget::new().messages(1_000).unit("tokens", tokens);
        let budgets = Budgets::new("budgets").kept_in(store);
        let budgets = budgets.limit(account().as_str(), limit).unwrap();
        let tree = SupervisorSpec::one_for_one("root").intensity(10, SOON);
        let tree = child.into_iter().fold(tree, SupervisorSpec::child).child(budgets.child());
        let tree = tree.child(ChildSpec::budgeted::<Spender>("spender", (), &budgets));
        let root = start_root(node, tree).await.expect("starts");
        let spender = root.get_agent::<Spender>("spender").await.expect("there");
        Self { root, client: budgets.client(), spender }
    }

    async fn spend(&self, tokens: u64) -> bool {
        self.spender.ask(Spend(tokens)).within(SOON).await.expect("answers")
    }

    async fn used(&self, unit: &str) -> Usage {
        self.client.usage().await.expect("answers")[0].units[unit]
    }
}

/// The child's part.
fn spend_and_wait() {
    let dir = std::env::var_os(DIR).expect("handed over");
    run(|node| async move {
        let shop = Shop::open(&node, Path::new(&dir), 100).await;
        for _ in 0..7 {
            assert!(shop.spend(10).await);
        }
        shop.client.raise(&account(), Budget::new().unit("tokens", 25)).await.unwrap();
        println!("\n@spent");
        std::future::pending::<()>().await;
    });
}

struct Running(Child);

impl Drop for Running {
    /// `kill -9`.
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn t23_what_is_used_of_a_budget_and_its_raise_survive_a_kill() {
    child::split(
        t23_what_is_used_of_a_budget_and_its_raise_survive_a_kill,
        |_| spend_and_wait(),
        kill_the_spender,
    );
}

fn kill_the_spender(own: &OwnTest) {
    let dir = tempfile::tempdir().unwrap();
    let child = own.child("spend").env(DIR, dir.path()).with(|command| {
        command.stdout(Stdio::piped()).stderr(Stdio::null());
    });
    let mut child = child.spawn();
    let out = BufReader::new(child.stdout.take().unwrap());
    let running = Running(child);
    let mut lines = out.lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "@spent"), "it said no more");
    drop(running);

    run(|node| async move {
        // The limit is the program's, and was lowered meanwhile; the raise is beside it.
        let shop = Shop::open(&node, dir.path(), 90).await;
        assert_eq!(shop.used("tokens").await, Usage { used: 70, limit: 115 });
        assert_eq!(shop.used(MESSAGES).await.used, 7);
        assert!(shop.spend(44).await);
        assert!(!shop.spend(1).await, "115 of 115");
        shop.root.stop(SOON).await;
    });
}

/// The actor that owns the accounts is restarted like others.
#[test]
fn t23_a_restart_of_the_ledger_forgets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let shop = Shop::open(&node, dir.path(), 100).await;
        assert!(shop.spend(60).await);
        let path = ActorPath::new("/root/budgets").unwrap();
        let ledger = shop.root.find(&path).await.expect("there");
        let life = ledger.incarnation();
        ledger.kill();
        let restarted = async {
            while ledger.incarnation() == life || shop.client.usage().await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, restarted).await.expect("is restarted");
        assert_eq!(shop.used("tokens").await, Usage { used: 60, limit: 100 });
        shop.root.stop(SOON).await;
    });
}

/// A store that cannot keep anything.
#[derive(Debug)]
struct Full;

impl BudgetStore for Full {
    fn kept(&self) -> StoreFuture<Vec<KeptUsage>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn keep(&self, _: Vec<KeptUsage>) -> StoreFuture<()> {
        Box::pin(async { Err(StoreError::Overloaded(1)) })
    }
}

#[test]
fn t23_a_store_that_takes_nothing_holds_no_agent_up() {
    run(|node| async move {
        let shop = Shop::over(&node, None, Full, 100).await;
        for _ in 0..9 {
            assert!(shop.spend(10).await);
        }
        assert_eq!(shop.used("tokens").await.used, 90, "counted in memory");
        shop.root.stop(SOON).await;
    });
}
