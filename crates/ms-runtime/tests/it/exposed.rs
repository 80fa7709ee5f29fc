//! What the control endpoint serves beside the tree: names, services, budgets. Tasks are tested
//! with the server, which has a store.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::{SECOND, config, path};
use ms_actor::AnyRef;
use ms_control::{Client, Kind};
use ms_core::budget::Budget;
use ms_registry::{Registry, RegistryConfig, ServiceKey};
use ms_runtime::Runtime;
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_worker::budgets::Budgets;
use ms_worker::{Agent, AgentSpec, Cx, GetAgent, Handles, InitError};

struct Spender;

impl Agent for Spender {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self)
    }
}

#[derive(actix::Message)]
#[rtype(result = "()")]
struct Spend;

impl Handles<Spend> for Spender {
    async fn on(&mut self, _: Spend, _: &mut Cx<Self>) {}
}

fn run<F: Future>(test: impl FnOnce(Runtime, Client, Budgets, Registry) -> F) {
    actix::System::new().block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("n.sock");
        let limit = Budget::new().messages(2).unit("tokens", 9);
        let budgets = Budgets::new("budgets").limit("/root/pair", limit).unwrap();
        let registry = Registry::new(RegistryConfig::default());
        let config = config(&socket).budgets(budgets.client()).registry(registry.clone());
        let pair = SupervisorSpec::one_for_one("pair")
            .child(ChildSpec::budgeted::<Spender>("a", (), &budgets))
            .child(ChildSpec::budgeted::<Spender>("b", (), &budgets));
        let tree = SupervisorSpec::one_for_one("root")
            .child(ChildSpec::blueprint("registry", registry.blueprint()))
            .child(budgets.child())
            .child(ChildSpec::supervisor(pair));
        let runtime = Runtime::start(config, |_| tree).await.unwrap();
        let client = Client::connect(&socket, 60 * SECOND).await.unwrap();
        tokio::time::timeout(120 * SECOND, test(runtime, client, budgets, registry)).await.unwrap();
    });
}

#[test]
fn the_budget_that_suspends_an_agent_is_named() {
    run(|runtime, mut client, budgets, _| async move {
        assert_eq!(client.budget(path("/root/pair/a")).await.unwrap(), []);
        let pair = runtime.root().supervisor("pair").await.unwrap();
        let a = pair.get_agent::<Spender>("a").await.unwrap();
        for _ in 0..2 {
            a.ask(Spend).await.unwrap();
        }
        a.ask(Spend).within(Duration::from_millis(100)).await.expect_err("it is held");
        for place in ["/root/pair/a", "/root/pair/b", "/root/pair", "/root"] {
            let stops = client.budget(path(place)).await.unwrap();
            assert_eq!(stops.len(), 1, "{place}");
            let over = &stops[0].over;
            assert_eq!((over.account.as_str(), &*over.unit), ("/root/pair", "messages"));
            assert_eq!((over.used, over.limit), (2, 2));
            assert_eq!(stops[0].units["tokens"].limit, 9);
        }
        assert_eq!(client.budget(path("/root/registry")).await.unwrap(), []);
        let nobody = client.budget(path("/root/nobody")).await.expect_err("not there");
        assert_eq!(nobody.kind, Kind::NotFound);
        budgets.client().raise(&path("/root/pair"), Budget::new().messages(9)).await.unwrap();
        assert_eq!(client.budget(path("/root/pair/a")).await.unwrap(), []);
        assert_eq!(runtime.stop(60 * SECOND).await.code(), 0);
    });
}

/// S1.1-02: a component is found by its name, or by that of the service it provides.
#[test]
fn names_and_services_are_looked_up() {
    const BUDGETS: ServiceKey<AnyRef> = ServiceKey::new("accounts");
    run(|runtime, mut client, _, registry| async move {
        let empty = client.lookup("accounts".to_owned()).await.expect_err("nobody yet");
        assert_eq!(empty.kind, Kind::NotFound);
        let root = runtime.root();
        let ledger = root.find(&path("/root/budgets")).await.unwrap();
        registry.provide(BUDGETS, &ledger).await.unwrap();
        registry.register_any("money/ledger", &ledger).await.unwrap();
        registry.join_any("accounting", &ledger).await.unwrap();
        let found = client.lookup("accounts".to_owned()).await.unwrap();
        assert_eq!(
            (found.path.as_str(), found.groups),
            ("/root/budgets", vec!["accounting".to_owned()])
        );
        assert!(found.provides.unwrap().contains("AnyRef"));
        let found = client.lookup("money/ledger".to_owned()).await.unwrap();
        assert_eq!((found.provides, found.incarnation.unwrap().0), (None, 1));
        let error = client.lookup("money/leger".to_owned()).await.expect_err("misspelt");
        assert_eq!((error.kind, &*error.code), (Kind::NotFound, "MS0027"));
        assert!(error.next.contains("money/ledger"), "{}", error.next);
        let long = client.lookup("x".repeat(1_025)).await.expect_err("too long");
        assert_eq!(long.kind, Kind::BadRequest);
        // A restart is followed.
        ledger.kill();
        let again = async {
            loop {
                let found = client.lookup("accounts".to_owned()).await.unwrap();
                if found.incarnation.is_some_and(|incarnation| incarnation.0 == 2) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(60 * SECOND, again).await.expect("is started again");
        assert_eq!(runtime.stop(60 * SECOND).await.code(), 0);
    });
}

/// A node that exposes no tasks and no names says so, and does nothing.
#[test]
fn what_a_node_does_not_show_is_refused() {
    common::with_node(
        |config| config,
        |node| async move {
            let mut client = node.client().await;
            let error = client.tasks(<_>::default()).await.expect_err("no store");
            assert_eq!((error.kind, &*error.code), (Kind::Refused, "MS0026"));
            let error = client.lookup("x".to_owned()).await.expect_err("no registry");
            assert_eq!(error.kind, Kind::Refused);
            assert_eq!(client.budget(path("/root/work")).await.unwrap(), []);
            node.stop().await;
        },
    );
}
