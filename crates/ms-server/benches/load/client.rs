//! Clients that cost little, so that the server has the two cores.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::plan::{LoadScenario, MetricsCollector, ScenarioType, StopRule};

/// In a paced run, a client follows one in this many tasks to its result.
const FOLLOWED: usize = 10;

/// A thousand clients need as many descriptors here, and in the server.
pub fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("up to the maximum");
}

/// A connection that is kept alive.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn to(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4_096) })
    }

    /// Sends a request, reads the whole answer and returns its status. The body stays in the buffer.
    async fn call(&mut self, request: &[u8]) -> io::Result<(u16, usize)> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (body, length) = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(head) = find(&self.buffer, b"\r\n\r\n") {
                break (head + 4, length(&self.buffer[..head]));
            }
        };
        while self.buffer.len() < body + length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status =
            std::str::from_utf8(&self.buffer[9..12]).ok().and_then(|text| text.parse().ok());
        Ok((status.unwrap_or(0), body))
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|part| part == what)
}

fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let line =
        head.lines().find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    let about = match body {
        "" => String::new(),
        body => format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{about}\r\n{body}").into_bytes()
}

const TASK: &str = r#"{"kind":"echo","payload":{"url":"https://example.org/17","depth":3}}"#;

fn one() -> Vec<u8> {
    request("POST", "/api/v1/tasks", TASK)
}

fn batch_of(size: usize) -> Vec<u8> {
    let body = format!("[{}]", vec![TASK; size].join(","));
    request("POST", "/api/v1/tasks/batch", &body)
}

/// Sends this many batches, one after another.
pub async fn batches(addr: SocketAddr, count: usize, size: usize) {
    let (mut connection, batch) = (Connection::to(addr).await.expect("connects"), batch_of(size));
    for _ in 0..count {
        assert_eq!(connection.call(&batch).await.expect("answers").0, 201);
    }
}

pub async fn started(addr: SocketAddr) {
    let ask = request("GET", "/health/startup", "");
    loop {
        if let Ok(mut connection) = Connection::to(addr).await
            && matches!(connection.call(&ask).await, Ok((200, _)))
        {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Clients that start one after another, and send again as soon as they are answered.
pub struct LoadGenerator {
    pub addr: SocketAddr,
    pub scenario: LoadScenario,
    pub rule: StopRule,
}

impl LoadGenerator {
    /// Runs the scenario to its end, or until the rule stops it.
    pub async fn run(self) -> MetricsCollector {
        let Self { addr, scenario, rule } = self;
        let met = Rc::new(RefCell::new(MetricsCollector::default()));
        let request: Rc<[u8]> = match scenario.kind {
            ScenarioType::ConstantLoad => one().into(),
            ScenarioType::Batches(size) => batch_of(size).into(),
        };
        let began = Instant::now();
        let clients = LocalSet::new();
        for client in 0..scenario.clients {
            let (met, request) = (Rc::clone(&met), Rc::clone(&request));
            clients.spawn_local(async move {
                sleep(scenario.begins(client)).await;
                let mut connection = None;
                while began.elapsed() < scenario.length() && !met.borrow().stopped {
                    let sent = Instant::now();
                    let answer = match &mut connection {
                        Some(open) => {
                            Connection::call(open, &request).await.map(|(status, _)| status)
                        }
                        None => match Connection::to(addr).await {
                            Ok(open) => {
                                connection = Some(open);
                                continue;
                            }
                            Err(error) => Err(error),
                        },
                    };
                    let mut met = met.borrow_mut();
                    match answer {
                        Ok(201) if scenario.measures(sent - began) => met.note(sent.elapsed()),
                        Ok(201) => met.note_ramping(),
                        Ok(_) => met.errors += 1,
                        Err(_) => {
                            met.errors += 1;
                            connection = None;
                        }
                    }
                    met.stopped |= rule.stops(met.requests(), met.errors);
                }
            });
        }
        clients.await;
        let mut met = met.borrow().clone();
        met.took = began.elapsed().saturating_sub(scenario.ramp);
        met
    }
}

/// Returns p99 of the calls of the API to the database, in milliseconds, as the server reports it.
pub async fn database_p99(addr: SocketAddr) -> Option<f64> {
    let mut connection = Connection::to(addr).await.ok()?;
    let ask = request("GET", "/api/v1/metrics/integration", "");
    let (_, body) = connection.call(&ask).await.ok()?;
    let metrics: Value = serde_json::from_slice(&connection.buffer[body..]).ok()?;
    let mut pairs = metrics["latencies"].as_array()?.iter();
    let pair = pairs.find(|pair| pair["from"] == "transport" && pair["to"] == "database")?;
    Some(pair["p99_us"].as_f64()? / 1_000.0)
}

/// Waits until nothing is pending or running.
pub async fn all_done(addr: SocketAddr) {
    let mut connection = Connection::to(addr).await.expect("connects");
    for state in ["pending", "assigned", "running"] {
        let ask = request("GET", &format!("/api/v1/tasks?limit=1&state={state}"), "");
        loop {
            let (status, body) = connection.call(&ask).await.expect("answers");
            assert_eq!(status, 200);
            if find(&connection.buffer[body..], b"\"tasks\":[]").is_some() {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The latencies of a paced run.
#[derive(Debug)]
pub struct Latency {
    /// From the request to its 201.
    pub accepted: MetricsCollector,
    /// From the 201 to the result, as the client sees it: one task in ten.
    pub result: MetricsCollector,
}

/// Sends `rate` tasks a second from `clients` connections, each with its own schedule. A late answer
/// delays only its own connection, and counts in full.
pub async fn paced(addr: SocketAddr, clients: usize, rate: usize, time: Duration) -> Latency {
    let accepted = Rc::new(RefCell::new(MetricsCollector::default()));
    let result = Rc::new(RefCell::new(MetricsCollector::default()));
    let count = Rc::new(Cell::new(0));
    let began = Instant::now();
    let beat = Duration::from_secs_f64(clients as f64 / rate as f64);
    let set = LocalSet::new();
    for client in 0..clients {
        let (accepted, result, count) =
            (Rc::clone(&accepted), Rc::clone(&result), Rc::clone(&count));
        set.spawn_local(async move {
            sleep(beat.mul_f64(client as f64 / clients as f64)).await;
            let mut connection = Connection::to(addr).await.expect("connects");
            let mut follower = Connection::to(addr).await.expect("connects");
            let post = one();
            let mut beats = interval(beat);
            beats.set_missed_tick_behavior(MissedTickBehavior::Burst);
            while began.elapsed() < time {
                let due = beats.tick().await;
                let answer = connection.call(&post).await;
                let Ok((201, body)) = answer else {
                    accepted.borrow_mut().errors += 1;
                    continue;
                };
                accepted.borrow_mut().note(due.elapsed());
                count.set(count.get() + 1);
                if count.get() % FOLLOWED == 0 {
                    let began = Instant::now();
                    let id = String::from_utf8_lossy(&connection.buffer[body..]).replace('"', "");
                    let ask = request("GET", &format!("/api/v1/tasks/{id}/result"), "");
                    loop {
                        match follower.call(&ask).await {
                            Ok((200, _)) => break result.borrow_mut().note(began.elapsed()),
                            Ok((409, _)) => sleep(Duration::from_millis(1)).await,
                            _ => break result.borrow_mut().errors += 1,
                        }
                    }
                }
            }
        });
    }
    set.await;
    let (mut accepted, mut result) = (accepted.borrow().clone(), result.borrow().clone());
    accepted.took = began.elapsed();
    result.took = accepted.took;
    Latency { accepted, result }
}
