//! Services as processes: signals, exit codes, emergencies, too few file descriptors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use ms_core::health::HealthResult;
use ms_runtime::logic::emergency::EmergencyReason;
use ms_runtime::{
    Builder, Component, ComponentContext, ComponentFailure, ComponentSpec, ControlEndpoint,
    EmergencyProcedure, ReloadOutcome, RunConfig, ServiceStage, Settings, StateSnapshot,
};
use ms_testkit::child::{self, ChildTest, OwnTest};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

// ---- what runs in the processes ----

/// Prints what becomes of it; odd in the way its name says.
struct Part(&'static str);

impl Component for Part {
    async fn start(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        let cx = cx.clone();
        match self.0 {
            "slow" => {
                println!("\nslow starts");
                tokio::time::sleep(60 * SECOND).await;
            }
            "restless" => drop(actix_rt::spawn(async move {
                // A service that never ran has no root that gives up: its boot fails.
                while cx.stage() != ServiceStage::Running {
                    tokio::time::sleep(MS).await;
                }
                cx.fail("it cannot go on");
            })),
            "panics" => panic!("a panic at start"),
            _ => {}
        }
        println!("\nstart {}", self.0);
        Ok(())
    }

    async fn health(&mut self, _: &ComponentContext) -> HealthResult {
        match self.0 {
            "broken" => HealthResult::Unhealthy("it does not work".to_owned()),
            _ => HealthResult::Healthy,
        }
    }

    async fn stop(
        &mut self,
        _: &ComponentContext,
    ) -> Result<Option<StateSnapshot>, ComponentFailure> {
        println!("\nstop {}", self.0);
        if self.0 == "stubborn" {
            std::future::pending::<()>().await;
        }
        Ok(None)
    }

    async fn reload(&mut self, _: &ComponentContext) -> Result<ReloadOutcome, ComponentFailure> {
        println!("\nreload {}", self.0);
        Ok(ReloadOutcome::Unchanged)
    }
}

/// Says when the boot is done, then does what the mode asks for.
struct Herald(String);

impl Component for Herald {
    async fn start(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        let (cx, mode) = (cx.clone(), self.0.clone());
        actix_rt::spawn(async move {
            while !cx.health().startup() {
                tokio::time::sleep(MS).await;
            }
            println!("\nready");
            let emergency = cx.emergency();
            let text = || "told by the test".to_owned();
            match mode.as_str() {
                "panic" => emergency.trigger(EmergencyReason::Panic(text())),
                "resources" => emergency.trigger(EmergencyReason::ResourceExhaustion(text())),
                "breach" | "hung" => emergency.trigger(EmergencyReason::SecurityBreach(text())),
                "rootless" => cx.root().expect("it is up").any().inject(ms_actor::Fault::Hang),
                "critical" => (0..5).for_each(|n| emergency.critical_error(format!("number {n}"))),
                "four" => (0..4).for_each(|n| emergency.critical_error(format!("number {n}"))),
                _ => {}
            }
        });
        Ok(())
    }
}

struct Procedure(&'static str);

impl EmergencyProcedure for Procedure {
    fn name(&self) -> &str {
        self.0
    }
    #[allow(clippy::disallowed_methods, reason = "the fault under test")]
    fn execute(&self, reason: &EmergencyReason) -> Result<(), String> {
        match self.0 {
            "hangs" => std::thread::sleep(Duration::MAX),
            "panics" => panic!("a procedure that panics"),
            "fails" => return Err("no use".to_owned()),
            _ => println!("\nprocedure sees {}", reason.exit_code()),
        }
        Ok(())
    }
}

fn service(mode: &str) -> Builder {
    let run = RunConfig::new("test").arbiters(1).quiet_panics().control(ControlEndpoint::Off);
    let mut settings = Settings::of(run);
    settings.emergency.limit = 2 * SECOND;
    if mode == "rootless" {
        settings.supervision.heartbeat = ms_supervisor::Heartbeat { every: 200 * MS, missed: 3 };
    }
    settings.emergency.reports = std::env::var_os("MS_REPORTS").map(Into::into);
    let part = |name: &'static str| ComponentSpec::new(name, move || Part(name)).needs(["base"]);
    let herald = mode.to_owned();
    let builder = Builder::new(settings)
        .component(ComponentSpec::new("base", || Part("base")))
        .component(ComponentSpec::new("herald", move || Herald(herald.clone())).needs(["base"]))
        .emergency(Procedure("tells"));
    match mode {
        "slow" => builder.component(part("slow").start_within(90 * SECOND)),
        "stubborn" => builder.component(part("stubborn").stop_within(20 * SECOND)),
        "restless" => builder.component(part("restless")),
        "panics" => builder.component(part("panics")),
        "broken" => builder.component(part("broken")),
        "hung" => builder
            .emergency(Procedure("hangs"))
            .emergency(Procedure("panics"))
            .emergency(Procedure("fails")),
        _ => builder,
    }
}

/// The child's part of the tests below.
fn run_service(mode: &str) {
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stdout).init();
    let ended = match mode {
        "job" => service(mode).run_with(async |runtime| {
            let tree = loop {
                let tree = runtime.root().tree(None).await?;
                // One that is late, as on a busy machine, is shown without its children.
                if tree.silent().next().is_none() {
                    break tree;
                }
            };
            println!("\njob among {}", tree.walk().count());
            Ok(())
        }),
        "botched" => service(mode).run_with(async |_| Err("the job failed".into())),
        _ => service(mode).run(),
    };
    let code = match ended {
        Ok(end) => end.code(),
        Err(error) => {
            println!("\nerror: {error:?}");
            error.code()
        }
    };
    #[allow(clippy::disallowed_methods, reason = "the main of a child process")]
    std::process::exit(code.into());
}

// ---- the processes ----

struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
    seen: String,
}

impl Process {
    fn start(own: &OwnTest, mode: &str) -> Self {
        Self::start_with(own.child(mode))
    }

    /// With a place for crash reports.
    fn reporting(own: &OwnTest, mode: &str, reports: &Path) -> Self {
        Self::start_with(own.child(mode).env("MS_REPORTS", reports))
    }

    fn start_with(child: ChildTest) -> Self {
        let piped = child.with(|command| {
            command.stdout(Stdio::piped());
        });
        let mut child = piped.spawn();
        let out = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, out, seen: String::new() }
    }

    /// Reads on until a line begins so; gives the rest of it.
    fn until(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.out.read_line(&mut line).expect("text");
            assert!(read > 0, "it ended without {start:?}:\n{}", self.seen);
            self.seen.push_str(&line);
            if let Some(rest) = line.strip_prefix(start) {
                return rest.trim().to_owned();
            }
        }
    }

    fn signal(&self, name: &str) {
        assert!(self.try_signal(name), "nobody to take SIG{name}");
    }

    fn try_signal(&self, name: &str) -> bool {
        let id = self.child.id().to_string();
        let mut kill = Command::new("kill");
        kill.args([format!("-{name}"), id]).stderr(Stdio::null());
        kill.status().expect("kill runs").success()
    }

    /// Waits for its end; gives all it printed.
    fn end(mut self) -> (ExitStatus, String) {
        self.out.read_to_string(&mut self.seen).expect("text");
        (self.child.wait().expect("ends"), self.seen)
    }

    fn ends_with(self, code: i32) -> String {
        let (status, out) = self.end();
        assert_eq!(status.code(), Some(code), "{out}");
        out
    }
}

/// The lines that begin so, without that.
fn of<'a>(out: &'a str, verb: &str) -> Vec<&'a str> {
    out.lines().filter_map(|line| line.strip_prefix(verb)).map(str::trim).collect()
}

// ---- signals ----

/// S5.1-03, S4.1-18, S4.2-08, F13: in order, and told in the log.
/// S4.1-01, S5.1-02, S5.1-04
#[test]
fn sigterm_and_sigint_shut_down_in_order_with_exit_code_0() {
    child::split(sigterm_and_sigint_shut_down_in_order_with_exit_code_0, run_service, |own| {
        for name in ["TERM", "INT", "QUIT"] {
            let mut process = Process::start(own, "idle");
            process.until("ready");
            process.signal(name);
            let out = process.ends_with(0);
            assert_eq!(of(&out, "stop "), ["base"], "{out}");
            for text in [
                "Starting MS Framework bootstrap sequence",
                "Initializing 2 components",
                "Initialized component: base",
                "MS Framework bootstrap completed successfully",
                "shutdown phase phase=1",
                "shutdown phase phase=7",
            ] {
                assert!(out.contains(text), "no {text:?} in\n{out}");
            }
        }
    });
}

/// Nobody is above the root supervisor: when it hangs, the thread that waits for signals ends the
/// process, in an emergency.
#[test]
fn a_root_supervisor_that_hangs_is_an_emergency() {
    child::split(a_root_supervisor_that_hangs_is_an_emergency, run_service, |own| {
        let mut process = Process::start(own, "rootless");
        process.until("ready");
        let out = process.ends_with(102);
        assert!(out.contains("the root supervisor hangs"), "{out}");
    });
}

/// A service with an end of its own: it is up when the job begins, and goes down in order.
#[test]
fn the_end_of_a_job_shuts_its_service_down_in_order() {
    child::split(the_end_of_a_job_shuts_its_service_down_in_order, run_service, |own| {
        let out = Process::start(own, "job").ends_with(0);
        // The root, the runtime's four, `components` and the two components.
        assert_eq!(of(&out, "job"), ["among 9"], "{out}");
        assert_eq!(of(&out, "stop"), ["base"], "{out}");
        let out = Process::start(own, "botched").ends_with(1);
        assert_eq!(of(&out, "stop"), ["base"], "{out}");
        assert!(out.contains("the program's main future failed: the job failed"), "{out}");
    });
}

/// RELIABILITY 57, F13: a second signal, whichever, is an emergency stop: bounded, told, with a
/// report of what did not stop, and code 1. A third one changes nothing.
/// S5.1-03, S5.1-14, S5.4-08
#[test]
fn a_second_signal_is_an_emergency_stop_with_a_report() {
    child::split(a_second_signal_is_an_emergency_stop_with_a_report, run_service, |own| {
        for second in ["TERM", "INT"] {
            let reports = tempfile::tempdir().expect("a directory");
            let mut process = Process::reporting(own, "stubborn", reports.path());
            process.until("ready");
            process.signal("TERM");
            process.until("stop stubborn");
            process.signal(second);
            process.until("procedure sees 1");
            // It may be gone by now.
            let _ = process.try_signal("TERM");
            let out = process.ends_with(1);
            assert!(out.contains("EMERGENCY SHUTDOWN INITIATED"), "{out}");
            let report = report_in(reports.path());
            assert_eq!(
                (&report["code"], &report["reason"]["kind"]),
                (&1.into(), &"told_twice".into())
            );
            let detail = report["reason"]["detail"].as_str().unwrap_or_default();
            assert!(detail.contains(&format!("SIG{second}")), "{report}");
            let tree = report["tree"].as_array().cloned().unwrap_or_default();
            let is_there = |path: &str| tree.iter().any(|line| line.to_string().contains(path));
            assert!(is_there("/root/components/stubborn"), "{report}");
        }
    });
}

/// RELIABILITY 57: told to stop during the boot, it rolls back.
#[test]
fn sigterm_during_the_boot_rolls_back_with_exit_code_0() {
    child::split(sigterm_during_the_boot_rolls_back_with_exit_code_0, run_service, |own| {
        let mut process = Process::start(own, "slow");
        process.until("slow starts");
        process.signal("TERM");
        let out = process.ends_with(0);
        assert_eq!(of(&out, "start "), ["base"], "{out}");
        assert_eq!(of(&out, "stop "), ["base"], "{out}");
    });
}

/// RELIABILITY 57: SIGHUP reloads and stops nothing.
#[test]
fn sighup_has_the_components_reload() {
    child::split(sighup_has_the_components_reload, run_service, |own| {
        let mut process = Process::start(own, "idle");
        process.until("ready");
        process.signal("HUP");
        process.until("reload base");
        process.signal("TERM");
        process.ends_with(0);
    });
}

// ---- the end without a signal ----

/// A component that panics at boot: named, exit code 4.
#[test]
fn a_boot_that_fails_names_the_component_and_exits_with_4() {
    child::split(a_boot_that_fails_names_the_component_and_exits_with_4, run_service, |own| {
        let out = Process::start(own, "panics").ends_with(4);
        let error = of(&out, "error:");
        assert!(
            error[0].contains("component panics") && error[0].contains("a panic at start"),
            "{out}"
        );
        assert_eq!(of(&out, "stop "), ["base"], "{out}");
    });
}

/// S4.1-12: a critical check that fails at the end of the boot: named, undone, exit code 7.
#[test]
fn a_boot_that_is_not_healthy_names_the_check_and_exits_with_7() {
    child::split(a_boot_that_is_not_healthy_names_the_check_and_exits_with_7, run_service, |own| {
        let out = Process::start(own, "broken").ends_with(7);
        assert!(of(&out, "error:")[0].contains("broken: it does not work"), "{out}");
        assert_eq!(of(&out, "stop "), ["broken", "base"], "{out}");
        assert!(!out.contains("bootstrap completed successfully"), "{out}");
    });
}

/// S7.1-05: the root gives up; what ran was stopped, exit code 102, a report on disk.
#[test]
fn a_root_that_gives_up_exits_with_102_in_good_order() {
    child::split(a_root_that_gives_up_exits_with_102_in_good_order, run_service, |own| {
        let reports = tempfile::tempdir().expect("a directory");
        let process = Process::reporting(own, "restless", reports.path());
        let out = process.ends_with(102);
        let (starts, stops) = (of(&out, "start base").len(), of(&out, "stop base").len());
        assert_eq!(starts, stops, "each start of the base has its stop");
        let report = report_in(reports.path());
        assert_eq!(report["code"], 102);
    });
}

fn report_in(directory: &Path) -> serde_json::Value {
    let files: Vec<_> = std::fs::read_dir(directory).expect("there").collect();
    assert_eq!(files.len(), 1, "one report, and no half one");
    let path = files[0].as_ref().expect("readable").path();
    serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("whole")
}

/// S5.4-01, S5.4-05, S5.4-07, S5.4-08: four triggers, four codes, a dump of the tree.
#[test]
fn each_emergency_has_its_exit_code_a_tree_dump_and_a_report() {
    child::split(each_emergency_has_its_exit_code_a_tree_dump_and_a_report, run_service, |own| {
        for (mode, code) in [("panic", 101), ("critical", 102), ("resources", 103), ("breach", 104)]
        {
            let reports = tempfile::tempdir().expect("a directory");
            let process = Process::reporting(own, mode, reports.path());
            let out = process.ends_with(code);
            assert!(out.contains("EMERGENCY SHUTDOWN INITIATED"), "{out}");
            assert!(out.contains("/root/components/base #1 running"), "{out}");
            assert_eq!(of(&out, "procedure sees "), [code.to_string()], "{out}");
            let report = report_in(reports.path());
            assert_eq!(report["code"], code);
            assert!(report["tree"].as_array().is_some_and(|tree| tree.len() > 5), "{report}");
            assert_eq!(report["procedures"][0][1]["outcome"], "done");
        }
    });
}

/// S5.4-05: one fewer than the threshold is no emergency.
#[test]
fn four_critical_errors_are_no_emergency() {
    child::split(four_critical_errors_are_no_emergency, run_service, |own| {
        let mut process = Process::start(own, "four");
        process.until("ready");
        process.signal("TERM");
        process.ends_with(0);
    });
}

/// S5.4-06: hung, panicking and failing procedures; it waits for none of them for ever.
#[test]
fn an_emergency_ends_whatever_the_procedures_do() {
    child::split(an_emergency_ends_whatever_the_procedures_do, run_service, |own| {
        let reports = tempfile::tempdir().expect("a directory");
        let mut process = Process::reporting(own, "hung", reports.path());
        process.until("ready");
        process.ends_with(104);
        let report = report_in(reports.path());
        let outcome = |at: usize| report["procedures"][at][1]["outcome"].clone();
        assert_eq!([0, 1, 2, 3].map(outcome), ["done", "timed_out", "panicked", "failed"]);
    });
}

/// S5.4-02, S5.4-03, S5.4-04, C4: a panic in a component's start is logged and is no emergency: it fails
/// the boot, in order.
#[test]
fn a_panic_at_the_start_is_logged_and_fails_the_boot_in_order() {
    child::split(a_panic_at_the_start_is_logged_and_fails_the_boot_in_order, run_service, |own| {
        let out = Process::start(own, "panics").ends_with(4);
        assert!(out.contains("PANIC DETECTED") && out.contains("a panic at start"), "{out}");
        assert!(!out.contains("EMERGENCY"), "{out}");
    });
}

// ---- file descriptors ----

/// RELIABILITY 58: pre-flight says so.
/// S4.1-02
#[test]
fn too_few_file_descriptors_are_found_before_the_start() {
    child::split(too_few_file_descriptors_are_found_before_the_start, run_service, |own| {
        let out = Process::start_with(own.child("idle").after("ulimit -n 40")).ends_with(6);
        assert!(out.contains("file-descriptors") && out.contains("ulimit -n"), "{out}");
        assert!(of(&out, "start ").is_empty(), "{out}");
    });
}
