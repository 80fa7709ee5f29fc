//! Fault 50 and figure F5: `kill -9` between each pair of system calls of a save.
//!
//! The test runs itself as a child that saves and is killed before its n-th system call,
//! for every n there is; what is read afterwards is the old state or the new one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::sync::atomic::{AtomicU32, Ordering};

use common::{KEEP, dir, id, item, ring, store, text};
use ms_snapshot::{Audit, Store};
use ms_testkit::child::{self, OwnTest};

const DIR: &str = "MS_SNAPSHOT_KILL_DIR";

/// The child's part: is killed before the system call of this number.
fn save_and_be_killed(at: &str) {
    let dir = std::env::var_os(DIR).unwrap();
    let at: u32 = at.parse().unwrap();
    let calls = AtomicU32::new(0);
    let hook = move |_| {
        if calls.fetch_add(1, Ordering::Relaxed) == at {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::KILL)?;
        }
        Ok(())
    };
    let store = Store::open_with(dir.as_ref(), ring(), KEEP, hook).unwrap();
    store.save(&[item("a", "new a"), item("b", "new b")], 9_000).unwrap();
}

/// Fault 50, F5, S5.3-06
#[test]
fn fault_50_killed_before_any_system_call_the_state_is_the_old_or_the_new_one() {
    child::split(
        fault_50_killed_before_any_system_call_the_state_is_the_old_or_the_new_one,
        save_and_be_killed,
        kill_before_each_call,
    );
}

fn kill_before_each_call(own: &OwnTest) {
    let (mut old, mut new) = (0, 0);
    for at in 0.. {
        let dir = dir();
        let store = store(dir.path());
        // As many as are kept, so that the save under test removes one.
        for round in 0..KEEP as u64 {
            store.save(&[item("a", "old a"), item("b", "old b")], round).unwrap();
        }
        let status = own.child(&at.to_string()).env(DIR, dir.path()).output().status;
        let restore = |name| {
            let (found, audit) = store.restore(&id(name)).unwrap();
            let harmless =
                |line: &Audit| matches!(line, Audit::Incomplete { .. } | Audit::Older { .. });
            assert!(audit.iter().all(harmless), "before call {at}: {audit:?}");
            text(&found.expect("a state is always found"))
        };
        match (restore("a").as_str(), restore("b").as_str()) {
            ("old a", "old b") => old += 1,
            ("new a", "new b") => new += 1,
            mixed => panic!("before call {at}: {mixed:?}"),
        }
        // Whatever was left lying about does not keep the next save from being made, even one of
        // the same second, whose folder has the same name.
        let next = [item("a", "next"), item("b", "next")];
        store.save(&next, 9_500).unwrap_or_else(|error| panic!("before call {at}: {error}"));
        assert_eq!(restore("a"), "next");
        assert!(common::folders(dir.path()).len() <= KEEP, "leftovers are removed");
        if status.success() {
            assert!(old >= 10 && new >= 5, "{old} old, {new} new, {at} calls");
            return;
        }
    }
}
