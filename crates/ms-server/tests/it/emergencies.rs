//! Emergencies of the real process, each with its exit code and the line with its reason. 101, and a
//! root that hangs, are in `composed.rs`: a program's own component causes them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use common::{Http, Place, Server, id_of, until};

const TASK: &str = r#"{"kind":"echo","payload":1}"#;

fn ends_with(server: &mut Server, code: i32, why: &str) {
    assert_eq!(server.exit(), code, "{}", server.log.text());
    let line = server.log.line("EMERGENCY SHUTDOWN INITIATED");
    assert!(line.contains(why) && line.contains(&format!("code={code}")), "no {why} in {line}");
}

/// S5.4-05, S5.4-08: the database is lost while the server runs, which the server cannot mend. One
/// loss is tolerated, because the file may be put back; at the configured number the process ends
/// with 102.
#[test]
fn as_many_critical_errors_as_configured_end_the_process_with_102() {
    let place = Place::new()
        .set("emergency.critical_errors=2")
        .set("core.supervision.health_check_interval=200ms");
    let mut server = place.start();
    id_of(&server.http().post("/api/v1/tasks", TASK));
    let (db, away) = (place.database(), place.file("away.db"));
    fs::rename(&db, &away).unwrap();
    let line = server.log.line("critical error path=/root/components/database/store");
    assert!(line.contains("removed or renamed"), "{line}");
    fs::rename(&away, &db).unwrap();
    until("a task that is taken", || {
        (server.http().post("/api/v1/tasks", TASK).status == 201).then_some(())
    });
    fs::rename(&db, &away).unwrap();
    ends_with(&mut server, 102, "2 critical errors within 60s, the last: writing: ");
    fs::rename(&away, &db).unwrap();
    assert_eq!(place.start().stop(), 0, "nothing of it is lost");
}

/// S5.4-08: more memory than is granted, for three seconds: 103.
#[test]
fn a_process_that_uses_more_memory_than_it_may_ends_with_103() {
    let place = Place::new().set("emergency.memory_limit=1MiB");
    let mut server = place.launch();
    ends_with(
        &mut server,
        103,
        "MiB of memory are in use at 3 checks in a row, the limit is 1 MiB",
    );
    let text = server.log.text();
    assert!(text.contains("emergency.memory_limit"), "{text}");
}

/// S5.4-09: the log has the reason of an emergency, and the path and the cause if the report cannot be
/// written; the exit code is the same.
#[test]
fn a_crash_report_that_cannot_be_written_is_reported_and_changes_no_exit_code() {
    let starved = || Place::new().set("emergency.memory_limit=1MiB");
    let place = starved();
    let (reports, elsewhere) = (place.file("reports"), place.file("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &reports).unwrap();
    let place = place.set(&format!("emergency.crash_dir={}", reports.display()));
    let mut server = place.launch();
    ends_with(&mut server, 103, "resource exhaustion: ");
    let line = server.log.line("the crash report could not be written");
    assert!(line.contains(&format!("the crash report {}/crash-", reports.display())), "{line}");
    assert!(line.contains("was not written") && line.contains("cause="), "{line}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "nothing is written through a link");
    // If it can be written, the log has its path.
    let other = starved().set(&format!("emergency.crash_dir={}", elsewhere.display()));
    let mut server = other.launch();
    ends_with(&mut server, 103, "resource exhaustion: ");
    let line = server.log.line("crash report written");
    assert!(line.contains(&elsewhere.display().to_string()), "{line}");
}

/// S5.4-08: a file of secrets in force that others may write is reported at the first look and ends
/// the process with 104 at the next. One that others may only read is reported, but not a breach.
#[test]
fn a_file_of_secrets_that_others_may_write_ends_the_process_with_104() {
    let place = Place::new();
    let token = place.file("token");
    fs::write(&token, "the-first-token-0123").unwrap();
    fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).unwrap();
    let place = place
        .set(&format!("http.auth_token_file={}", token.display()))
        .set("core.supervision.health_check_interval=1s");
    let mut server = place.start();
    let admin = server.admin();
    fs::set_permissions(&token, PermissionsExt::from_mode(0o646)).unwrap();
    until("the warning", || {
        let report = Http::try_get(admin, "/health/ready").ok()?.body;
        report.contains("or the server ends (exit code 104) at the next check").then_some(())
    });
    ends_with(&mut server, 104, "users other than its owner may write to the token file in use");
    fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(place.start().stop(), 0);
}
