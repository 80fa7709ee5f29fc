//! Sealed state that survives an orderly stop and `kill -9`; keys and directories that are missing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

use common::{Http, Place, Server, until};

fn place() -> Place {
    place_with("1s")
}

fn place_with(interval: &str) -> Place {
    let place = Place::new();
    let (dir, key) = (place.file("snapshots"), place.file("keys"));
    fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
    fs::write(&key, format!("first {}\n", "5a".repeat(32))).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    place.write_config(&format!(
        "[persistence]\nenabled = true\ndir = {dir:?}\nkey_file = {key:?}\ninterval = \"{interval}\"\n"
    ));
    place
}

fn starts(server: &Server) -> f64 {
    until("the ledger's metric", || {
        let metrics = Http::try_get(server.admin(), "/metrics").ok()?.body;
        let line = metrics.lines().find_map(|line| line.strip_prefix("ms_framework_starts "))?;
        line.parse().ok()
    })
}

/// S5.1-10, S5.3-08: the state handed over at the stop is saved and restored at the next start; after
/// `kill -9` the state that was saved while running is.
#[test]
fn state_is_kept_over_a_stop_and_over_a_kill() {
    let place = place();
    let mut server = place.start();
    assert_eq!(starts(&server), 1.0);
    assert_eq!(server.stop(), 0);
    assert!(server.log.has("clean=true"), "{}", server.log.text());

    let saves = || fs::read_dir(place.file("snapshots")).unwrap().count();
    let before = saves();
    let mut server = place.start();
    assert_eq!(starts(&server), 2.0);
    until("a save while it runs", || (saves() > before).then_some(()));
    server.kill_9();
    let server = place.start();
    assert_eq!(starts(&server), 3.0);
}

/// S5.1-10: the orderly stop itself saves once more than while it ran; nothing of it is readable.
#[test]
fn an_orderly_stop_saves_once_more() {
    let place = place_with("1h");
    let mut server = place.start();
    let saves = || fs::read_dir(place.file("snapshots")).unwrap().flatten().count();
    // The interval is as long as the test; the save of the start exists already.
    let server_saves = until("the save at the start", || (saves() > 0).then(saves));
    assert_eq!(server.stop(), 0);
    assert!(saves() > server_saves, "{}", server.log.text());
}

/// RELIABILITY 42 and 52: keys that others may read, and a missing directory.
#[test]
fn keys_and_directory_are_checked_before_anything_starts() {
    let place = place();
    fs::set_permissions(place.file("keys"), PermissionsExt::from_mode(0o644)).unwrap();
    let (code, text) = place.refused();
    assert_eq!(code, 8, "{text}");
    assert!(text.contains("keys") && !text.contains("5a5a"), "{text}");
    fs::set_permissions(place.file("keys"), PermissionsExt::from_mode(0o600)).unwrap();
    fs::remove_dir_all(place.file("snapshots")).unwrap();
    let (code, text) = place.refused();
    assert_eq!(code, 8, "{text}");
    assert!(!text.contains("boot phase"), "{text}");
}
