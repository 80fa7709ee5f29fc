//! A service of its own on [`Server`]: a component whose fallback switches features off.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};

use common::{Http, Place, until};
use ms_resilience::{Fallback, FallbackActor, FallbackStrategy, fallback_blueprint};
use ms_runtime::{Component, ComponentContext, ComponentFailure, ComponentSpec, ServiceHandle};
use ms_server::agents::Echo;
use ms_server::{Options, Server};
use ms_supervisor::{ChildSpec, Supervisor};
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::watch;

type Search = FallbackActor<u32, String>;

/// Calls a service each time the test says whether that works.
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
        // The same handle in every life.
        let _ = service.set(ServiceHandle::clone(handle));
        let features = vec!["suggestions".to_owned(), "ranking".to_owned()];
        let strategies = vec![FallbackStrategy::<u32, String>::Degrade { features }];
        let blueprint = fallback_blueprint(strategies);
        Ok(Supervisor::one_for_one("search").child(ChildSpec::blueprint("fallback", blueprint)))
    })
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// S9.2-05: features off make the service degraded at its door, not unready; it is healthy again
/// with the first good call, and after a new life of the fallback.
#[test]
fn features_that_are_off_show_as_degraded_in_the_readiness_report() {
    let (place, api) = (Place::new(), free());
    let mut options = Options::from_dir(place.config());
    options.set = vec![format!("http.bind={api}")];
    options.control = Some(place.control());
    let (service, (say, works)) = (Arc::new(OnceLock::new()), watch::channel(true));
    let caller = {
        let service = Arc::clone(&service);
        let make = move || Caller { service: Arc::clone(&service), works: works.clone() };
        ComponentSpec::new("caller", make).needs(["search"])
    };
    let search = search(&service);
    // Made where it runs: what makes its agents stays on its thread.
    let run = move || {
        let server = Server::new("features").agents::<Echo>("echo", ());
        server.component(search).component(caller).run(&options).map(|end| end.code())
    };
    std::thread::scope(|scope| {
        let run = scope.spawn(run);
        let report = |overall: &str| {
            until(overall, || {
                let reply = Http::try_get(api, "/health/ready").ok()?;
                let report = (reply.status == 200).then(|| reply.json())?;
                (report["overall_status"] == overall).then_some(report)
            })
        };
        report("healthy");
        say.send_replace(false);
        let degraded = report("degraded");
        let components = degraded["components"].as_array().unwrap();
        let own = components.iter().find(|one| one["name"] == "search").expect("listed");
        assert_eq!(own["status"], "degraded", "{degraded}");
        let message = own["message"].as_str().unwrap();
        assert!(message.contains("/root/components/search/fallback"), "{message}");
        assert!(message.contains("suggestions") && message.contains("ranking"), "{message}");
        say.send_replace(true);
        report("healthy");
        kill_process(getpid(), Signal::TERM).unwrap();
        assert_eq!(run.join().unwrap().unwrap(), 0);
    });
}
