//! Ends of actors, and their reasons.

use std::sync::Arc;
use std::time::Duration;

use ms_core::{ActorPath, ChildExit, ChildId, ExitFacts, ExitReason, Incarnation};

#[test]
fn only_orderly_ends_are_clean() {
    let clean = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("x")];
    assert!(clean.iter().all(ExitReason::is_clean));
    let dirty = [
        ExitReason::Killed,
        ExitReason::failed("boom"),
        ExitReason::HeartbeatLost { missed: 3 },
        ExitReason::ArbiterLost,
        ExitReason::InitTimeout { after: Duration::from_secs(1) },
    ];
    assert!(!dirty.iter().any(ExitReason::is_clean));
}

#[test]
fn reasons_survive_json() {
    let reason = ExitReason::ChildStartFailed {
        child: ChildId::new("a").expect("valid"),
        reason: Arc::new(ExitReason::InitFailed(Arc::new(ExitReason::failed("boom")))),
    };
    let text = serde_json::to_string(&reason).expect("serialises");
    assert_eq!(serde_json::from_str::<ExitReason>(&text).expect("parses"), reason);
}

/// A panic while the instance is dropped makes a clean end a crash, and the run what it was.
#[test]
fn an_exit_keeps_its_facts_when_its_reason_gets_worse() {
    let path = ActorPath::new("/root/a").expect("valid");
    let exit = ChildExit::new(path.clone(), Incarnation(4), ExitReason::Normal);
    assert_eq!(exit.facts(), None, "no run");
    let facts = ExitFacts { dropped: 2, ..ExitFacts::default() };
    let exit = exit.with_facts(facts.clone()).with_reason(ExitReason::failed("drop"));
    assert_eq!(
        (exit.path(), exit.incarnation(), exit.facts()),
        (&path, Incarnation(4), Some(&facts))
    );
    assert_eq!(exit.into_reason(), ExitReason::failed("drop"));
}
