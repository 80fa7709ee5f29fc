//! The reload of SIGHUP, without the signal: who is asked, and what is reported.

#![allow(clippy::expect_used, reason = "tests")]

use crate::parts;

use std::sync::{Arc, Mutex};

use ms_actor::ReadFrom;
use ms_core::view::EventKind;
use ms_runtime::{ComponentSpec, ReloadOutcome, ShutdownReason};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use parts::{Parts, builder, real, real_settings};

/// A tree may have a reload hook. What each component did is reported, and one that failed is never
/// skipped.
#[test]
fn a_reload_reaches_trees_too_and_names_who_could_not() {
    real(async {
        let parts = Parts::default();
        let answers = Arc::new(Mutex::new(vec![
            Err("the file is gone".into()),
            Ok(ReloadOutcome::Changed("in force: a.b".to_owned())),
        ]));
        let tree = || SupervisorSpec::one_for_one("tree").child(ChildSpec::actor("idle", || Idle));
        let next = move |_| {
            let answer = answers.lock().expect("unpoisoned").pop();
            async move { answer.expect("told twice") }
        };
        let all = [parts.part("base"), ComponentSpec::tree(tree()).on_reload(next)];
        let service = builder(real_settings(), all).start().await.expect("boots");
        let mut events = service.runtime().node().events().reader(ReadFrom::Next);
        let mut reload = async |topic: &str| {
            service.reload();
            loop {
                match events.next_event().await.expect("the node lives").kind {
                    EventKind::Noted { topic: found, text, .. } if found == topic => break text,
                    _ => {}
                }
            }
        };
        assert_eq!(reload("reloaded").await, "changed: tree (in force: a.b); unchanged: 1");
        assert_eq!(
            reload("reload_incomplete").await,
            "failed: tree (the file is gone); unchanged: 1"
        );
        assert_eq!(parts.log.of("reload"), ["base", "base"]);
        drop(service.shut_down(ShutdownReason::Requested("over".to_owned())).await);
    });
}

struct Idle;

impl actix::Actor for Idle {
    type Context = ms_actor::Context<Self>;
}
