//! A program's own service on [`Server`]: a component whose fallback switches features off.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use common::{Place, end_own, own_options, until};
use ms_resilience::{Fallback, FallbackActor, FallbackStrategy};
use ms_runtime::{Component, ComponentContext, ComponentFailure, ComponentSpec, ServiceHandle};
use ms_server::Server;
use ms_server::agents::Echo;
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_testkit::child;
use tokio::sync::watch;

type Search = FallbackActor<u32, String>;

/// Calls a service that works or fails as the test decides.
struct Caller {
    service: Arc<OnceLock<ServiceHandle>>,
    works: watch::Receiver<bool>,
}

impl Component for Caller {
    async fn start(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
        let root = self.service.get().and_then(ServiceHandle::root).ok_or("no tree")?;
        let search = root.supervisor("components").await?.supervisor("search").await?;
        let fallback = Fallback::new(search.get::<Search>("fallback").await?);
        let mut works = self.works.clone();
        actix::spawn(async move {
            while works.changed().await.is_ok() {
                let outcome = match *works.borrow_and_update() {
                    true => Ok("found".to_owned()),
                    false => Err("the index is away"),
                };
                drop(fallback.call(1, async { outcome }).await);
            }
        });
        Ok(())
    }
}

fn search(service: &Arc<OnceLock<ServiceHandle>>) -> ComponentSpec {
    let service = Arc::clone(service);
    ComponentSpec::tree_of("search", move |handle| {
        // Every life has the same handle.
        let _ = service.set(ServiceHandle::clone(handle));
        let features = vec!["suggestions".to_owned(), "ranking".to_owned()];
        let strategies = vec![FallbackStrategy::<u32, String>::Degrade { features }];
        let (_, blueprint) = Fallback::in_tree(strategies);
        Ok(SupervisorSpec::one_for_one("search").child(ChildSpec::blueprint("fallback", blueprint)))
    })
}

/// The file whose presence says that the service fails.
const FAILS: &str = "MS_FEATURES_TEST_FAILS";

/// The part of the child process: polls for the file.
fn serve(_: &str) {
    let fails = PathBuf::from(std::env::var_os(FAILS).expect("handed over"));
    let (service, (say, works)) = (Arc::new(OnceLock::new()), watch::channel(true));
    std::thread::spawn(move || {
        loop {
            let does = !fails.exists();
            say.send_if_modified(|works| std::mem::replace(works, does) != does);
            common::pause(std::time::Duration::from_millis(2));
        }
    });
    let caller = {
        let service = Arc::clone(&service);
        let make = move || Caller { service: Arc::clone(&service), works: works.clone() };
        ComponentSpec::new("caller", make).needs(["search"])
    };
    let server = Server::new("features").agents::<Echo>("echo", ());
    end_own(server.component(search(&service)).component(caller).run(&own_options()));
}

/// S9.2-05: with features off the service is degraded over HTTP, but ready. It is healthy again after
/// the first good call, and after a restart of the fallback.
#[test]
fn features_that_are_off_show_as_degraded_in_the_readiness_report() {
    let test = features_that_are_off_show_as_degraded_in_the_readiness_report;
    child::split(test, serve, |own| {
        let place = Place::new();
        let fails = place.file("fails");
        let mut server = place.launch_own_with(own, |child| child.env(FAILS, &fails));
        server.started();
        let report = |overall: &str| {
            until(overall, || {
                let reply = server.get("/health/ready");
                let report = (reply.status == 200).then(|| reply.json())?;
                (report["overall_status"] == overall).then_some(report)
            })
        };
        report("healthy");
        fs::write(&fails, "").unwrap();
        let degraded = report("degraded");
        let components = degraded["components"].as_array().unwrap();
        let own = components.iter().find(|one| one["name"] == "search").expect("listed");
        assert_eq!(own["status"], "degraded", "{degraded}");
        let message = own["message"].as_str().unwrap();
        assert!(message.contains("/root/components/search/fallback"), "{message}");
        assert!(message.contains("suggestions") && message.contains("ranking"), "{message}");
        fs::remove_file(&fails).unwrap();
        report("healthy");
        assert_eq!(server.stop(), 0, "{}", server.log.text());
    });
}
