//! The binary as a process: its directory, its log, its ports, a client.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests; each test program uses a part of it"
)]

mod disk;
mod http;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use ms_control::proto::Verb;
use ms_control::{Client, ControlError, Kind};
use ms_core::view::TreeNode;
use ms_runtime::ServiceEnd;
use ms_server::{Options, ServerError};
use ms_testkit::child::{ChildTest, OwnTest};
use ms_testkit::tree::whole;
use rustix::process::{Pid, Signal, kill_process};

#[allow(unused_imports, reason = "each test program uses a part")]
pub use disk::{Disk, Room};
#[allow(unused_imports, reason = "each test program uses a part")]
pub use http::{Http, Reply, clients};

/// Longest wait for anything. It is long because a busy machine is slow: the wait only has to end
/// before the test runner gives up on a test that hangs.
pub const LONGEST_WAIT: Duration = Duration::from_secs(180);

/// Polls until `look` finds what no event announces.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_or(look, || what.to_owned())
}

/// As [`until`], with a message that is made when the wait fails.
#[track_caller]
pub fn until_or<T>(look: impl FnMut() -> Option<T>, what: impl FnOnce() -> String) -> T {
    ms_testkit::clock::until_seen(LONGEST_WAIT, look, what)
}

#[allow(clippy::disallowed_methods, reason = "the test is another process than the actors")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A configuration directory and a state directory.
pub struct Place {
    dir: Arc<tempfile::TempDir>,
    state: PathBuf,
    args: Vec<String>,
    prelude: Option<String>,
    /// The program of [`Place::bound_by_modes`].
    program: Option<PathBuf>,
}

/// A user without rights, where the tests run as root.
pub const NOBODY: u32 = 65_534;

impl Place {
    pub fn new() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let state = dir.path().join("state");
        fs::DirBuilder::new().mode(0o700).create(&state).unwrap();
        let place = Self { dir, state, args: Vec::new(), prelude: None, program: None };
        fs::create_dir(place.config()).unwrap();
        place.write_config("");
        place
    }

    /// Puts the state elsewhere, such as on another file system.
    pub fn state_at(mut self, state: &Path) -> Self {
        self.state = state.to_owned();
        self.write_config("");
        self
    }

    /// Adds an override, `key=value`.
    pub fn set(mut self, assignment: &str) -> Self {
        self.args.extend(["--set".to_owned(), assignment.to_owned()]);
        self
    }

    /// Sets what a shell does before it becomes the server, such as `ulimit -n 64`.
    pub fn prelude(mut self, commands: &str) -> Self {
        self.prelude = Some(commands.to_owned());
        self
    }

    /// Runs as a user whom the modes of files bind: root gives this place to another user.
    pub fn bound_by_modes(mut self) -> Self {
        if rustix::process::geteuid().is_root() {
            // Other users may not be able to reach the build directory.
            let program = self.file("ms-server");
            fs::copy(env!("CARGO_BIN_EXE_ms-server"), &program).unwrap();
            self.program = Some(program);
            give_away(self.dir.path());
        }
        self
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    pub fn state(&self) -> &Path {
        &self.state
    }

    pub fn database(&self) -> PathBuf {
        self.state.join("tasks.db")
    }

    pub fn control(&self) -> PathBuf {
        self.dir.path().join("control.sock")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a configuration with free ports, state in this place, and `more` at its end.
    pub fn write_config(&self, more: &str) {
        let database = self.database();
        let text = format!(
            "http.bind = \"127.0.0.1:0\"\ntelemetry.metrics_bind = \"127.0.0.1:0\"\n\
             tasks.database = {database:?}\n{more}"
        );
        self.write_base(&text);
    }

    pub fn write_base(&self, text: &str) {
        // Atomically, as editors do.
        let new = self.dir.path().join("base.new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.config().join("base.toml")).unwrap();
    }

    pub fn command(&self) -> Command {
        let built = Path::new(env!("CARGO_BIN_EXE_ms-server"));
        let binary = self.program.as_deref().unwrap_or(built);
        let mut command = match &self.prelude {
            None => Command::new(binary),
            Some(prelude) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{prelude} && exec \"$0\" \"$@\"")]).arg(binary);
                shell
            }
        };
        command.arg("--config").arg(self.config()).arg("--control").arg(self.control());
        command.arg("--allow-faults").args(&self.args);
        if self.program.is_some() {
            command.uid(NOBODY).gid(NOBODY);
        }
        unsettled(command)
    }

    /// Starts a test's own service: the part of the child process. It finds the configuration and the
    /// path of the control socket in its environment.
    pub fn launch_own(&self, own: &OwnTest) -> Server {
        self.launch_own_with(own, |child| child)
    }

    /// As [`Place::launch_own`], with more in its environment.
    pub fn launch_own_with(
        &self,
        own: &OwnTest,
        more: impl FnOnce(ChildTest) -> ChildTest,
    ) -> Server {
        self.launch_child(more(own.child("service")))
    }

    /// As [`Place::launch_own`], with a part of its own.
    pub fn launch_part(&self, own: &OwnTest, part: &str) -> Server {
        self.launch_child(own.child(part))
    }

    fn launch_child(&self, child: ChildTest) -> Server {
        let child = child.with(|command| {
            unset_settings(command);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        });
        let child = child.env(OWN_CONFIG, self.config()).env(OWN_CONTROL, self.control());
        self.serving(child.spawn())
    }

    /// Starts the server without waiting for its boot.
    pub fn launch(&self) -> Server {
        self.launch_as(self.command())
    }

    /// As [`Place::launch`], with a command made of [`Place::command`].
    pub fn launch_as(&self, mut command: Command) -> Server {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        self.serving(command.spawn().expect("the binary is there"))
    }

    fn serving(&self, mut child: Child) -> Server {
        let log = Log::of(child.stderr.take().unwrap());
        Server { child, log, control: self.control(), _place: Arc::clone(&self.dir) }
    }

    /// Starts the server and waits until its boot is done.
    pub fn start(&self) -> Server {
        let server = self.launch();
        server.started();
        server
    }

    /// Starts the server, waits for it to end by itself, and returns its exit code and its output.
    pub fn refused(&self) -> (i32, String) {
        let mut server = self.launch();
        let code = server.exit();
        (code, server.log.text())
    }
}

fn give_away(path: &Path) {
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_away(&entry.unwrap().path()));
    }
}

/// Returns the options of a test program's own service, in its process.
pub fn own_options() -> Options {
    let config = std::env::var_os(OWN_CONFIG).expect("handed over");
    let control = std::env::var_os(OWN_CONTROL).map(PathBuf::from);
    Options { control, ..Options::from_dir(config) }
}

/// Ends the process of such a service as its `main` would.
#[allow(clippy::disallowed_methods, reason = "this process is the service")]
pub fn end_own(end: Result<ServiceEnd, ServerError>) {
    let code = end.map_or_else(|error| i32::from(error.code()), |end| i32::from(end.code()));
    std::process::exit(code)
}

/// The variable with the configuration of a test program's own service.
const OWN_CONFIG: &str = "MS_OWN_SERVICE_CONFIG";
/// The variable with its control socket.
const OWN_CONTROL: &str = "MS_OWN_SERVICE_CONTROL";

/// Returns `msctl`, without the settings of the person who runs the tests.
///
/// Cargo gives tests only the programs of their own package. A run of the whole workspace has built
/// this one beside them. Only if it is older than its sources does the first call build it, which takes
/// a minute on a busy machine: built alone, it and all crates below it have other features.
pub fn msctl() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    unsettled(Command::new(BUILT.get_or_init(|| built_msctl().unwrap_or_else(build_msctl))))
}

/// Returns the program beside the tests, if it is newer than all its sources.
fn built_msctl() -> Option<PathBuf> {
    let tests = std::env::current_exe().ok()?;
    let msctl = tests.parent()?.parent()?.join("msctl");
    let written = |path: &Path| fs::metadata(path).ok()?.modified().ok();
    let made = written(&msctl)?;
    // In the format of make, the target and its sources: cargo writes this file beside each program.
    let rule = fs::read_to_string(msctl.with_extension("d")).ok()?.replace("\\ ", "\0");
    let (_, sources) = rule.split_once(": ")?;
    let mut sources = sources.split_whitespace().map(|path| PathBuf::from(path.replace('\0', " ")));
    sources.all(|source| written(&source).is_some_and(|time| time <= made)).then_some(msctl)
}

fn build_msctl() -> PathBuf {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build.args(["build", "--quiet", "-p", "ms-cli", "--message-format=json-render-diagnostics"]);
    let out = build.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(out.status.success(), "msctl does not build");
    let lines = String::from_utf8(out.stdout).expect("JSON");
    let mut built = lines.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    built.find(|path| path.ends_with("msctl")).expect("cargo names what it built")
}

/// Removes the settings of the person who runs the tests.
fn unsettled(mut command: Command) -> Command {
    unset_settings(&mut command);
    command
}

fn unset_settings(command: &mut Command) {
    let own =
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MS_FRAMEWORK"));
    own.for_each(|(name, _)| {
        command.env_remove(name);
    });
    command.env_remove("RUST_LOG").env_remove("ENVIRONMENT").env_remove("RUST_BACKTRACE");
}

/// Lines of standard error, as they come.
#[derive(Clone)]
pub struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    fn of(stderr: impl Read + Send + 'static) -> Self {
        let log = Self(Arc::default());
        let writes = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                writes.change(|lines| lines.lines.push(line));
            }
            writes.change(|lines| lines.ended = true);
        });
        log
    }

    fn change(&self, change_lines: impl FnOnce(&mut Lines)) {
        change_lines(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    fn wait<T>(&self, what: &str, look: impl Fn(&Lines) -> Option<T>) -> T {
        let end = Instant::now() + LONGEST_WAIT;
        let mut lines = self.0.0.lock().unwrap();
        loop {
            if let Some(found) = look(&lines) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !lines.ended, "no {what} in:\n{}", lines.lines.join("\n"));
            lines = self.0.1.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// The `nth` line that has `text`, counted from 0.
    pub fn nth(&self, nth: usize, text: &str) -> String {
        self.wait(text, |lines| {
            lines.lines.iter().filter(|line| line.contains(text)).nth(nth).cloned()
        })
    }

    pub fn line(&self, text: &str) -> String {
        self.nth(0, text)
    }

    pub fn has(&self, text: &str) -> bool {
        self.0.0.lock().unwrap().lines.iter().any(|line| line.contains(text))
    }

    fn has_ended(&self) -> bool {
        self.0.0.lock().unwrap().ended
    }

    /// Waits for its end: that of the process.
    fn end(&self) -> bool {
        let end = Instant::now() + LONGEST_WAIT;
        let mut lines = self.0.0.lock().unwrap();
        while !lines.ended {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            lines = self.0.1.wait_timeout(lines, left).unwrap().0;
        }
        true
    }

    /// Asserts that all of these lines were logged, first in this order.
    pub fn has_in_order(&self, lines: &[&str]) {
        let text = self.text();
        let at = |line: &&str| text.find(line).unwrap_or_else(|| panic!("no {line} in {text}"));
        assert!(lines.iter().map(at).is_sorted(), "{lines:?}: {text}");
    }

    pub fn text(&self) -> String {
        self.0.0.lock().unwrap().lines.join("\n")
    }
}

/// A running binary; killed when dropped.
pub struct Server {
    child: Child,
    pub log: Log,
    control: PathBuf,
    /// Keeps its files for as long as it runs, even if the test has dropped the place.
    _place: Arc<tempfile::TempDir>,
}

impl Server {
    /// Returns the address of the API, once it is bound.
    pub fn api(&self) -> SocketAddr {
        self.listener(0)
    }

    pub fn admin(&self) -> SocketAddr {
        self.listener(1)
    }

    fn listener(&self, nth: usize) -> SocketAddr {
        let line = self.log.nth(nth, "listening at=");
        let at = line.rsplit("at=").next().unwrap().trim();
        at.parse().unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    pub fn started(&self) {
        let admin = self.admin();
        until_or(
            || {
                assert!(!self.log.has_ended(), "it ended:\n{}", self.log.text());
                let reply = Http::try_get(admin, "/health/startup").ok()?;
                (reply.status == 200).then_some(())
            },
            || format!("started\n{}", self.log.text()),
        );
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn http(&self) -> Http {
        Http::to(self.api())
    }

    pub fn get(&self, path: &str) -> Reply {
        self.http().get(path)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is there");
    }

    /// Kills it with `kill -9`, and waits for its end.
    pub fn kill_9(&mut self) {
        self.child.kill().expect("it is there");
        self.child.wait().expect("it ends");
    }

    /// Waits for its end, and returns its exit code; -1 for an end by a signal.
    pub fn exit(&mut self) -> i32 {
        if !self.log.end() {
            drop(self.child.kill());
            panic!("still running:\n{}", self.log.text());
        }
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Sends SIGTERM, and returns the exit code.
    pub fn stop(&mut self) -> i32 {
        self.signal(Signal::TERM);
        self.exit()
    }

    /// Runs a client of the control socket, as `msctl` does.
    pub fn control<T>(&self, ask: impl AsyncFnOnce(&mut Client) -> T) -> T {
        let answer = self.try_control(ask);
        answer.unwrap_or_else(|error| panic!("{error:?} in:\n{}", self.log.text()))
    }

    fn try_control<T>(&self, ask: impl AsyncFnOnce(&mut Client) -> T) -> Result<T, ControlError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = Client::connect(&self.control, LONGEST_WAIT).await?;
            Ok(ask(&mut client).await)
        })
    }

    /// Returns the whole tree.
    pub fn tree(&self) -> TreeNode {
        self.control(async |client| whole(async || client.tree(None, None).await).await)
    }

    /// Steers an actor. On a busy machine the answer may be that the order is still being carried out;
    /// callers wait for its effect anyway.
    pub fn steer(&self, path: &str, verb: Verb) {
        match self.try_steer(path, verb) {
            Err(error) if error.kind == Kind::TimedOut && error.what.ends_with("goes on") => {}
            done => done.unwrap_or_else(|error| panic!("{error:?} in:\n{}", self.log.text())),
        }
    }

    pub fn try_steer(&self, path: &str, verb: Verb) -> Result<(), ControlError> {
        let path = path.parse().expect("a path");
        let reason = Some("the test".to_owned());
        let steer = async |client: &mut Client| client.steer(path, verb, reason).await.map(drop);
        self.try_control(steer).and_then(|done| done)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns all paths of a tree.
pub fn paths(tree: &TreeNode) -> Vec<String> {
    let mut found = vec![tree.status.path.to_string()];
    found.extend(tree.children.iter().flat_map(paths));
    found
}

/// Returns the id in the answer to a submission.
pub fn id_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json().as_str().expect("a bare id").to_owned()
}
