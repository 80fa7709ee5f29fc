//! The order of the steps, for every kind of operation and every end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use futures_util::StreamExt;
use ms_ops::gate::Shut;
use ms_ops::record::Audit;
use ms_ops::{Caller, Credential, Desk, Door, Kind, Once, OpError, Principal, Role};

use crate::log::{Bring, Change, Does, Follow, Log, Look};

const TOO_SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(60);
const STEPS: [&str; 4] = ["gate", "authenticate", "rate", "authorise"];

fn operator() -> Caller {
    Caller::process("me")
}

fn of(role: Role) -> Caller {
    Caller::new(Door::Http, Credential::Known(Principal::new("you", role)))
}

fn change(does: Does) -> Change {
    Change { does, request_id: None }
}

/// The lines of a request that has passed all steps before its provider.
fn lines(more: &[&str]) -> Vec<String> {
    STEPS.iter().chain(more).map(|line| (*line).to_owned()).collect()
}

async fn ask<O: Once<Answer = u32>>(
    desk: &Desk,
    caller: Caller,
    within: Duration,
    op: O,
) -> Result<u32, OpError> {
    desk.call(caller, within, op).await
}

#[tokio::test]
async fn allowed() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    assert_eq!(ask(&desk, operator(), LONG, Look { does: Does::Well }).await.unwrap(), 7);
    assert_eq!(log.take(), lines(&["provider", "provider left", "Done"]));
    assert_eq!(ask(&desk, operator(), LONG, Bring { does: Does::Well }).await.unwrap(), 7);
    let brought = ["intent: log.write by me", "provider", "provider left"];
    let record = "record: log.write of the tasks by me (): ok";
    assert_eq!(log.take(), lines(&[&brought[..], &[record, "Done"]].concat()));
    assert_eq!(ask(&desk, operator(), LONG, change(Does::Well)).await.unwrap(), 7);
    let changed = ["intent: change by me", "provider", "provider left"];
    let record = "record: change of the node by me (for the test): ok: 7 changed";
    assert_eq!(log.take(), lines(&[&changed[..], &[record, "Done"]].concat()));
    let items = desk.watch(operator(), LONG, Follow { does: Does::Well }).unwrap();
    let items: Vec<_> = items.map(Result::unwrap).collect().await;
    assert_eq!((items, log.take()), (vec![7], lines(&["provider", "provider left"])));
}

/// What a program submits is in the log; on record it is where the audit asks for it.
#[tokio::test]
async fn a_write_of_a_program_is_on_record_where_the_audit_asks_for_it() {
    for (audit, on_record) in [(Audit::Operators, 0), (Audit::Writes, 1)] {
        let log = Log::default();
        let desk = log.desk(audit);
        ask(&desk, of(Role::Client), LONG, Bring { does: Does::Well }).await.unwrap();
        let records =
            |log: &Log| log.take().iter().filter(|line| line.starts_with("record: ")).count();
        assert_eq!(records(&log), on_record, "{audit:?}");
        ask(&desk, of(Role::Client), LONG, change(Does::Well)).await.unwrap();
        assert_eq!(records(&log), 1, "{audit:?}: steering always is");
    }
}

#[tokio::test]
async fn refused_by_the_policy() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    let nobody = || of(Role::Anonymous);
    let look = ask(&desk, nobody(), LONG, Look { does: Does::Well }).await.expect_err("refused");
    assert_eq!((look.kind(), log.take()), (Kind::Refused, lines(&[])));
    ask(&desk, nobody(), LONG, Bring { does: Does::Well }).await.expect_err("refused");
    assert_eq!(log.take(), lines(&[]));
    ask(&desk, nobody(), LONG, change(Does::Well)).await.expect_err("refused");
    let refused = "record: change of the node by you (for the test): [MS0011] you may not do this \
                   to the node: tasks.steer: only the node's user and root may do this, \
                   over the control socket";
    assert_eq!(log.take(), lines(&[refused]), "refusals of steering are on record");
    desk.watch(nobody(), LONG, Follow { does: Does::Well }).expect_err("refused");
    assert_eq!(log.take(), lines(&[]));
}

#[tokio::test]
async fn refused_by_the_provider() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    ask(&desk, operator(), LONG, Look { does: Does::Fails }).await.expect_err("refused");
    assert_eq!(log.take(), lines(&["provider", "provider left", "Done"]));
    ask(&desk, operator(), LONG, change(Does::Fails)).await.expect_err("refused");
    let record =
        "record: change of the node by me (for the test): [MS0011] not today: it is Sunday";
    let steps = ["intent: change by me", "provider", "provider left", record, "Done"];
    assert_eq!(log.take(), lines(&steps));
    let mut items = desk.watch(operator(), LONG, Follow { does: Does::Fails }).unwrap();
    items.next().await.unwrap().expect_err("refused");
    assert!(items.next().await.is_none(), "nothing follows an error");
}

#[tokio::test]
async fn unauthenticated() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    let stranger = || Caller::new(Door::Http, Credential::Nothing);
    let refused = [
        ask(&desk, stranger(), LONG, Look { does: Does::Well }).await.map(drop),
        ask(&desk, stranger(), LONG, Bring { does: Does::Well }).await.map(drop),
        ask(&desk, stranger(), LONG, change(Does::Well)).await.map(drop),
        desk.watch(stranger(), LONG, Follow { does: Does::Well }).map(drop),
    ];
    for refused in refused {
        assert_eq!(refused.expect_err("unknown").code.number(), "MS0030");
    }
    assert_eq!(log.take(), ["gate", "authenticate"].repeat(4));
}

#[tokio::test]
async fn starting_and_draining() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    for shut in [Shut::Starting, Shut::Draining] {
        *log.shut.lock().unwrap() = Some(shut);
        let refused = [
            ask(&desk, operator(), LONG, Look { does: Does::Well }).await.map(drop),
            ask(&desk, operator(), LONG, Bring { does: Does::Well }).await.map(drop),
            ask(&desk, operator(), LONG, change(Does::Well)).await.map(drop),
            desk.watch(operator(), LONG, Follow { does: Does::Well }).map(drop),
        ];
        for refused in refused {
            assert_eq!(refused.expect_err("shut").code.sort.status, 503);
        }
        assert_eq!(log.take(), ["gate"; 4]);
    }
    // Whom its door has let in is inside, whatever came since.
    let inside = operator().inside(Box::new(()));
    assert_eq!(ask(&desk, inside, LONG, Look { does: Does::Well }).await.unwrap(), 7);
    assert!(!log.take().contains(&"gate".to_owned()));
}

#[tokio::test]
async fn timed_out() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    let late =
        ask(&desk, operator(), TOO_SHORT, Look { does: Does::Waits }).await.expect_err("late");
    assert_eq!(late.kind(), Kind::TimedOut);
    assert_eq!(log.take(), lines(&["provider", "provider left", "Failed"]), "a read is ended");
    let late = ask(&desk, operator(), TOO_SHORT, change(Does::Waits)).await.expect_err("late");
    assert_eq!(late.what, "the change of the node goes on");
    let began = lines(&["intent: change by me", "provider"]);
    assert_eq!(log.take(), began, "a change is not");
    log.go.notify_one();
    log.until("Done").await;
    let record = "record: change of the node by me (for the test): ok: 7 changed";
    assert_eq!(log.take(), ["went on", "provider left", record, "Done"]);
}

#[tokio::test]
async fn dropped_by_its_caller() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    let leave = async |asked: tokio::task::JoinHandle<()>| {
        log.begun.notified().await;
        asked.abort();
        asked.await.expect_err("dropped");
    };
    let one = desk.clone();
    let asked = async move { drop(ask(&one, operator(), LONG, Look { does: Does::Waits }).await) };
    leave(tokio::spawn(asked)).await;
    let ended = log.take();
    assert!(ended.contains(&"provider left".to_owned()) && ended.contains(&"GivenUp".to_owned()));

    let (one, two) = (desk.clone(), desk.clone());
    let bring = async move { drop(ask(&one, operator(), LONG, Bring { does: Does::Waits }).await) };
    let change = async move { drop(ask(&two, operator(), LONG, change(Does::Waits)).await) };
    for (asked, verb, outcome) in [
        (tokio::spawn(bring), "log.write of the tasks by me ()", "ok"),
        (tokio::spawn(change), "change of the node by me (for the test)", "ok: 7 changed"),
    ] {
        leave(asked).await;
        log.go.notify_one();
        log.until("Done").await;
        let ended = log.take();
        let record = format!("record: {verb}: {outcome}");
        assert_eq!(ended[ended.len() - 4..], ["went on", "provider left", &*record, "Done"]);
    }

    let items = desk.watch(operator(), LONG, Follow { does: Does::Waits }).unwrap();
    log.begun.notified().await;
    drop(items);
    log.until("provider left").await;
}

#[tokio::test]
async fn a_provider_that_crashes() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    let bug = ask(&desk, operator(), LONG, Look { does: Does::Panics }).await.expect_err("a bug");
    assert_eq!(bug.kind(), Kind::Internal);
    assert_eq!(log.take(), lines(&["provider", "provider left", "Failed"]));
    let bug = ask(&desk, operator(), LONG, change(Does::Panics)).await.expect_err("a bug");
    assert_eq!(bug.what, "the change of the node panicked");
    let record = "record: change of the node by me (for the test): [MS0017] the change of the node \
                  panicked";
    let steps = ["intent: change by me", "provider", "provider left", record, "Failed"];
    assert_eq!(log.take(), lines(&steps), "it is on record all the same");
    let mut items = desk.watch(operator(), LONG, Follow { does: Does::Panics }).unwrap();
    let bug = items.next().await.unwrap().expect_err("a bug");
    assert_eq!(bug.kind(), Kind::Internal);
}

#[tokio::test]
async fn as_much_as_may_is_in_hand() {
    let log = Log::default();
    let slow = log.clone();
    let desk = Desk::builder(ms_ops::Table::new())
        .rate(ms_ops::gate::InHand::at_most(1))
        .provide::<Bring, _>(move |_, _| {
            let log = slow.clone();
            async move {
                log.begun.notify_one();
                log.go.notified().await;
                Ok(1)
            }
        })
        .build();
    let one = desk.clone();
    let first = async move { drop(ask(&one, operator(), LONG, Bring { does: Does::Well }).await) };
    let first = tokio::spawn(first);
    log.begun.notified().await;
    first.abort();
    first.await.expect_err("dropped");
    // Its caller has left, and it is in hand.
    let refused = ask(&desk, operator(), LONG, Bring { does: Does::Well }).await.expect_err("busy");
    assert_eq!((refused.code.number(), refused.code.sort.status), ("MS0033", 503));
    log.go.notify_one();
    log.go.notify_one();
    while let Err(error) = ask(&desk, operator(), TOO_SHORT, Bring { does: Does::Well }).await {
        assert!(matches!(error.code.number(), "MS0033" | "MS0013"), "{error}");
        log.go.notify_one();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_nobody_provides_is_not_built_in() {
    let desk = Desk::builder(ms_ops::Table::standard()).build();
    let list = ms_ops::ops::ListTasks { filter: Default::default() };
    let error = desk.call(operator(), LONG, list).await.expect_err("nobody");
    assert_eq!((error.code.number(), error.code.sort.status), ("MS0031", 501));
    assert!(error.what.contains("nobody provides tasks"), "{error}");
    desk.provide::<ms_ops::ops::ListTasks, _>(|_, _| async { Ok(Default::default()) })
        .expect("it is in the table");
    let list = serde_json::json!({ "filter": { "limit": 5 } });
    assert!(desk.call_named(operator(), LONG, "tasks.list", list).await.is_ok());
    for (name, fields, code) in [
        ("tasks.lst", serde_json::json!({}), "MS0032"),
        ("tasks.list", serde_json::json!({ "filtre": {} }), "MS0014"),
        ("tasks.list", serde_json::json!({ "filter": { "limit": 1_001 } }), "MS0014"),
        ("events.follow", serde_json::json!({}), "MS0014"),
    ] {
        let error = desk.call_named(operator(), LONG, name, fields).await.expect_err(name);
        assert_eq!(error.code.number(), code, "{error}");
    }
}

fn with_id(does: Does, id: &str) -> Change {
    Change { does, request_id: Some(id.parse().unwrap()) }
}

fn count(lines: &[String], of: &str) -> usize {
    lines.iter().filter(|line| line.starts_with(of)).count()
}

/// A repeat passes the checks, is answered as the first was, and is neither done nor on record.
#[tokio::test]
async fn a_repeat_is_answered_as_the_first_and_leaves_no_record() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    assert_eq!(ask(&desk, operator(), LONG, with_id(Does::Well, "a")).await.unwrap(), 7);
    let first = log.take();
    assert_eq!((count(&first, "provider left"), count(&first, "record: ")), (1, 1));
    assert_eq!(ask(&desk, operator(), LONG, with_id(Does::Well, "a")).await.unwrap(), 7);
    assert_eq!(log.take(), lines(&[]));
    // A refusal is an answer, too.
    let refused = ask(&desk, operator(), LONG, with_id(Does::Fails, "b")).await.unwrap_err();
    log.take();
    let again = ask(&desk, operator(), LONG, with_id(Does::Fails, "b")).await.unwrap_err();
    assert_eq!((again, log.take()), (refused, lines(&[])));
    // Who may not ask learns nothing of the first.
    let stranger = ask(&desk, of(Role::Anonymous), LONG, with_id(Does::Well, "a")).await;
    assert_eq!(stranger.expect_err("refused").kind(), Kind::Refused);
    log.take();
    // By name it is the same.
    let fields = serde_json::json!({ "does": "well", "request_id": "a" });
    let named = desk.call_named(operator(), LONG, "log.steer", fields).await.unwrap();
    assert_eq!((named.value().unwrap(), log.take()), (7.into(), lines(&[])));
}

#[tokio::test]
async fn a_repeat_waits_for_the_first_that_is_under_way() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    let late = ask(&desk, operator(), TOO_SHORT, with_id(Does::Waits, "a")).await.unwrap_err();
    assert_eq!(late.what, "the change of the node goes on");
    let again = ask(&desk, operator(), TOO_SHORT, with_id(Does::Waits, "a")).await.unwrap_err();
    assert_eq!(again, late);
    let (one, waits) = (desk.clone(), with_id(Does::Waits, "a"));
    let third = tokio::spawn(async move { ask(&one, operator(), LONG, waits).await });
    log.go.notify_one();
    assert_eq!(third.await.unwrap().unwrap(), 7);
    let all = log.take();
    assert_eq!((count(&all, "provider left"), count(&all, "record: ")), (1, 1), "{all:?}");
}

#[tokio::test]
async fn an_id_of_another_request_is_a_conflict() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    ask(&desk, operator(), LONG, with_id(Does::Well, "a")).await.unwrap();
    log.take();
    let other = ask(&desk, operator(), LONG, with_id(Does::Fails, "a")).await.unwrap_err();
    assert_eq!((other.code.number(), other.code.sort.status), ("MS0034", 409));
    // Refused as by the policy: on record, and not with the provider.
    let seen = log.take();
    assert_eq!(count(&seen, "record: "), 1, "{seen:?}");
    assert!(!seen.iter().any(|line| line.starts_with("provider")), "{seen:?}");
}

/// A client that died is asked for again by another process of the same user.
#[tokio::test]
async fn a_user_who_asks_again_with_another_process_gets_the_first_answer() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    for pid in [4_711, 4_712] {
        let caller = Caller::local(1_000, Some(pid));
        ask(&desk, caller, LONG, with_id(Does::Well, "a")).await.unwrap();
    }
    let seen = log.take();
    assert_eq!(count(&seen, "record: "), 1, "{seen:?}");
    assert!(seen.iter().any(|line| line.contains("uid 1000 pid 4711")), "{seen:?}");
}

/// Who is told to come again comes with the same id, and it is done then.
#[tokio::test]
async fn what_was_surely_not_done_is_done_when_it_is_asked_for_again() {
    let log = Log::default();
    let desk = log.desk(Audit::Operators);
    for _ in 0..2 {
        let busy = ask(&desk, operator(), LONG, with_id(Does::IsBusy, "a")).await.unwrap_err();
        assert_eq!(busy.code.sort.status, 503);
        assert_eq!(count(&log.take(), "record: "), 1);
    }
}
