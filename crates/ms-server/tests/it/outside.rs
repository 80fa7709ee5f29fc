//! Calls to outside services: only allowed ones, each behind a breaker, with a deadline and a fallback.
//!
//! The services are real listeners of these tests, which answer, fail, hang and recover.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Http, Place, Server, id_of, until};
use ms_control::Client;
use serde_json::{Value, json};

const WELL: u8 = 0;
const FAILS: u8 = 1;
const HANGS: u8 = 2;

/// A service over HTTP.
#[derive(Clone)]
struct Peer {
    addr: SocketAddr,
    mode: Arc<AtomicU8>,
    asked: Arc<AtomicUsize>,
    /// The head of the last request.
    last: Arc<Mutex<String>>,
}

impl Peer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Self {
            addr: listener.local_addr().unwrap(),
            mode: Arc::new(AtomicU8::new(WELL)),
            asked: Arc::default(),
            last: Arc::default(),
        };
        let serving = peer.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let peer = serving.clone();
                std::thread::spawn(move || peer.serve(stream));
            }
        });
        peer
    }

    fn name(&self) -> String {
        self.addr.to_string()
    }

    fn is(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Serves the requests of one connection, one after the other.
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).unwrap_or(0) == 0 {
                    return;
                }
            }
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
            if reader.read_exact(&mut body).is_err() {
                return;
            }
            *self.last.lock().unwrap() = head;
            let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let (status, text) = match self.mode.load(Ordering::SeqCst) {
                WELL => ("200 OK", format!("answer {count}")),
                FAILS => ("503 Service Unavailable", "down".to_owned()),
                _ => {
                    // Nothing is ever answered; the end of the connection ends this thread.
                    drop(reader.read(&mut [0]));
                    return;
                }
            };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            if writer.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn place(services: &[&Peer], more: &str) -> Place {
    let allowed: Vec<_> = services.iter().map(|peer| peer.name()).collect();
    let place = Place::new();
    place.write_config(&format!("[outside]\nallowed = {allowed:?}\n{more}\n"));
    place
}

fn submit(server: &Server, peer: &Peer, path: &str, more: Value) -> String {
    let mut payload = json!({ "url": format!("http://{}{path}", peer.name()) });
    payload.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let retry = json!({ "max_attempts": 1 });
    let task = json!({ "kind": "http", "payload": payload, "retry": retry });
    id_of(&server.http().post("/api/v1/tasks", &task.to_string()))
}

/// Calls a service with a task of one attempt, and returns the ended task.
fn call(server: &Server, peer: &Peer, path: &str) -> Value {
    ended(server, &submit(server, peer, path, json!({})))
}

fn ended(server: &Server, id: &str) -> Value {
    until("the end of the task", || {
        let view = server.get(&format!("/api/v1/tasks/{id}")).json();
        let state = view["state"].as_str()?.to_owned();
        match state.as_str() {
            "completed" => {
                Some(server.get(&format!("/api/v1/tasks/{id}/result")).json()["output"].clone())
            }
            "failed" | "dead" => Some(view),
            _ => None,
        }
    })
}

fn breaker(server: &Server, peer: &Peer) -> Value {
    let id = peer.name().replace(['.', ':'], "-");
    let path = format!("/root/components/outside/{id}/breaker").parse().expect("a path");
    let state = server.control(async |client: &mut Client| client.state(path).await);
    state.unwrap_or_else(|error| panic!("{error:?}")).state
}

fn metric(server: &Server, name: &str, label: &str) -> f64 {
    let text = Http::try_get(server.admin(), "/metrics").expect("answered").body;
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// S9.1-04, S9.2-01, S9.2-02: after the configured failures the service is not called any more, and the
/// last good answer is returned, marked as stale. When the time is over one call tries the service, and
/// a success closes the circuit. The breaker is an actor of the tree; metrics count the sources of
/// answers.
#[test]
fn a_service_that_fails_is_left_alone_and_tried_again() {
    let peer = Peer::start();
    let place = place(
        &[&peer],
        "failures = 2\nopen_for = \"2s\"\nsuccesses = 1\nretries = 0\nfallback = \"cache\"\ncache_for = \"1h\"",
    );
    let server = place.start();
    let good = call(&server, &peer, "/x?y=1");
    assert_eq!(
        (&good["source"], &good["status"], &good["body"]),
        (&json!("origin"), &json!(200), &json!("answer 1")),
        "{good}"
    );
    assert!(peer.last.lock().unwrap().contains("idempotency-key: "), "an attempt can be told");
    peer.is(FAILS);
    for _ in 0..2 {
        let stale = call(&server, &peer, "/x?y=1");
        assert_eq!(
            (&stale["source"], &stale["body"]),
            (&json!("stale"), &json!("answer 1")),
            "{stale}"
        );
        assert!(stale["age_ms"].is_u64(), "{stale}");
    }
    let open = breaker(&server, &peer);
    assert_eq!((&open["state"], &open["opened"]), (&json!("open"), &json!(1)), "{open}");
    // If this takes so long that a call tries the service, the call fails, and the circuit is open again.
    until("a call is refused without being made", || {
        let asked = peer.asked();
        assert_eq!(call(&server, &peer, "/x?y=1")["source"], "stale");
        (breaker(&server, &peer)["refused"].as_u64()? > 0 && peer.asked() == asked).then_some(())
    });
    let other = call(&server, &peer, "/other");
    assert!(other["failure"].is_object(), "another call has no answer to fall back on: {other}");
    peer.is(WELL);
    until("the service is called again", || {
        (call(&server, &peer, "/x?y=1")["source"] == "origin").then_some(())
    });
    assert_eq!(breaker(&server, &peer)["state"], "closed");
    assert!(metric(&server, "ms_framework_outside_calls_total", "source=\"stale\"") >= 3.0);
    let pair = format!("to=\"{}\"", peer.name());
    until("failures between components", || {
        let failures = metric(&server, "ms_framework_integration_failures_total", &pair);
        (failures >= 2.0).then_some(())
    });
}

/// S9.1-04: a service that hangs costs an agent no more than the deadline of the task, or else of the
/// configuration. Without a fallback the task fails like any other.
#[test]
fn a_service_that_hangs_costs_no_more_than_the_deadline() {
    let peer = Peer::start();
    peer.is(HANGS);
    let place = place(&[&peer], "deadline = \"400ms\"\nfailures = 2\nopen_for = \"1h\"");
    let server = place.start();
    for more in [json!({ "deadline_ms": 50 }), json!({ "deadline_ms": 3_600_000 })] {
        let began = Instant::now();
        let view = ended(&server, &submit(&server, &peer, "/", more.clone()));
        let message = view["failure"].to_string();
        let least = Duration::from_millis(if more["deadline_ms"] == 50 { 50 } else { 400 });
        assert!(message.contains("no answer within") && began.elapsed() >= least, "{message}");
    }
    assert_eq!(breaker(&server, &peer)["state"], "open", "a missed deadline is a failure");
    let view = call(&server, &peer, "/");
    assert!(view["failure"].to_string().contains("circuit"), "{view}");
    assert_eq!(peer.asked(), 2, "the third was not made");
}

/// S9.2-02, S9.2-03: the default answer of the configuration is marked as such. A call that may be
/// repeated is repeated once if the budget has a retry; others are not.
#[test]
fn a_default_is_marked_and_retries_have_a_budget() {
    let peer = Peer::start();
    peer.is(FAILS);
    let place = place(
        &[&peer],
        "failures = 1000\nretries = 50\nfallback = \"default\"\ndefault_body = \"closed for today\"",
    );
    let server = place.start();
    for _ in 0..4 {
        let reply = call(&server, &peer, "/");
        assert_eq!(
            (&reply["source"], &reply["body"]),
            (&json!("default"), &json!("closed for today"))
        );
    }
    assert_eq!(peer.asked(), 4 + 3, "one to begin with, and half of the calls");
    for _ in 0..4 {
        ended(&server, &submit(&server, &peer, "/", json!({ "method": "POST", "body": "x" })));
    }
    assert_eq!(peer.asked(), 7 + 4, "a POST may have been carried out");
}

/// S9.2-02: the alternative service answers, and the answer is marked. The first call may use only half
/// of the time.
#[test]
fn another_service_answers_instead() {
    let (peer, other) = (Peer::start(), Peer::start());
    peer.is(HANGS);
    let more = format!(
        "deadline = \"20s\"\ntries = 2\nfallback = \"alternative\"\nalternative = {:?}",
        other.name()
    );
    let server = place(&[&peer, &other], &more).start();
    let id = submit(&server, &peer, "/path?q=1", json!({ "deadline_ms": 1_000 }));
    let reply = ended(&server, &id);
    assert_eq!(
        (&reply["source"], &reply["body"]),
        (&json!("alternative"), &json!("answer 1")),
        "{reply}"
    );
    assert!(other.last.lock().unwrap().starts_with("get /path?q=1 "), "the same path");
}

/// A service that is not allowed is not called. By default none is allowed, and there is no component.
#[test]
fn only_what_is_allowed_is_called() {
    let (peer, other) = (Peer::start(), Peer::start());
    let place = place(&[&peer], "");
    let server = place.start();
    let url = format!("http://{}/", other.name());
    let task = json!({ "kind": "http", "payload": { "url": url } }).to_string();
    let reply = server.http().post("/api/v1/tasks", &task);
    assert_eq!(reply.status, 422, "{reply:?}");
    let message = reply.body.clone();
    assert!(message.contains("payload.url") && message.contains("outside.allowed"), "{message}");
    assert_eq!(call(&server, &peer, "/")["source"], "origin");
    assert_eq!(other.asked(), 0);
    drop(server);
    let place = Place::new();
    let server = place.start();
    let task = json!({ "kind": "http", "payload": { "url": format!("http://{}/", peer.name()) } });
    assert_eq!(server.http().post("/api/v1/tasks", &task.to_string()).status, 422);
    assert!(!common::paths(&server.tree()).iter().any(|path| path.ends_with("/outside")));
    assert_eq!(peer.asked(), 1);
}
