//! Token and keys as components: in the tree and in the health report, replaced while the server runs,
//! and never printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use common::{Http, Place, Server, until};
use rustix::process::Signal;
use serde_json::Value;

const TOKENS: [&str; 2] = ["the-first-token-0123", "the-second-token-4567"];
const DIGITS: [&str; 2] = ["5a", "c3"];

/// Writes a file that only its owner may read, atomically.
fn secret(place: &Place, name: &str, text: &str) {
    let new = place.file("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, PermissionsExt::from_mode(0o600)).unwrap();
    fs::rename(new, place.file(name)).unwrap();
}

fn key(id: usize) -> String {
    format!("key-{id} {}\n", DIGITS[id].repeat(32))
}

fn place() -> Place {
    let place = Place::new();
    let dir = place.file("snapshots");
    fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
    secret(&place, "token", TOKENS[0]);
    secret(&place, "keys", &key(0));
    place.write_config(&format!(
        "http.auth_token_file = {:?}\n\
         core.supervision.health_check_interval = \"1s\"\n\
         telemetry.log_filter = \"trace\"\n\
         [persistence]\nenabled = true\ndir = {dir:?}\nkey_file = {:?}\ninterval = \"1s\"\n",
        place.file("token"),
        place.file("keys"),
    ));
    place
}

/// Waits for this status of a component, and returns its entry of the report.
fn component(server: &Server, name: &str, status: &str) -> Value {
    until(&format!("{name} to be {status}"), || {
        let reply = Http::try_get(server.admin(), "/health/ready").ok()?;
        assert_eq!(reply.status, 200, "it takes work all the while: {reply:?}");
        let report = reply.json();
        let entry = report["components"].as_array()?.iter().find(|one| one["name"] == name)?;
        (entry["status"] == status).then(|| entry.clone())
    })
}

fn status(server: &Server, token: &str) -> u16 {
    let head = format!("Authorization: Bearer {token}\r\n");
    server.http().call("GET", "/api/v1/tasks", &head, "").unwrap().status
}

/// Makes the server reload, and returns the log line with the outcome.
fn hang_up(server: &Server, report: &str) -> String {
    server.signal(Signal::HUP);
    server.log.line(report)
}

fn shows_no_secret(server: &Server) {
    let (log, tree) = (server.log.text(), serde_json::to_string(&server.tree()).unwrap());
    let report = Http::try_get(server.admin(), "/health/ready").unwrap().body;
    for secret in TOKENS.into_iter().map(str::to_owned).chain(DIGITS.map(|digits| digits.repeat(4)))
    {
        for text in [&log, &tree, &report] {
            assert!(!text.contains(&secret), "{secret} in {text}");
        }
    }
}

/// S4.1-07, S1.2-06: both start in the phase Security and are in the tree.
#[test]
fn token_and_keys_are_components_of_the_phase_security() {
    let place = place();
    let server = place.start();
    let paths = common::paths(&server.tree());
    for name in ["credentials", "keyring"] {
        assert!(paths.contains(&format!("/root/components/{name}")), "{name}: {paths:?}");
        component(&server, name, "healthy");
    }
    let log = server.log.text();
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text} in {log}"));
    let phase = at("boot phase phase=5");
    assert!(phase < at("callers need a token") && phase < at("snapshots are sealed"));
    assert!(at("snapshots are sealed") < at("boot phase phase=7"), "before anybody may come in");
    shows_no_secret(&server);
}

/// S4.1-07: a replaced token is applied at SIGHUP, also to open connections. A wrong file changes
/// nothing and is reported.
#[test]
fn a_token_is_replaced_while_the_server_runs() {
    let place = place();
    let server = place.start();
    assert_eq!(TOKENS.map(|token| status(&server, token)), [200, 401]);
    secret(&place, "token", TOKENS[1]);
    let entry = component(&server, "credentials", "degraded");
    assert!(entry.to_string().contains("SIGHUP"), "{entry}");
    assert_eq!(TOKENS.map(|token| status(&server, token)), [200, 401], "not by itself");
    let report = hang_up(&server, "reloaded;");
    assert!(report.contains("changed: credentials (the token was replaced"), "{report}");
    until("the new token", || (status(&server, TOKENS[1]) == 200).then_some(()));
    assert_eq!(TOKENS.map(|token| status(&server, token)), [401, 200]);
    component(&server, "credentials", "healthy");

    fs::set_permissions(place.file("token"), PermissionsExt::from_mode(0o644)).unwrap();
    let entry = component(&server, "credentials", "degraded");
    assert!(entry.to_string().contains("chmod 600"), "{entry}");
    let report = hang_up(&server, "the reload is incomplete;");
    assert!(
        report.contains("failed: credentials") && report.contains("the token stays"),
        "{report}"
    );
    assert_eq!(TOKENS.map(|token| status(&server, token)), [401, 200]);
    shows_no_secret(&server);
}

/// S4.1-07, S1.2-06: a new key is applied at SIGHUP and seals from then on, and the old one still opens.
/// A ring without the key that sealed last is refused, and an old file is reported.
#[test]
fn keys_are_replaced_while_the_server_runs() {
    let place = place();
    let mut server = place.start();
    secret(&place, "keys", &key(1));
    let entry = component(&server, "keyring", "degraded");
    assert!(entry.to_string().contains("SIGHUP"), "{entry}");
    let report = hang_up(&server, "the reload is incomplete;");
    assert!(report.contains("failed: keyring") && report.contains("the keys stay"), "{report}");

    secret(&place, "keys", &(key(1) + &key(0)));
    let report = hang_up(&server, "reloaded;");
    assert!(report.contains("changed: keyring (the keys were replaced"), "{report}");
    component(&server, "keyring", "healthy");
    let old = fs::File::options().append(true).open(place.file("keys")).unwrap();
    old.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    let entry = component(&server, "keyring", "degraded");
    assert!(entry.to_string().contains("days old"), "{entry}");
    shows_no_secret(&server);
    assert_eq!(server.stop(), 0);

    // The new key alone opens the last save, so it has sealed it.
    secret(&place, "keys", &key(1));
    let server = place.start();
    let starts: f64 = until("the ledger's metric", || {
        let metrics = Http::try_get(server.admin(), "/metrics").ok()?.body;
        metrics.lines().find_map(|line| line.strip_prefix("ms_framework_starts ")?.parse().ok())
    });
    assert_eq!(starts, 2.0, "{}", server.log.text());
}
