//! Disks that fill up or become read-only under the running binary: typed refusals, degraded health
//! with the reason, nothing lost, and recovery without help.
//!
//! On a file system of its own if this process may mount one, and always with files that may not
//! grow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use crate::common;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use common::{Http, Place, Room, Server, id_of, until};
use serde_json::Value;

const TASK: &str = r#"{"kind":"echo","payload":1}"#;

/// RELIABILITY 51: no room for tasks: 503 with `Retry-After`, accepted tasks stay, and the server
/// recovers by itself.
#[test]
fn a_full_disk_is_503_and_passes() {
    for room in Room::all("20m") {
        let place = Place::new().state_at(room.path()).prelude(Room::PRELUDE);
        let mut server = place.start();
        let mut http = server.http();
        let first = id_of(&http.post("/api/v1/tasks", TASK));
        room.end(server.pid());
        let big = format!(r#"{{"kind":"echo","payload":"{}"}}"#, "x".repeat(200_000));
        let refused = until("503", || {
            let reply = http.post("/api/v1/tasks", &big);
            (reply.status != 201).then_some(reply)
        });
        assert_eq!((refused.status, refused.code().as_str()), (503, "storage-unavailable"));
        assert!(refused.head.to_lowercase().contains("retry-after"), "{refused:?}");
        assert_eq!(server.get(&format!("/api/v1/tasks/{first}")).status, 200);
        assert_eq!(server.get("/health/live").status, 200);
        room.again(server.pid());
        let id = until("room again", || {
            let reply = server.http().post("/api/v1/tasks", TASK);
            (reply.status == 201).then(|| id_of(&reply))
        });
        until("the task to end", || {
            let view = server.get(&format!("/api/v1/tasks/{id}")).json();
            (view["state"] == "completed").then_some(())
        });
        assert_eq!(server.stop(), 0, "{}", server.log.text());
        let server = place.start();
        for id in [first, id] {
            assert_eq!(server.get(&format!("/api/v1/tasks/{id}")).status, 200);
        }
    }
}

/// Returns a place that often saves snapshots into this directory.
fn snapshots_in(dir: &Path) -> Place {
    keeping_snapshots(Place::new(), dir)
}

fn keeping_snapshots(place: Place, dir: &Path) -> Place {
    let place = place.prelude(Room::PRELUDE);
    let key = place.file("keys");
    fs::write(&key, format!("first {}\n", "5a".repeat(32))).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    place.write_config(&format!(
        "core.supervision.health_check_interval = \"1s\"\n\
         [persistence]\nenabled = true\ndir = {dir:?}\nkey_file = {key:?}\ninterval = \"1s\"\n"
    ));
    place
}

/// Waits for this status of the ledger, and returns its entry of the report.
fn ledger(server: &Server, status: &str) -> Value {
    until(&format!("{status} in\n{}", server.log.text()), || {
        let reply = Http::try_get(server.admin(), "/health/ready").ok()?;
        assert_eq!(reply.status, 200, "it takes work all the while: {reply:?}");
        let report = reply.json();
        let entry = report["components"].as_array()?.iter().find(|one| one["name"] == "ledger")?;
        (entry["status"] == status).then(|| entry.clone())
    })
}

/// RELIABILITY 51: no room for snapshots: the server keeps working, its health is degraded with the
/// reason, earlier saves stay, and it is healthy again when there is room.
#[test]
fn snapshots_without_room_degrade_health_and_recover() {
    for room in Room::all("1m") {
        let dir = room.path().join("snapshots");
        fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
        let place = snapshots_in(&dir);
        let mut server = place.start();
        let saves = || fs::read_dir(&dir).unwrap().count();
        until("a save", || (saves() > 0).then_some(()));
        ledger(&server, "healthy");
        room.end(server.pid());
        let entry = ledger(&server, "degraded");
        assert!(entry.to_string().contains("not saved"), "{entry}");
        assert_eq!(server.get("/api/v1/tasks?limit=1").status, 200);
        room.again(server.pid());
        ledger(&server, "healthy");
        assert_eq!(server.stop(), 0, "{}", server.log.text());
    }
}

/// RELIABILITY 52: the snapshots' directory cannot be written any more under the running server.
#[test]
fn snapshots_that_may_not_be_written_degrade_health_and_recover() {
    let place = Place::new();
    let dir = place.file("snapshots");
    fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
    let place = keeping_snapshots(place, &dir).bound_by_modes();
    let mode = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
    degrades_and_recovers(place, || mode(0o500), || mode(0o700));
}

/// The same of a file system that becomes read-only, where one may be mounted.
#[test]
fn snapshots_on_a_disk_that_becomes_read_only_degrade_health_and_recover() {
    let room = Room::all("1m");
    let Some(Room::Disk(disk)) = room.first() else {
        // Without a mount, a directory without write permission is the same to the server.
        return snapshots_that_may_not_be_written_degrade_health_and_recover();
    };
    let dir = disk.path().join("snapshots");
    fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
    let read_only = || {
        until("a moment without a save", || {
            let mut mount = std::process::Command::new("mount");
            mount.args(["-o", "remount,ro"]).arg(disk.path());
            mount.stderr(std::process::Stdio::null()).status().unwrap().success().then_some(())
        });
    };
    degrades_and_recovers(snapshots_in(&dir), read_only, || disk.remount("rw"));
}

fn degrades_and_recovers(place: Place, close: impl Fn(), open: impl Fn()) {
    let mut server = place.start();
    ledger(&server, "healthy");
    close();
    let entry = ledger(&server, "degraded");
    assert!(entry.to_string().contains("not saved"), "{entry}");
    id_of(&server.http().post("/api/v1/tasks", TASK));
    open();
    ledger(&server, "healthy");
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}
