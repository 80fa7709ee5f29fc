//! SIGTERM, SIGINT, SIGHUP: idle, under load, twice, during the boot. RELIABILITY 57.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Http, Place, id_of, until};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::Signal;
use serde_json::Value;

const TASK: &str = r#"{"kind":"echo","payload":1}"#;

/// S5.1-02, S5.1-03, S5.1-04, S5.1-07, S5.1-11: SIGTERM and SIGINT end an idle server with 0, after its
/// components have stopped in reverse order, and its port is free for the next one.
#[test]
fn an_idle_server_ends_with_0_in_reverse_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let mut server = place.start();
        server.signal(signal);
        assert_eq!(server.exit(), 0, "{}", server.log.text());
        server.log.has_in_order(&[
            "shutdown phase phase=1",
            "shutdown phase phase=4",
            "stopped component=application",
            "stopped component=transport",
            "stopped component=database",
            "stopped component=configuration",
            "clean=true",
        ]);
    }
}

/// S5.1-05, S5.1-06: under load every admitted request is answered, and no acknowledged task is lost. A
/// request without an answer was not carried out.
#[test]
fn under_load_every_request_in_hand_is_answered() {
    let place = Place::new();
    let mut server = place.start();
    let addr = server.api();
    let answered = AtomicUsize::new(0);
    let (taken, unanswered) = (Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for client in 0..16 {
            let (answered, taken, unanswered) = (&answered, &taken, &unanswered);
            scope.spawn(move || {
                let mut http = Http::to(addr);
                for n in 0.. {
                    let key = format!("{client}-{n}");
                    let head = format!("Idempotency-Key: {key}\r\n");
                    match http.call("POST", "/api/v1/tasks", &head, TASK) {
                        Ok(reply) if reply.status == 503 => break,
                        Ok(reply) => {
                            taken.lock().unwrap().insert((key, id_of(&reply)));
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => return unanswered.lock().unwrap().push(key),
                    }
                }
            });
        }
        until("load", || (answered.load(Ordering::Relaxed) > 200).then_some(()));
        assert_eq!(server.stop(), 0, "{}", server.log.text());
    });
    assert!(server.log.has("clean=true"), "{}", server.log.text());

    let server = place.start();
    let mut http = server.http();
    for (key, id) in taken.into_inner().unwrap() {
        let reply = http.get(&format!("/api/v1/tasks/{id}"));
        assert_eq!(reply.status, 200, "{key} was acknowledged and is lost: {reply:?}");
    }
    for key in unanswered.into_inner().unwrap() {
        let head = format!("Idempotency-Key: {key}\r\n");
        let reply = http.call("POST", "/api/v1/tasks", &head, TASK).unwrap();
        assert!(!reply.head.contains("idempotency-replayed"), "{key} was done, and not answered");
    }
}

/// Sends an incomplete request that is admitted, so that the drain waits for it.
fn half_a_request(server: &common::Server) -> Http {
    let mut http = server.http();
    http.say(
        b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"kind\":\"echo\"",
    );
    // On another connection: the first one was admitted before the drain.
    assert_eq!(server.get("/api/v1/tasks?limit=1").status, 200);
    http
}

/// S5.1-05, S7.2-05: during the drain new work is 503, readiness is 503, liveness is 200, and the
/// admitted request is still served.
#[test]
fn a_drain_refuses_new_work_and_ends_what_it_has() {
    let place = Place::new();
    let mut server = place.start();
    let (api, admin) = (server.api(), server.admin());
    let mut half = half_a_request(&server);
    server.signal(Signal::TERM);
    server.log.line("shutdown phase phase=3");
    let ready = Http::try_get(admin, "/health/ready").expect("answered");
    assert_eq!((ready.status, &ready.json()["stage"]), (503, &Value::from("stopping")));
    assert_eq!(Http::try_get(admin, "/health/live").expect("answered").status, 200);
    let refused = Http::to(api).post("/api/v1/tasks", TASK);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.head.to_lowercase().contains("retry-after"), "{refused:?}");
    half.say(b",\"payload\":1}");
    let id = id_of(&half.reply().expect("answered"));
    assert_eq!(server.exit(), 0, "{}", server.log.text());
    assert_eq!(place.start().get(&format!("/api/v1/tasks/{id}")).status, 200);
}

/// S5.1-03, S5.1-14, RELIABILITY 57: a second signal during the drain is an emergency stop, with a
/// report and 1. Acknowledged tasks are there afterwards.
#[test]
fn a_second_signal_ends_it_by_force_and_loses_nothing_acknowledged() {
    for second in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let reports = place.file("reports");
        let place = place.set(&format!("emergency.crash_dir={}", reports.display()));
        let mut server = place.start();
        let id = id_of(&server.http().post("/api/v1/tasks", TASK));
        let _half = half_a_request(&server);
        let long = r#"{"kind":"wait","payload":{"ms":60000,"steps":10}}"#;
        id_of(&server.http().post("/api/v1/tasks", long));
        server.signal(Signal::TERM);
        server.log.line("shutdown phase phase=3");
        server.signal(second);
        assert_eq!(server.exit(), 1, "{}", server.log.text());
        // Row 52: actors that end with the node are not reported as lost with a thread.
        assert!(!server.log.has("its arbiter hung or died"), "{}", server.log.text());
        let report = std::fs::read_dir(&reports).unwrap().next().expect("a report").unwrap();
        let report = std::fs::read_to_string(report.path()).unwrap();
        assert!(report.contains("told_twice") && report.contains("/root/components"), "{report}");
        assert_eq!(place.start().get(&format!("/api/v1/tasks/{id}")).status, 200);
    }
}

/// S5.1-03: a signal during the boot cancels it. Everything that had started is stopped again, code 0.
#[test]
fn a_signal_during_the_boot_rolls_it_back() {
    let place = Place::new();
    assert_eq!(place.start().stop(), 0);
    // SQLite waits for this lock, so the boot does.
    let file = std::fs::File::options().write(true).open(place.database()).unwrap();
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).expect("nobody else has it");
    let mut server = place.launch();
    server.log.line("boot phase phase=4");
    server.signal(Signal::TERM);
    assert_eq!(server.exit(), 0, "{}", server.log.text());
    assert!(server.log.has("rolling back component=configuration"), "{}", server.log.text());
    assert!(!server.log.has("listening at="), "{}", server.log.text());
    drop(file);
    assert_eq!(place.start().stop(), 0);
}

/// RELIABILITY 57: of two signals during a boot that waits for ever, the second one ends it, and no
/// stored task is lost.
#[test]
fn two_signals_during_the_boot_end_it_and_lose_nothing() {
    let place = Place::new();
    let mut server = place.start();
    let id = id_of(&server.http().post("/api/v1/tasks", TASK));
    assert_eq!(server.stop(), 0);
    let file = std::fs::File::options().write(true).open(place.database()).unwrap();
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).expect("nobody else has it");
    let mut server = place.launch();
    server.log.line("boot phase phase=4");
    server.signal(Signal::TERM);
    server.log.line("Stop(");
    server.signal(Signal::INT);
    // The rollback may have finished before the second signal.
    assert!([0, 1].contains(&server.exit()), "{}", server.log.text());
    drop(file);
    assert_eq!(place.start().get(&format!("/api/v1/tasks/{id}")).status, 200);
}

/// RELIABILITY 57: SIGHUP reloads, and the process keeps running.
#[test]
fn a_hangup_reloads_and_the_process_lives() {
    let place = Place::new();
    let mut server = place.start();
    server.signal(Signal::HUP);
    server.log.line("reloaded");
    id_of(&server.http().post("/api/v1/tasks", TASK));
    assert_eq!(server.stop(), 0);
}

/// Row 52: signals without a meaning for a server do not end it.
#[test]
fn a_signal_without_meaning_ends_nothing() {
    let place = Place::new();
    let mut server = place.start();
    let signals = [
        ("SIGUSR1", Signal::USR1),
        ("SIGUSR2", Signal::USR2),
        ("SIGALRM", Signal::ALARM),
        ("SIGVTALRM", Signal::VTALARM),
        ("SIGPROF", Signal::PROF),
        ("SIGIO", Signal::IO),
        ("SIGXFSZ", Signal::XFSZ),
    ];
    for (name, signal) in signals {
        server.signal(signal);
        server.log.line(&format!("name=\"{name}\""));
    }
    id_of(&server.http().post("/api/v1/tasks", TASK));
    assert_eq!(server.stop(), 0, "{}", server.log.text());
    assert!(server.log.has("clean=true"), "{}", server.log.text());
}

/// Row 52: requests whose bodies do not arrive are refused and do not hold up the drain: the shutdown is
/// clean.
#[test]
fn half_sent_bodies_do_not_hold_a_stop_to_the_end_of_its_drain() {
    let place = Place::new();
    let mut server = place.start();
    let mut half: Vec<Http> = (0..20).map(|_| half_a_request(&server)).collect();
    server.signal(Signal::TERM);
    for http in &mut half {
        let reply = http.reply().expect("an answer");
        assert_eq!(reply.status, 503, "{reply:?}");
    }
    assert_eq!(server.exit(), 0, "{}", server.log.text());
    assert!(server.log.has("clean=true"), "{}", server.log.text());
}
