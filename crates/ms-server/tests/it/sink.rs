//! A log sink that takes nothing, such as a pipe that nobody reads or a stopped terminal. The server
//! boots, works and stops in order anyway.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::Instant;

use common::{Http, LONGEST_WAIT, Place, id_of, pause, until};
use ms_control::Client;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

const TASK: &str = r#"{"kind":"echo","payload":1}"#;

/// A pipe that has no room for another byte.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let flags = fcntl_getfl(&writer).expect("it has flags");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("they can be set");
    for size in [4_096, 1] {
        let some = vec![b'\n'; size];
        while writer.write(&some).is_ok() {}
    }
    fcntl_setfl(&writer, flags).expect("they can be set");
    (reader, writer)
}

/// A server whose log nobody reads; killed when dropped.
struct Mute {
    child: Child,
    place: Place,
}

impl Drop for Mute {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Mute {
    /// Starts it on a sink that is full before the first line.
    fn start() -> (Self, PipeReader) {
        let (reader, writer) = full_pipe();
        // As many lines as possible, so that the queue fills soon.
        let place = Place::new().set("telemetry.log_filter=trace");
        let mut command = place.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(writer));
        (Self { child: command.spawn().expect("the binary is there"), place }, reader)
    }

    /// Returns a gateway's address from its own state, as there is no log to read it from.
    fn at(&self, gateway: &str) -> SocketAddr {
        let path = format!("/root/components/transport/{gateway}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        until(&format!("{gateway} to listen"), || {
            let state = runtime.block_on(async {
                let mut client = Client::connect(&self.place.control(), LONGEST_WAIT).await.ok()?;
                client.state(path.parse().expect("a path")).await.ok()
            });
            let state = serde_json::to_value(state?).expect("plain data").to_string();
            let at = state.split_once("127.0.0.1:")?.1;
            let port: String = at.chars().take_while(char::is_ascii_digit).collect();
            Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
        })
    }

    fn is_started(&self, admin: SocketAddr) {
        until("the boot to be done", || {
            let reply = Http::try_get(admin, "/health/startup").ok()?;
            (reply.status == 200).then_some(())
        });
    }

    /// Works until lines are lost.
    fn lose_lines(&self, api: SocketAddr, admin: SocketAddr) {
        let mut http = Http::to(api);
        until("lines to be lost", || {
            for _ in 0..20 {
                id_of(&http.post("/api/v1/tasks", TASK));
            }
            (lost(admin) > 0).then_some(())
        });
    }

    /// Sends SIGTERM, and returns the exit code.
    fn stop(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it is there");
        let end = Instant::now() + LONGEST_WAIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return status.code();
            }
            assert!(Instant::now() < end, "it does not end");
            pause(std::time::Duration::from_millis(5));
        }
    }
}

/// Returns the number of lost lines from the metrics.
fn lost(admin: SocketAddr) -> u64 {
    let page = Http::try_get(admin, "/metrics").expect("answered").body;
    let line = page.lines().find(|line| line.starts_with("ms_framework_log_lines_lost_total "));
    let number = line.and_then(|line| line.rsplit(' ').next()).expect("there from the start");
    number.parse().expect("a number")
}

/// Row 51: nothing waits for the sink: neither the boot nor agents, probes or the stop.
#[test]
fn a_sink_that_takes_nothing_stops_neither_the_boot_nor_the_work_nor_the_end() {
    let (mut server, _reader) = Mute::start();
    let (api, admin) = (server.at("api"), server.at("admin"));
    server.is_started(admin);
    server.lose_lines(api, admin);
    let id = id_of(&Http::to(api).post("/api/v1/tasks", TASK));
    until("the task to end", || {
        let view = Http::to(api).get(&format!("/api/v1/tasks/{id}")).json();
        (view["state"] == "completed").then_some(())
    });
    for probe in ["/health/live", "/health/ready"] {
        assert_eq!(Http::try_get(admin, probe).expect("answered").status, 200, "{probe}");
    }
    assert_eq!(server.stop(), Some(0), "in order");
}

/// Row 51: lost lines are counted, and reported in the log as soon as lines flow again.
#[test]
fn lost_lines_are_reported_when_lines_flow_again() {
    let (mut server, reader) = Mute::start();
    let (api, admin) = (server.at("api"), server.at("admin"));
    server.is_started(admin);
    server.lose_lines(api, admin);
    let (tell, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(reader).split(b'\n').map_while(Result::ok);
        for line in lines {
            if String::from_utf8_lossy(&line).contains("log lines were lost") {
                // The test may be over.
                let _ = tell.send(());
            }
        }
    });
    finished.recv_timeout(LONGEST_WAIT).expect("it is told");
    assert_eq!(server.stop(), Some(0), "in order");
}

/// Row 51: the last message of a failed start goes to the same sink, and nothing waits for it.
#[test]
fn a_start_that_fails_ends_though_nobody_takes_its_last_word() {
    let (_reader, writer) = full_pipe();
    let place = Place::new().set("http.bind=0.0.0.0:0");
    let mut command = place.command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(writer));
    let mut server = Mute { child: command.spawn().expect("the binary is there"), place };
    let code = until("its end", || server.child.try_wait().expect("it is ours"));
    assert_eq!(code.code(), Some(78));
}
