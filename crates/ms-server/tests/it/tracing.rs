//! One trace from the caller's header to the agent's log line, and log lines that programs read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::{common, tally};

use common::{Http, Place, Reply, Server, id_of, until};
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn place() -> Place {
    tally::place_with(
        "telemetry.log_format = \"json\"\n\
         telemetry.log_filter = \"info,ms_worker=debug,ms_transport=debug\"\n",
    )
}

/// Starts a server and waits until it serves; its JSON lines have its address.
fn start(place: &Place) -> (Server, Http) {
    let server = place.launch();
    server.log.line("bootstrap completed successfully");
    let listening = lines(&server).into_iter().find(|line| message(line) == "listening");
    let at = listening.expect("a line")["fields"]["at"].as_str().unwrap().parse().unwrap();
    (server, Http::to(at))
}

/// Returns every line of its standard error, as JSON.
fn lines(server: &Server) -> Vec<Value> {
    let text = server.log.text();
    let parse =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

fn message(line: &Value) -> &str {
    line["fields"]["message"].as_str().unwrap_or_default()
}

/// Returns the lines within a span of this name of the trace, once one has this message.
fn traced(server: &Server, span: &str, trace: &str, wanted: &str) -> Vec<Value> {
    until(&format!("{wanted} in {span}"), || {
        let is_within = |line: &Value| {
            let spans = line["spans"].as_array().cloned().unwrap_or_default();
            spans.iter().any(|one| one["name"] == span && one["trace_id"] == trace)
        };
        let found: Vec<Value> = lines(server).into_iter().filter(is_within).collect();
        found.iter().any(|line| message(line) == wanted).then_some(found)
    })
}

fn header(reply: &Reply, name: &str) -> Option<String> {
    let mut fields = reply.head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}

fn submit(http: &mut Http, head: &str, body: &str) -> Reply {
    http.call("POST", "/api/v1/tasks", head, body).expect("an answer")
}

/// Returns the trace id and the span id of a `traceparent`.
fn ids(text: &str) -> (String, String) {
    let parts: Vec<&str> = text.split('-').collect();
    assert_eq!((parts.len(), parts[0]), (4, "00"), "{text}");
    (parts[1].to_owned(), parts[2].to_owned())
}

/// S3.4-08, S4.1-05: `traceparent` in, the same trace id out: in the answer's header, in the task, in
/// the lines of the request and of the agent, and in the task after `kill -9`.
#[test]
fn a_trace_goes_from_the_caller_to_the_agent_and_is_kept() {
    let place = place();
    let (mut server, mut http) = start(&place);
    let head = format!("traceparent: 00-{TRACE}-{CALLER}-01\r\nX-Request-Id: order-17\r\n");
    let reply = submit(&mut http, &head, r#"{"kind":"echo","payload":1}"#);
    let id = id_of(&reply);
    assert_eq!(header(&reply, "x-request-id").as_deref(), Some("order-17"));
    let echoed = header(&reply, "traceparent").expect("told");
    let (trace, request) = ids(&echoed);
    assert_eq!(trace, TRACE);
    assert_ne!(request, CALLER, "an operation of its own");
    assert!(echoed.ends_with("-01"), "sampled as the caller's: {echoed}");
    let view = http.get(&format!("/api/v1/tasks/{id}")).json();
    assert_eq!(view["traceparent"], echoed.as_str(), "{view}");

    let of_request = traced(&server, "http", TRACE, "answered");
    let span = &of_request[0]["span"];
    assert_eq!(
        (&span["id"], &span["span_id"], &span["parent_id"]),
        (&"order-17".into(), &request.as_str().into(), &CALLER.into())
    );
    let of_agent = traced(&server, "attempt", TRACE, "begins");
    let span = &of_agent[0]["span"];
    assert_eq!(
        (&span["task"], &span["parent_id"]),
        (&id.as_str().into(), &request.as_str().into())
    );

    server.kill_9();
    let (_server, mut http) = start(&place);
    let view = http.get(&format!("/api/v1/tasks/{id}")).json();
    assert_eq!(view["traceparent"], echoed.as_str(), "kept: {view}");
}

/// S3.4-08: a malformed header is ignored, as W3C asks, and a trace begins with the request.
#[test]
fn a_bad_traceparent_is_ignored() {
    let place = place();
    let (_server, mut http) = start(&place);
    let zeros = "0".repeat(32);
    let bad = [
        String::new(),
        "traceparent: rubbish\r\n".to_owned(),
        format!("traceparent: 00-{zeros}-{CALLER}-01\r\n"),
        format!("traceparent: ff-{TRACE}-{CALLER}-01\r\n"),
        format!("traceparent: 00-{TRACE}-{CALLER}-01\r\ntraceparent: 00-{TRACE}-{CALLER}-01\r\n"),
    ];
    for head in bad {
        let reply = submit(&mut http, &head, r#"{"kind":"echo","payload":1}"#);
        let (trace, _) = ids(&header(&reply, "traceparent").expect("told"));
        assert!(trace != TRACE && trace != zeros, "{head}: {trace}");
        let view = http.get(&format!("/api/v1/tasks/{}", id_of(&reply))).json();
        assert!(view["traceparent"].as_str().unwrap().contains(&trace), "{view}");
    }
}

/// S3.4-06, S3.4-09: every line of a server's life, including its boot and its end, is one JSON object.
/// A failed operation logs component, operation and error, and nothing of the payload.
#[test]
fn every_log_line_is_json_and_failures_have_their_fields() {
    let place = place();
    let (mut server, mut http) = start(&place);
    // A total cannot be that large, so the second task fails.
    let addend = |add: u64| {
        let payload = json!({"name": "x\n{\"level\":\"FORGED\"}", "add": add});
        json!({"kind": "tally", "payload": payload}).to_string()
    };
    let head = format!("traceparent: 00-{TRACE}-{CALLER}-00\r\n");
    id_of(&submit(&mut http, "", &addend(u64::MAX)));
    id_of(&submit(&mut http, &head, &addend(1)));
    let of_agent = traced(&server, "attempt", TRACE, "Operation failed");
    let failed = of_agent.iter().find(|line| message(line) == "Operation failed").unwrap();
    let fields = &failed["fields"];
    let component = fields["component"].as_str().expect("a component");
    assert!(component.starts_with("/root/components/application/"), "{failed}");
    assert_eq!(fields["operation"], "tally", "{failed}");
    let error = fields["error"].as_str().expect("a text");
    assert!(error.contains("fit into 64 bits"), "{failed}");
    drop(http);
    assert_eq!(server.stop(), 0, "{}", server.log.text());
    assert!(!server.log.text().contains("FORGED"), "{}", server.log.text());
    for line in lines(&server) {
        let is_level = |level: &str| line["level"] == level;
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].into_iter().any(is_level), "{line}");
        assert!(line["timestamp"].is_string() && line["target"].is_string(), "{line}");
    }
}
