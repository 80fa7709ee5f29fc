//! The state of an agent outlives the process: one line saves it, one line restores it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;

use common::{Place, Server, id_of, until};
use serde_json::{Value, json};

/// Returns a place that keeps the states of agents.
pub(crate) fn place() -> Place {
    place_with("")
}

/// The same with more keys before the first section.
pub(crate) fn place_with(more: &str) -> Place {
    let place = Place::new();
    let (dir, key) = (place.file("snapshots"), place.file("keys"));
    fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
    fs::write(&key, format!("first {}\n", "5a".repeat(32))).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    place.write_config(&format!(
        "{more}[persistence]\nenabled = true\ndir = {dir:?}\nkey_file = {key:?}\ninterval = \"1h\"\n"
    ));
    place
}

fn submit(server: &Server, add: u64) -> String {
    let task = json!({ "kind": "tally", "payload": { "name": "visitors-of-today", "add": add } });
    id_of(&server.http().post("/api/v1/tasks", &task.to_string()))
}

fn ended(server: &Server, id: &str) -> Value {
    until("the end of the task", || {
        let reply = server.get(&format!("/api/v1/tasks/{id}/result"));
        (reply.status == 200).then(|| reply.json())
    })
}

fn add(server: &Server, add: u64) -> u64 {
    let result = ended(server, &submit(server, add));
    result["output"].as_u64().unwrap_or_else(|| panic!("{result}"))
}

/// Returns the folders of the saves with the agent's state, newest first: those with a state that the
/// ledger's folders do not have.
fn saves(place: &Place) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(place.file("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.reverse();
    folders
}

fn state_in(folder: &PathBuf) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|e| e == "state")).expect("a state")
}

/// S2.4-11, S5.3-02, S5.3-08: totals survive `kill -9` in the middle of many additions: each accepted
/// task is counted once. Nothing of them is readable on disk.
#[test]
fn an_agents_state_survives_kill_9_and_each_task_counts_once() {
    let place = place();
    let mut server = place.start();
    assert_eq!((add(&server, 2), add(&server, 3)), (2, 5));
    let ids: Vec<String> = (0..20).map(|_| submit(&server, 1)).collect();
    ended(&server, &ids[4]);
    server.kill_9();
    let server = place.start();
    for id in &ids {
        let result = ended(&server, id);
        assert_eq!(result["state"], "completed", "{result}");
    }
    assert_eq!(add(&server, 0), 25);
    for folder in saves(&place) {
        let bytes = fs::read(state_in(&folder)).unwrap();
        let plain = b"visitors-of-today";
        assert!(!bytes.windows(plain.len()).any(|part| part == plain), "{folder:?}");
    }
    // A crash of the agent alone is no different.
    let path = "/root/components/application/tasks/tally/tally-1";
    server.steer(path, ms_control::proto::Verb::Kill);
    assert_eq!(add(&server, 1), 26);
}

/// S5.3-08: if the newest save is damaged, it is reported, and the one before it is used.
#[test]
fn a_damaged_newest_save_falls_back_to_the_one_before() {
    let place = place();
    let mut server = place.start();
    assert_eq!((add(&server, 4), add(&server, 5)), (4, 9));
    server.kill_9();
    let newest = state_in(&saves(&place)[0]);
    let mut bytes = fs::read(&newest).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let server = place.start();
    assert_eq!(add(&server, 1), 5, "4 of the save before, and 1");
    server.log.line("ms_snapshot::audit");
}

/// Without persistence its tasks are refused, and the error names the key to set.
#[test]
fn without_persistence_a_task_is_refused_with_what_to_set() {
    let place = Place::new();
    let server = place.start();
    let task = json!({ "kind": "tally", "payload": { "name": "visitors-of-today", "add": 1 } });
    let reply = server.http().post("/api/v1/tasks", &task.to_string());
    let problem = reply.json();
    assert_eq!((reply.status, &problem["errors"][0]["at"]), (422, &"payload".into()), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("persistence.enabled"), "{problem}");
    assert_eq!(server.get("/api/v1/tasks").json()["tasks"], json!([]), "nothing was stored");
}
