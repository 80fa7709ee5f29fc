//! A server as a process, with a fresh directory.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::client;
use super::plain;

pub struct Running {
    child: Child,
    pub api: SocketAddr,
    /// Time from the start of the process to the end of its boot.
    pub up: Duration,
    _dir: tempfile::TempDir,
}

impl Running {
    /// Starts the binary of this crate, with room for all tasks of a run.
    pub async fn ours(within: &Path) -> Self {
        let dir = tempfile::tempdir_in(within).expect("a directory");
        let (config, state) = (dir.path().join("config"), dir.path().join("state"));
        std::fs::create_dir(&config).expect("made");
        std::fs::DirBuilder::new().mode(0o700).create(&state).expect("made");
        let text = format!(
            "http.bind = \"127.0.0.1:0\"\nhttp.max_connections = 2000\n\
             telemetry.metrics_bind = \"127.0.0.1:0\"\n\
             telemetry.log_filter = \"warn,ms_transport=info\"\n\
             tasks.agents = 64\ntasks.queue_limit = 10000000\ntasks.database = {:?}\n",
            state.join("tasks.db")
        );
        std::fs::write(config.join("base.toml"), text).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ms-server"));
        command.arg("--config").arg(&config).arg("--control").arg(dir.path().join("sock"));
        command.env_remove("RUST_LOG").env_remove("ENVIRONMENT");
        Self::launch(command, dir, "listening at=").await
    }

    /// Starts this program as the plain server.
    pub async fn plain(within: &Path) -> Self {
        let dir = tempfile::tempdir_in(within).expect("a directory");
        let me = std::env::current_exe().expect("known");
        let mut command = Command::new(me);
        command.arg(plain::FLAG).arg(dir.path().join("plain.db"));
        Self::launch(command, dir, "listening at=").await
    }

    async fn launch(mut command: Command, dir: tempfile::TempDir, mark: &str) -> Self {
        let began = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains(mark)));
        let line = line.expect("it says where it listens");
        let api = line.rsplit("at=").next().expect("an address").trim().parse().expect("one");
        // Keeps reading: the server would block on a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln(&line)));
        client::started(api).await;
        Self { child, api, up: began.elapsed(), _dir: dir }
    }

    /// Sends SIGTERM, and returns the time to its end.
    pub async fn stop(&mut self) -> Duration {
        let began = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it is there");
        let code = self.child.wait().expect("it ends").code();
        assert!(matches!(code, Some(0) | None), "it ended with {code:?}");
        began.elapsed()
    }
}

/// Returns the warnings in its log.
#[allow(clippy::print_stderr, reason = "a benchmark")]
fn eprintln(line: &str) {
    if !line.contains("INFO") {
        eprintln!("{line}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
