//! Reasons why an actor ended.

use std::sync::Arc;
use std::time::Duration;

use ms_core::{ChildId, ExitReason};

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
