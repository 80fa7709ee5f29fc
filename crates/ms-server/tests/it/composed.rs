//! The requirements between components of a server, their open resources, and the cleanup at the
//! end, in the real process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

use crate::common;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Place, Server as Process, id_of, own_options, until};
use ms_bus::BusClient;
use ms_control::Client;
use ms_runtime::logic::emergency::EmergencyReason;
use ms_runtime::{
    CleanupError, CleanupFuture, CleanupHandler, Component, ComponentContext, ComponentFailure,
    ComponentSpec, EmergencyProcedure, OpenResource, StateSnapshot,
};
use ms_server::agents::Echo;
use ms_server::{Server, Snapshots};
use ms_testkit::child::{self, OwnTest};
use ms_worker::tasks::TaskClient;
use serde_json::{Value, json};

// ---- the code in the processes ----

/// The beginning of its state, which the tests look for on the disk.
const KEPT: &str = "the counter stands at ";

/// Keeps a number over restarts of its process: it opts in by requiring the snapshots.
struct Counter(u64);

impl Component for Counter {
    async fn init(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        let snapshots: Snapshots = cx.require()?;
        if let Some(kept) = snapshots.restore(cx, 1).await? {
            let text = String::from_utf8(kept.bytes)?;
            self.0 = text.strip_prefix(KEPT).ok_or("another's state")?.parse()?;
        }
        self.0 += 1;
        Ok(())
    }

    async fn start(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        let (tasks, bus): (TaskClient, BusClient) = (cx.require()?, cx.require()?);
        let waiting = tasks.stats().await?.tasks.len();
        let subscribers = bus.stats().subscriptions.len();
        eprintln!("counter life={} queues={waiting} subscribers={subscribers}", self.0);
        Ok(())
    }

    async fn stop(
        &mut self,
        cx: &ComponentContext,
    ) -> Result<Option<StateSnapshot>, ComponentFailure> {
        Ok(Some(cx.snapshot(1, format!("{KEPT}{}", self.0).into_bytes())))
    }
}

fn counter() -> ComponentSpec {
    let spec = ComponentSpec::new("counter", || Counter(0));
    spec.requires::<Snapshots>().requires::<TaskClient>().requires::<BusClient>()
}

/// Misbehaves as its mode says, once the boot is done.
struct Odd(&'static str, Option<OpenResource>);

impl Component for Odd {
    async fn start(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        self.1 = Some(cx.track("lease 7"));
        match self.0 {
            "fails" => return Err("it has no licence".into()),
            // It is never dropped.
            "leaks" => std::mem::forget(self.1.take()),
            _ => {}
        }
        let (mode, cx) = (self.0, cx.clone());
        actix::spawn(async move {
            while !cx.health().startup() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            match mode {
                "breach" => cx.emergency().trigger(EmergencyReason::SecurityBreach("told".into())),
                "rootless" => cx.root().expect("it is up").any().inject(ms_actor::Fault::Hang),
                "panics" => drop(cx.thread("counting", || panic!("a thread of its own"))),
                _ => {}
            }
        });
        Ok(())
    }
}

/// Does not stop, or stops with an error.
struct Late(bool);

impl Component for Late {
    async fn stop(
        &mut self,
        _: &ComponentContext,
    ) -> Result<Option<StateSnapshot>, ComponentFailure> {
        match self.0 {
            true => std::future::pending().await,
            false => Err("the lease was not given back".into()),
        }
    }
}

/// Reports that it ran, or never returns.
struct Handler(&'static str, u32);

impl CleanupHandler for Handler {
    fn name(&self) -> &str {
        self.0
    }

    fn priority(&self) -> u32 {
        self.1
    }

    #[allow(clippy::disallowed_methods, reason = "the fault under test")]
    fn cleanup(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        match self.0 {
            "blocks" => Box::pin(async {
                std::thread::sleep(Duration::from_secs(3_600));
                Ok(())
            }),
            "waits" => Box::pin(std::future::pending()),
            "fails" => Box::pin(async {
                let why = std::io::Error::other("the lease server does not answer");
                Err(CleanupError::Failed(why.into()))
            }),
            "panics" => panic!("a handler of its own"),
            _ => Box::pin(std::future::ready(Ok(()))),
        }
    }

    fn verify(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        let verified = match self.0 {
            "dusty" => Err(CleanupError::VerificationFailed("lease 7 is still held".to_owned())),
            _ => Ok(()),
        };
        Box::pin(std::future::ready(verified))
    }
}

/// Reports the reason of an emergency, or fails to.
struct Procedure(&'static str);

impl EmergencyProcedure for Procedure {
    fn name(&self) -> &str {
        self.0
    }

    fn execute(&self, reason: &EmergencyReason) -> Result<(), String> {
        eprintln!("the procedure {} sees {reason:?}", self.0);
        if self.0 == "page" { Err("nobody is on call".to_owned()) } else { Ok(()) }
    }
}

/// The child's part of the tests below.
#[allow(clippy::disallowed_methods, reason = "this process is the service")]
fn process(mode: &str) {
    let server = Server::new("composed").agents::<Echo>("echo", ());
    let odd = |mode: &'static str| ComponentSpec::new("odd", move || Odd(mode, None));
    let server = match mode {
        "counter" => server.component(counter()),
        "leaks" => server.component(odd("leaks")),
        "fails" => server.component(odd("fails")),
        "breach" => server
            .component(odd("breach"))
            .emergency(Procedure("note"))
            .emergency(Procedure("page")),
        "panics" => server.component(odd("panics")),
        "rootless" => server.component(odd("rootless")),
        "hangs" => server.component(odd("hangs")),
        "cleans" => server,
        "late" => server
            .component(ComponentSpec::new("late", || Late(true)).needs(["database"]))
            .component(ComponentSpec::new("broken", || Late(false)).needs(["late"])),
        other => panic!("no mode {other}"),
    };
    let server = match mode {
        "counter" | "late" => server,
        // Added in another order than the one they run in.
        "cleans" => server
            .cleanup(Handler("last", 200))
            .cleanup(Handler("panics", 50))
            .cleanup(Handler("fails", 20))
            .cleanup(Handler("first", 1))
            .cleanup(Handler("dusty", 20)),
        _ => server
            .cleanup(Handler("last", 200))
            .cleanup(Handler("blocks", 5))
            .cleanup(Handler("waits", 50)),
    };
    let code = match server.run(&own_options()) {
        Ok(end) => end.code(),
        Err(error) => {
            eprintln!("{}", error.describe());
            error.code()
        }
    };
    std::process::exit(i32::from(code));
}

fn start(own: &OwnTest, place: &Place, mode: &str) -> Process {
    let server = place.launch_part(own, mode);
    server.started();
    server
}

/// Returns the state of an actor as `msctl state` prints it.
fn state(server: &Process, path: &str) -> Value {
    let path = path.parse().expect("a path");
    let state = server.control(async |client: &mut Client| client.state(path).await);
    state.unwrap_or_else(|error| panic!("{error:?}")).state
}

fn with_snapshots() -> Place {
    let place = Place::new();
    let (dir, key) = (place.file("snapshots"), place.file("keys"));
    fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
    fs::write(&key, format!("first {}\n", "5a".repeat(32))).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    place.write_config(&format!(
        "[persistence]\nenabled = true\ndir = {dir:?}\nkey_file = {key:?}\ninterval = \"1h\"\n"
    ));
    place
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

// ---- requirements ----

/// S8.2-02: if the component that would provide it is off, the start ends with 8 before anything has
/// started, and the message names both components, the type and the remedy.
#[test]
fn a_component_whose_provider_is_left_out_ends_the_start_with_both_names() {
    child::split(
        a_component_whose_provider_is_left_out_ends_the_start_with_both_names,
        process,
        |own| {
            let place = Place::new();
            let mut server = place.launch_part(own, "counter");
            assert_eq!(server.exit(), 8, "{}", server.log.text());
            let line = server.log.text();
            for words in [
                "the component counter requires ms_server::persistence::Snapshots",
                "the component keyring would provide and is left out",
                "set `persistence.enabled` to true",
            ] {
                assert!(line.contains(words), "no {words} in {line}");
            }
            assert!(!line.contains("boot phase") && !place.database().exists(), "{line}");
        },
    );
}

/// S8.2-02, S5.3-01, S5.3-02, S5.3-03, S5.3-04: a program's own component gets the server's parts by
/// their types, starts after their providers, and opts into snapshots by requiring them, so that its
/// state outlives the process.
#[test]
fn a_component_of_ones_own_gets_what_it_requires_and_keeps_its_state() {
    child::split(
        a_component_of_ones_own_gets_what_it_requires_and_keeps_its_state,
        process,
        |own| {
            let place = with_snapshots();
            for life in 1..=2 {
                let mut server = start(own, &place, "counter");
                server.log.line(&format!("counter life={life} "));
                let graph = state(&server, "/root/lifecycle")["components"].clone();
                let own = &graph["counter"];
                assert_eq!(own["needs"], json!(["keyring", "database", "event-bus"]), "{own}");
                assert_eq!(own["requires"][0], "ms_server::persistence::Snapshots", "{own}");
                assert_eq!(graph["keyring"]["provides"], json!([own["requires"][0]]), "{graph}");
                assert_eq!(server.stop(), 0, "{}", server.log.text());
            }
            // One folder for each save, with no readable name or content in it.
            let (saves, files): (Vec<_>, Vec<_>) =
                entries(&place.file("snapshots")).into_iter().partition(|entry| entry.is_dir());
            assert!(saves.len() >= 2, "{saves:?}");
            for file in saves.iter().flat_map(|save| entries(save)).chain(files) {
                assert!(!file.to_string_lossy().contains("counter"), "{file:?}");
                let bytes = fs::read(&file).unwrap();
                let readable = bytes.windows(KEPT.len()).any(|part| part == KEPT.as_bytes());
                assert!(!bytes.is_empty() && !readable, "{file:?}");
                let mode = fs::metadata(&file).unwrap().permissions().mode();
                assert_eq!(mode & 0o077, 0, "{file:?}: {mode:o}");
            }
        },
    );
}

// ---- open resources, and their end ----

/// S5.2-04, S5.2-07, S5.2-08: every real resource is listed while it is open, over the control
/// socket and over HTTP; at the end the listeners are closed and then the database, both
/// verified, and nothing is left.
#[test]
fn what_is_open_is_listed_and_nothing_is_left_at_the_end() {
    let place = with_snapshots();
    let mut server = place.start();
    let database = place.database().canonicalize().unwrap();
    let expected = [
        format!("control socket {}", place.control().display()),
        format!("lock of the task store {}", database.display()),
        format!("connections to the task store {}", database.display()),
        format!("keyring: snapshots in {}", place.file("snapshots").display()),
        format!("listener at {}", server.api()),
        format!("listener at {}", server.admin()),
    ];
    let listing = state(&server, "/root/cleanup");
    assert_eq!(listing["handlers"], json!(["listeners", "database_connections"]), "{listing}");
    let over_http = server.get("/api/v1/resources").json();
    assert_eq!(over_http["open"], listing["resources"], "{over_http}");
    let listed: Vec<String> = serde_json::from_value(listing["resources"].clone()).unwrap();
    for resource in &expected {
        assert!(listed.contains(resource), "no {resource} in {listed:?}");
    }
    assert_eq!(listed.len(), expected.len(), "{listed:?}");

    assert_eq!(server.stop(), 0, "{}", server.log.text());
    server.log.has_in_order(&[
        "shutdown phase phase=7",
        "cleanup handler=\"listeners\" outcome=Success",
        "cleanup handler=\"database_connections\" outcome=Success",
        "clean=true",
    ]);
    assert!(!server.log.has("left open"), "{}", server.log.text());
}

/// The cleanup handlers of the modes below, in the order in which they run, with the outcome of
/// each. One blocks its thread and one waits for ever.
const RAN: [(&str, &str); 5] = [
    ("blocks", "Failure(TimedOut(2s))"),
    ("listeners", "Success"),
    ("waits", "Failure(TimedOut(2s))"),
    ("database_connections", "Success"),
    ("last", "Success"),
];

/// Asserts that all of them ran after the line.
fn all_ran(server: &Process, after: &str) {
    let text = server.log.text();
    let (_, rest) = text.split_once(after).unwrap_or_else(|| panic!("no {after} in {text}"));
    let mut from = 0;
    for (name, outcome) in RAN {
        let line = format!("handler=\"{name}\" outcome={outcome}");
        let found = rest[from..].find(&line);
        from += found.unwrap_or_else(|| panic!("no {line} in its turn in {text}"));
    }
}

/// S5.1-08, S5.1-09, S5.1-12: a component that does not stop in time is ended by force, one that
/// fails to stop is reported with its error, and the stop goes on after both: the database is
/// stopped, state is saved, handlers run.
#[test]
fn a_component_that_does_not_stop_is_ended_by_force_and_the_rest_of_the_stop_is_done() {
    child::split(
        a_component_that_does_not_stop_is_ended_by_force_and_the_rest_of_the_stop_is_done,
        process,
        |own| {
            let place = Place::new();
            let mut server = start(own, &place, "late");
            assert_eq!(server.stop(), 1, "{}", server.log.text());
            server.log.has_in_order(&[
                "the lease was not given back",
                "not stopped in time: killing it component=late",
                "stopped component=late outcome=",
                "stopped component=database outcome=",
                "shutdown phase phase=5",
                "shutdown phase phase=7",
                "cleanup handler=\"listeners\" outcome=Success",
                "cleanup handler=\"database_connections\" outcome=Success",
                "clean=false",
            ]);
        },
    );
}

/// S5.2-08: an orderly stop runs them by priority, passes over those that hang, and names the
/// resources that were left open.
#[test]
fn handlers_that_hang_are_named_and_passed_over_and_a_leak_is_named() {
    child::split(
        handlers_that_hang_are_named_and_passed_over_and_a_leak_is_named,
        process,
        |own| {
            let place = Place::new();
            let mut server = start(own, &place, "leaks");
            let listed = state(&server, "/root/cleanup")["resources"].to_string();
            assert!(listed.contains("odd: lease 7"), "{listed}");
            assert_eq!(server.stop(), 0, "{}", server.log.text());
            all_ran(&server, "shutdown phase phase=7");
            let text = server.log.text();
            assert!(
                text.contains("left open: odd: lease 7") && text.contains("clean=false"),
                "{text}"
            );
        },
    );
}

/// S5.2-01, S5.2-02, S5.2-03, S5.2-09: the handlers that a program adds run among the server's own, the
/// lowest priority first and equal ones by name. Each succeeds, fails or cannot be verified, and the
/// error says which. One that fails or panics delays no other, but the stop is not clean.
#[test]
fn the_handlers_of_a_program_run_by_priority_and_each_has_one_of_three_outcomes() {
    child::split(
        the_handlers_of_a_program_run_by_priority_and_each_has_one_of_three_outcomes,
        process,
        |own| {
            let place = Place::new();
            let mut server = start(own, &place, "cleans");
            let order =
                ["first", "listeners", "dusty", "fails", "panics", "database_connections", "last"];
            assert_eq!(state(&server, "/root/cleanup")["handlers"], json!(order));
            assert_eq!(server.stop(), 0, "{}", server.log.text());
            let text = server.log.text();
            let outcomes: Vec<(&str, &str)> = text
                .lines()
                .filter_map(|line| {
                    line.split_once(" cleanup handler=\"")?.1.split_once("\" outcome=")
                })
                .collect();
            assert_eq!(outcomes.iter().map(|(name, _)| *name).collect::<Vec<_>>(), order, "{text}");
            for (name, outcome) in outcomes {
                let begins = match name {
                    "dusty" => "VerificationFailure(VerificationFailed(\"lease 7 is still held\"))",
                    "fails" => "Failure(Failed(",
                    "panics" => "Failure(Panicked(\"a handler of its own\"))",
                    // With how long it took.
                    _ => "Success(",
                };
                assert!(outcome.starts_with(begins), "{name}: {outcome}");
                let source = outcome.contains("the lease server does not answer");
                assert_eq!(source, name == "fails", "its own error is kept: {outcome}");
            }
            assert!(text.contains("clean=false"), "{text}");
        },
    );
}

/// S4.1-16, S4.1-17: the checks before the boot pass, warn or fail. All of them run. If any fails,
/// the start ends with 6 and names each that did, before anything has started; a warning stops nothing.
#[test]
fn a_check_before_the_boot_that_fails_ends_the_start_with_6_and_a_warning_does_not() {
    let place = Place::new();
    let taken = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let [http, metrics] = taken.each_ref().map(|port| port.local_addr().unwrap());
    place.write_base(&format!(
        "http.bind = \"{http}\"\ntelemetry.metrics_bind = \"{metrics}\"\ntasks.database = {:?}\n",
        place.database()
    ));
    let (code, output) = place.refused();
    assert_eq!(code, 6, "{output}");
    for port in [http, metrics] {
        assert!(output.contains(&port.to_string()), "{port} is taken: {output}");
    }
    assert!(!output.contains("boot phase") && !place.database().exists(), "{output}");

    let warned = Place::new().set("core.event_bus.type=nats");
    let mut server = warned.start();
    server.log.line("pre-flight: warning");
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}

/// S4.1-14, S4.2-06: they also run when the boot fails, after everything that had started was stopped
/// in reverse order.
#[test]
fn a_boot_that_fails_cleans_up() {
    child::split(a_boot_that_fails_cleans_up, process, |own| {
        let place = Place::new();
        let mut server = place.launch_part(own, "fails");
        assert_eq!(server.exit(), 4, "{}", server.log.text());
        all_ran(&server, "the boot failed and was rolled back");
        let text = server.log.text();
        let named = |mark: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.split_once(mark));
            lines.map(|(_, name)| name.split(' ').next().unwrap().to_owned()).collect()
        };
        let started = named("Initialized component: ");
        let undone: Vec<_> = named("rolling back component=");
        assert!(started.len() > 3, "{text}");
        let undone: Vec<_> = undone.iter().rev().filter(|name| started.contains(name)).collect();
        assert!(undone.iter().copied().eq(&started), "{started:?}, and back: {undone:?}");
        assert!(text.contains("it has no licence") && !text.contains("left open"), "{text}");
    });
}

/// S5.4-06, S5.4-07: they also run in an emergency, without asking any actor, beside the procedures of
/// the program, whose outcomes are in the report. The database is closed, its lock is free, and the
/// report lists what was still open.
#[test]
fn an_emergency_cleans_up_without_any_actor_that_runs_handlers() {
    child::split(an_emergency_cleans_up_without_any_actor_that_runs_handlers, process, |own| {
        let place = Place::new();
        let reports = place.file("reports");
        place.write_config(&format!("[emergency]\ncrash_dir = {reports:?}\n"));
        let mut server = start(own, &place, "hangs");
        let id = id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
        assert_eq!(server.stop(), 0, "{}", server.log.text());
        let mut server = place.launch_part(own, "breach");
        assert_eq!(server.exit(), 104, "{}", server.log.text());
        all_ran(&server, "EMERGENCY SHUTDOWN INITIATED");
        let report = fs::read_dir(&reports).unwrap().next().expect("a report").unwrap();
        let report: Value = serde_json::from_slice(&fs::read(report.path()).unwrap()).unwrap();
        server.log.line("the procedure note sees SecurityBreach");
        server.log.line("final state of the tree");
        assert!(server.log.text().contains("/root/components/"), "{}", server.log.text());
        let went = report["procedures"].to_string();
        assert!(went.contains("\"note\",{\"outcome\":\"done\"}"), "{report}");
        assert!(
            went.contains("\"page\",{\"outcome\":\"failed\",\"why\":\"nobody is on call\"}"),
            "{report}"
        );
        let ran: Vec<_> = report["cleanup"].as_array().unwrap().iter().map(|one| &one[0]).collect();
        assert_eq!(ran, RAN.map(|(name, _)| name), "{report}");
        let open = report["open"].to_string();
        assert!(open.contains("odd: lease 7") && open.contains("control socket"), "{report}");
        assert!(!open.contains("task store") && !open.contains("listener"), "{report}");
        let server = place.start();
        until("what was acknowledged", || {
            (server.get(&format!("/api/v1/tasks/{id}")).status == 200).then_some(())
        });
    });
}

/// S5.4-08: a panic on a program's own thread, which nobody supervises, ends with 101.
#[test]
fn a_panic_outside_any_actor_ends_the_process_with_101() {
    child::split(a_panic_outside_any_actor_ends_the_process_with_101, process, |own| {
        let place = Place::new();
        let mut server = place.launch_part(own, "panics");
        assert_eq!(server.exit(), 101, "{}", server.log.text());
        let line = server.log.line("EMERGENCY SHUTDOWN INITIATED");
        assert!(line.contains("the thread counting panicked, outside any actor"), "{line}");
    });
}

/// S5.4-08: nothing supervises the root supervisor. When it hangs, the thread that waits for signals
/// notices, and ends the process with 102.
#[test]
fn a_root_supervisor_that_hangs_ends_the_process_with_102() {
    child::split(a_root_supervisor_that_hangs_ends_the_process_with_102, process, |own| {
        let place = Place::new();
        place.write_config("core.supervision.heartbeat_interval = \"200ms\"\n");
        let mut server = place.launch_part(own, "rootless");
        assert_eq!(server.exit(), 102, "{}", server.log.text());
        let line = server.log.line("EMERGENCY SHUTDOWN INITIATED");
        assert!(line.contains("the root supervisor hangs: it missed"), "{line}");
    });
}
