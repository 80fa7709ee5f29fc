//! Supervised tasks, a slow component and a slow subscriber of a program's own service, observed from
//! outside of the process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "tests, whose service waits for files of another process"
)]

use crate::common;

use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::Message;
use common::{Http, Place, Server, end_own, id_of, msctl, own_options, until};
use ms_bus::{BusClient, Delivery, Event};
use ms_control::proto::Verb;
use ms_core::Restart;
use ms_core::health::HealthResult;
use ms_core::lifecycle::Phase;
use ms_core::view::Lifecycle;
use ms_runtime::{Component, ComponentContext, ComponentFailure, ComponentSpec};
use ms_server::agents::Echo;
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_testkit::child::{self, OwnTest};
use ms_worker::{Agent, AgentSpec, Cx, Handles, InitError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The component whose children are supervised tasks.
const JOBS: &str = "/root/components/jobs";
/// The window in which their failures count.
const WINDOW: Duration = Duration::from_secs(2);
/// The file that the slow component creates when it begins to start.
const BEGUN: &str = "begun";
/// The file that ends the wait of the slow component.
const OPEN: &str = "open";
/// While this file exists the slow component reports that it does not work.
const SICK: &str = "sick";
/// While this file exists the root supervisor is suspended.
const HOLD: &str = "hold";
/// The file that starts the publisher.
const PUBLISH: &str = "publish";
/// The subscriber.
const LISTENER: &str = "/root/components/news/listener";
const EVENTS: u32 = 50;

/// Fails twice at once; the third run never ends.
fn flaky() -> ChildSpec {
    let runs = Arc::new(AtomicU32::new(0));
    let task = move || {
        let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            match run {
                1 | 2 => Err(io::Error::other(format!("run {run} failed"))),
                _ => pending().await,
            }
        }
    };
    ChildSpec::task("flaky", task).restart(Restart::Transient)
}

fn at_once(name: &str, restart: Restart) -> ChildSpec {
    ChildSpec::task(name, || async { Ok::<_, io::Error>(()) }).restart(restart)
}

async fn file(path: PathBuf) {
    while !path.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Clone, Serialize, Deserialize, Message)]
#[rtype(result = "()")]
struct Headline(u32);

impl Event for Headline {
    const SUBJECT: &'static str = "own.headline";
}

/// Subscribes to headlines.
struct Listener;

impl Agent for Listener {
    type Args = BusClient;

    async fn init(bus: BusClient, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        bus.subscribe(cx.me().port::<Delivery<Headline>>()).await.expect("it subscribes").keep();
        Ok(Self)
    }
}

impl Handles<Delivery<Headline>> for Listener {
    async fn on(&mut self, _: Delivery<Headline>, _: &mut Cx<Self>) {}
}

/// Returns a subscriber, and a publisher that waits for the file.
fn headlines(bus: &BusClient, place: &Path) -> ComponentSpec {
    let (at, out) = (place.join(PUBLISH), bus.clone());
    let publisher = ChildSpec::task("publisher", move || {
        let (at, out) = (at.clone(), out.clone());
        async move {
            file(at).await;
            let mut producer = out.producer("publisher");
            for number in 0..EVENTS {
                let sent = producer.publish(Headline(number)).map_err(io::Error::other)?;
                assert_eq!(sent.accepted, 1, "the listener");
            }
            pending::<io::Result<()>>().await
        }
    });
    let tree = SupervisorSpec::one_for_one("news")
        .child(ChildSpec::agent::<Listener>("listener", bus.clone()))
        .child(publisher);
    ComponentSpec::tree(tree).needs(["event-bus"])
}

/// Suspends the root of the tree from inside, and resumes it.
fn holder(place: &Path) -> ComponentSpec {
    let at = place.join(HOLD);
    ComponentSpec::tree_of("holder", move |service| {
        let (service, at) = (service.clone(), at.clone());
        let task = ChildSpec::task("holder", move || {
            let (service, at) = (service.clone(), at.clone());
            async move {
                file(at.clone()).await;
                let root = service.root().expect("it is up").any();
                root.suspend();
                while at.exists() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                root.resume();
                pending::<io::Result<()>>().await
            }
        });
        Ok(SupervisorSpec::one_for_one("holder").child(task))
    })
}

/// Starts only when the file permits it.
struct Slow(PathBuf);

impl Component for Slow {
    async fn start(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
        std::fs::write(self.0.join(BEGUN), "")?;
        file(self.0.join(OPEN)).await;
        Ok(())
    }

    async fn health(&mut self, _: &ComponentContext) -> HealthResult {
        match self.0.join(SICK).exists() {
            true => HealthResult::Unhealthy("out of order".to_owned()),
            false => HealthResult::Healthy,
        }
    }
}

/// The part of the child process. The files of the test are beside its configuration.
fn service(_: &str) {
    let options = own_options();
    let control = options.control.clone().expect("handed over");
    let place = control.parent().expect("a place").to_owned();
    let jobs = SupervisorSpec::one_for_one("jobs")
        .intensity(5, WINDOW)
        .child(flaky())
        .child(at_once("finished", Restart::Transient))
        .child(at_once("gone", Restart::Temporary));
    let server = ms_server::Server::new("own");
    let headlines = headlines(&server.event_bus(), &place);
    let holder = holder(&place);
    let slow = ComponentSpec::new("slow", move || Slow(place.clone()))
        .phase(Phase::Applications)
        .needs(["jobs", "transport"])
        .start_within(common::LONGEST_WAIT);
    let server = server
        .agents::<Echo>("echo", ())
        .component(ComponentSpec::tree(jobs).needs(["observability"]))
        .component(headlines)
        .component(holder)
        .component(slow);
    end_own(server.run(&options));
}

fn launch(own: &OwnTest, place: &Place) -> Server {
    launch_with(own, place, "")
}

/// The same with more keys in its configuration.
fn launch_with(own: &OwnTest, place: &Place, more: &str) -> Server {
    place
        .write_config(&format!("components.startup_deadline = \"300s\"\ntasks.agents = 2\n{more}"));
    place.launch_own(own)
}

fn run(place: &Place, args: &[&str]) -> Output {
    msctl().args(args).arg("--control").arg(place.control()).output().expect("msctl runs")
}

/// Returns the output of `msctl inspect --json` for an actor.
fn inspected(place: &Place, path: &str) -> Value {
    let out = run(place, &["inspect", path, "--json"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice::<Value>(&out.stdout).expect("JSON")["data"].take()
}

fn metric(server: &Server, series: &str) -> Option<f64> {
    let text = Http::try_get(server.admin(), "/metrics").ok()?.body;
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// S2.2-13, S5.1-01: a supervised task that is stopped does not run until it is started again. At the
/// end of the service the running tasks are stopped, and nothing is left of them.
#[test]
fn a_supervised_task_is_stopped_by_hand_and_with_the_service() {
    child::split(a_supervised_task_is_stopped_by_hand_and_with_the_service, service, |own| {
        let place = Place::new();
        std::fs::write(place.file(OPEN), "").unwrap();
        let mut server = launch(own, &place);
        server.started();
        let flaky = format!("{JOBS}/flaky");
        let lifecycle = |wanted: &str| {
            until(wanted, || {
                let status = inspected(&place, &flaky)["status"].take();
                (status["lifecycle"] == wanted).then_some(status["incarnation"].clone())
            })
        };
        until("the run that stays", || {
            (inspected(&place, &flaky)["status"]["incarnation"] == 3).then_some(())
        });
        lifecycle("running");
        let out = run(&place, &["stop", &flaky, "--yes"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(lifecycle("stopped"), 3);
        let out = run(&place, &["restart", &flaky, "--yes"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(lifecycle("running"), 4, "it was not begun in between");
        assert_eq!(server.stop(), 0, "{}", server.log.text());
        let text = server.log.text();
        assert!(text.contains("clean=true") && !text.contains("left open"), "{text}");
    });
}

/// S2.2-07, S2.2-12, S2.2-05, S2.2-06, S2.2-09, S2.2-10, S2.2-11, S2.4-10: a supervised task of a
/// running service is recorded with its id, its incarnation, its supervisor, its policy and its
/// failures, even if it failed before anybody could look. Failures no longer count when their window
/// is over. A task that has ended for good is kept with its reason, or removed if it is temporary. All
/// of it is in the metrics.
#[test]
fn a_supervised_task_is_on_record_with_five_facts_and_counted() {
    child::split(a_supervised_task_is_on_record_with_five_facts_and_counted, service, |own| {
        let place = Place::new();
        std::fs::write(place.file(OPEN), "").unwrap();
        let server = launch(own, &place);
        server.started();
        let flaky = format!("{JOBS}/flaky");
        let node = until("the run that stays", || {
            let node = inspected(&place, &flaky);
            (node["status"]["lifecycle"] == "running").then_some(node)
        });
        let status = &node["status"];
        assert_eq!((&node["id"], &status["path"]), (&json!("flaky"), &json!(flaky)));
        assert_eq!((&status["tier"], &status["incarnation"]), (&json!("task"), &json!(3)));
        assert_eq!((&status["restart"], &status["restarts"]), (&json!("transient"), &json!(2)));
        assert!(status["last_exit"].to_string().contains("run 2 failed"), "{status}");
        let supervisor = inspected(&place, JOBS);
        assert_eq!(supervisor["supervisor"]["intensity"]["max_restarts"], 5, "{supervisor}");
        let words = String::from_utf8(run(&place, &["inspect", &flaky]).stdout).unwrap();
        for word in
            [&*flaky, "#3", "task", "running", "transient, restarted 2 times", "run 2 failed"]
        {
            assert!(words.contains(word), "no {word} in {words}");
        }
        // The failures are remembered, but do not count for ever.
        until("the window to be over", || {
            let supervisor = inspected(&place, JOBS);
            (supervisor["supervisor"]["restarts_in_window"] == 0).then_some(())
        });
        assert_eq!(inspected(&place, &flaky)["status"]["restarts"], 2);

        let finished = inspected(&place, &format!("{JOBS}/finished"));
        assert_eq!(finished["status"]["lifecycle"], "stopped", "{finished}");
        assert_eq!(finished["status"]["restarts"], 0, "{finished}");
        let gone = run(&place, &["inspect", &format!("{JOBS}/gone")]);
        let output = String::from_utf8_lossy(&gone.stderr).into_owned();
        assert!(!gone.status.success() && output.contains("gone"), "{output}");
        let children = supervisor["children"].as_array().unwrap();
        let ids: Vec<_> = children.iter().map(|child| &child["id"]).collect();
        assert_eq!(ids, ["flaky", "finished"], "nothing is left of a temporary one that has ended");

        for (series, wanted) in [("restarts_total", 2.0), ("failures_total", 2.0)] {
            let series = format!("ms_framework_task_{series}");
            until(&series, || (metric(&server, &series)? == wanted).then_some(()));
        }
        // Two failures, and the two that were done.
        let ended = "ms_framework_task_duration_seconds_count";
        until(ended, || (metric(&server, ended)? >= 4.0).then_some(()));
        let alive = |server: &Server| {
            let tree = server.tree();
            tree.walk().filter(|node| node.status.lifecycle != Lifecycle::Stopped).count()
        };
        until("as many to be counted as run", || {
            (metric(&server, "ms_framework_task_running")? == alive(&server) as f64).then_some(())
        });
        assert!(metric(&server, "ms_framework_task_spawned_total") > Some(3.0));
    });
}

/// S7.2-03, S7.2-05, S4.1-09: while a component of phase 9 is starting, the process is alive but
/// neither started nor ready on both of its ports, and accepts no task. It is all of that as soon as
/// the boot is done.
#[test]
fn until_its_last_component_has_started_a_service_is_neither_started_nor_ready() {
    child::split(
        until_its_last_component_has_started_a_service_is_neither_started_nor_ready,
        service,
        |own| {
            let place = Place::new();
            let server = launch(own, &place);
            let ports = [server.api(), server.admin()];
            until("the last component to begin", || place.file(BEGUN).exists().then_some(()));
            let asked = |port, path: &str| Http::try_get(port, path).expect("it answers").status;
            for port in ports {
                assert_eq!(asked(port, "/health/startup"), 503);
                assert_eq!(asked(port, "/health/ready"), 503);
                assert_eq!(asked(port, "/health/live"), 200);
            }
            let refused = server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#);
            assert_eq!(refused.status, 503, "{refused:?}");
            assert!(!server.log.has("bootstrap completed"), "{}", server.log.text());

            std::fs::write(place.file(OPEN), "").unwrap();
            server.started();
            server.log.line("bootstrap completed successfully");
            for port in ports {
                assert_eq!(asked(port, "/health/startup"), 200);
                assert_eq!(asked(port, "/health/live"), 200);
                until("ready", || (asked(port, "/health/ready") == 200).then_some(()));
            }
            id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
        },
    );
}

/// S7.2-04, S7.1-17: while the root supervisor is suspended, the process is not alive on either port,
/// as the keys of the liveness probe say. It is alive again when the root is resumed. The suspension
/// stops nothing else.
#[test]
fn a_service_whose_root_serves_nobody_is_not_alive_until_it_does() {
    child::split(a_service_whose_root_serves_nobody_is_not_alive_until_it_does, service, |own| {
        let place = Place::new();
        std::fs::write(place.file(OPEN), "").unwrap();
        let probe = "[components.health_checks.liveness_probe]\ninitial_delay = \"0s\"\n\
                     period = \"1s\"\ntimeout = \"1s\"\nfailure_threshold = 1\n";
        let mut server = launch_with(own, &place, probe);
        server.started();
        let ports = [server.api(), server.admin()];
        let live = |wanted: u16| {
            for port in ports {
                until(&format!("live {wanted}"), || {
                    let reply = Http::try_get(port, "/health/live").ok()?;
                    assert!([200, 503].contains(&reply.status), "{reply:?}");
                    (reply.status == wanted).then_some(())
                });
            }
        };
        live(200);
        std::fs::write(place.file(HOLD), "").unwrap();
        live(503);
        server.log.line("the root supervisor does not answer");
        std::fs::remove_file(place.file(HOLD)).unwrap();
        live(200);
        server.log.line("the root supervisor answers again");
        id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
        assert_eq!(server.stop(), 0, "{}", server.log.text());
    });
}

/// S4.1-12, S4.1-14: a service does not start if a critical component has started but reports that it
/// does not work. The start is undone, and the process ends with 7 and names the component and the
/// reason.
#[test]
fn a_service_whose_critical_component_does_not_work_ends_with_7_and_names_it() {
    child::split(
        a_service_whose_critical_component_does_not_work_ends_with_7_and_names_it,
        service,
        |own| {
            let place = Place::new();
            for name in [OPEN, SICK] {
                std::fs::write(place.file(name), "").unwrap();
            }
            let mut server = launch(own, &place);
            assert_eq!(server.exit(), 7, "{}", server.log.text());
            let output = server.log.line("out of order");
            assert!(output.contains("slow"), "{output}");
            assert!(!server.log.has("bootstrap completed"), "{}", server.log.text());
        },
    );
}

/// S4.2-08, S4.1-18: the log of `ms-server` has the lines of the boot in their order, with one for each
/// component.
#[test]
fn the_log_of_a_boot_says_how_many_components_there_are_and_names_each() {
    let place = Place::new();
    let server = place.start();
    server.log.line("MS Framework bootstrap completed successfully");
    let log = server.log.text();
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text:?} in\n{log}"));
    let begun = at("Starting MS Framework bootstrap sequence");
    let (counted, done) = (at("Initializing "), at("MS Framework bootstrap completed"));
    let count = log[counted..].split(' ').nth(1).unwrap().parse::<usize>().unwrap();
    let named: Vec<_> = log.match_indices("Initialized component: ").map(|(at, _)| at).collect();
    assert_eq!(named.len(), count, "{log}");
    assert!(begun < counted && named.iter().all(|at| (counted..done).contains(at)), "{log}");
    for component in ["configuration", "observability", "database", "transport", "application"] {
        at(&format!("Initialized component: {component}"));
    }
}

/// S7.4-01: the metrics of the process have the exact backlog of events that a subscriber has not
/// handled, and none when it has. There is no backlog of a broker, as this build has no NATS.
#[test]
fn events_that_wait_for_a_subscriber_are_the_backlog_of_the_metrics() {
    child::split(
        events_that_wait_for_a_subscriber_are_the_backlog_of_the_metrics,
        service,
        |own| {
            let place = Place::new();
            std::fs::write(place.file(OPEN), "").unwrap();
            let server = launch(own, &place);
            server.started();
            let backlog = |wanted: u32| {
                until("the backlog", || {
                    let pending = metric(&server, "ms_framework_event_bus_pending_messages")?;
                    (pending == f64::from(wanted)).then_some(())
                });
            };
            backlog(0);
            server.steer(LISTENER, Verb::Suspend);
            std::fs::write(place.file(PUBLISH), "").unwrap();
            backlog(EVENTS);
            server.steer(LISTENER, Verb::Resume);
            backlog(0);
        },
    );
}
