//! Budgets: listed, used up, raised over the socket and over HTTP, recorded, kept.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use serde_json::json;

use crate::common::until;
use crate::node::{METERED, node};
use crate::transcript::compare;

/// The actor that owns the accounts.
const ACCOUNTS: &str = "/root/components/budgets/accounts";

/// T12, T23: agents over their budget go on when it is raised, by `msctl` and over HTTP; what was
/// raised is on disk, and there again when the actor that owns the accounts has died.
#[test]
fn a_budget_is_listed_used_up_raised_and_kept() {
    compare("budget", |t| {
        let node = t.node;
        let agent = format!("{METERED}/metered-1");
        t.run(&["budget", "ls"]);
        t.json(&["budget", "ls"]);
        let used = |unit: &str| {
            let budgets = node.json(&["budget", "ls"]).remove(0);
            budgets["data"][0]["units"][unit].clone()
        };
        assert_eq!(used("messages"), json!({"used": 0, "limit": 2}));
        for _ in 0..2 {
            let id = node.submit(&["metered", "1"]);
            node.reaches(&id, "completed");
        }
        let held = node.submit(&["metered", "3"]);
        until("the pool is suspended over its budget", || {
            let why = node.json(&["why", METERED]).remove(0);
            why["over_budget"][0]["over"]["used"].as_u64()
        });
        t.run(&["why", METERED]);
        t.json(&["why", &agent]);
        t.run(&["budget", "show", &agent]);
        t.json(&["budget", "show", METERED]);
        t.run(&["budget", "show", "/root/components/application/tasks/echo"]);
        t.run(&["budget", "raise", METERED, "messages", "1", "--dry-run"]);
        t.json(&["budget", "raise", METERED, "messages", "1", "--dry-run"]);
        t.input(&["budget", "raise", METERED, "messages", "1"], "y\n").fails(5, "error[MS0021]");
        t.run(&["budget", "raise", METERED, "euros", "1", "--yes"]);
        t.run(&["budget", "raise", "/root/nobody", "messages", "1", "--yes"]);
        t.run(&["budget", "raise", METERED, "messages", "0", "--yes"]);
        assert_eq!(used("messages"), json!({"used": 2, "limit": 2}), "nothing was raised");
        // The task that waited goes on by itself.
        t.run(&["budget", "raise", METERED, "messages", "1", "--yes", "--reason", "one more"]);
        node.reaches(&held, "completed");
        t.json(&["budget", "raise", METERED, "tokens", "50", "-y"]);
        t.lines("budget raise", &["events", "--about", "node"]);
        // Whoever owns the accounts now has read them from the disk.
        let before = node.incarnation(ACCOUNTS);
        node.msctl(&["kill", ACCOUNTS, "--yes"]);
        node.comes_back(ACCOUNTS, before);
        until("it answers", || {
            let run = node.msctl(&["budget", "ls"]);
            (run.code == Some(0)).then_some(())
        });
        t.run(&["budget", "ls"]);
    });
    over_http();
}

/// The same verb over HTTP: the same answers, the same record.
fn over_http() {
    let node = node();
    let (status, budgets) = node.http("GET", "/api/v1/budgets", "");
    assert_eq!((status, &budgets), (200, &node.json(&["budget", "ls"])[0]["data"]));
    let raise = |account: &str, unit: &str, more: u64, reason: &str| {
        let body = json!({"account": account, "unit": unit, "more": more, "reason": reason});
        node.http("POST", "/api/v1/budgets/raise", &body.to_string())
    };
    let limit = budgets[0]["units"]["messages"]["limit"].as_u64().expect("a limit");
    let held = node.submit(&["metered", "4"]);
    let (status, raised) = raise(METERED, "messages", 7, "from far away");
    assert_eq!((status, &raised["units"]["messages"]["limit"]), (200, &json!(limit + 7)));
    node.reaches(&held, "completed");
    for (account, unit, more, wanted, code) in [
        (METERED, "euros", 1, 422, "unprocessable"),
        ("/root/nobody", "messages", 1, 404, "no-such-budget"),
        (METERED, "messages", 0, 400, "malformed-body"),
    ] {
        let (status, problem) = raise(account, unit, more, "");
        assert_eq!((status, &problem["code"]), (wanted, &json!(code)), "{problem}");
    }
    let (status, problem) = raise(METERED, "messages", 1, &"é".repeat(501));
    assert_eq!((status, &problem["errors"][0]["at"]), (400, &json!("reason")), "{problem}");
    let events = node.json(&["events", "--about", "node"]);
    let record = |what: &str| {
        let of = events.iter().map(|event| &event["data"]);
        let found = of.filter(|event| event["verb"] == what && event["by"] == "http 127.0.0.1");
        found.map(|event| event["outcome"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(record("budget raise messages by 7"), ["ok"]);
    assert!(record("budget raise euros by 1")[0].contains("only messages, tokens"));
}
