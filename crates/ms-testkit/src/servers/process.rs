//! The process of a server: finds the program, starts it, waits until it is ready, and ends it.

use ms_core::time::later;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use super::ServerError;

/// Longest start of a server, and longest run of a program that ends by itself.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Longest orderly end. After that it is killed.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// Longest wait for one answer of a server that is starting.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// Time between two looks at what no event announces.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Ports that are tried: another process may take a free port before the server does.
const PORTS: usize = 3;
/// Bytes at the end of a log that an error shows.
const LOG_TAIL: usize = 2_000;

/// A program, and the Debian package it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
}

impl Program {
    pub(super) fn find(self) -> Result<PathBuf, ServerError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&path).chain(debian_places());
        let found = places.map(|place| place.join(self.name)).find(|file| file.is_file());
        found.ok_or(ServerError::Missing { program: self.name, package: self.package })
    }

    pub(super) const fn failed(self, source: io::Error) -> ServerError {
        ServerError::System { program: self.name, source }
    }

    fn ended(self, status: ExitStatus, dir: &Path) -> ServerError {
        ServerError::Exited { program: self.name, status, log: log_tail(dir) }
    }

    fn not_ready(self, dir: &Path) -> ServerError {
        ServerError::NotReady { program: self.name, log: log_tail(dir) }
    }
}

/// Returns the folders in which Debian has servers, the newest version first. They are not on the PATH
/// of most users.
fn debian_places() -> impl Iterator<Item = PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    versions.into_iter().rev().chain([PathBuf::from("/usr/sbin")])
}

/// The account that a program runs under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// Returns an account other than root if this process runs as root, else `None`.
    pub(super) fn without_rights() -> io::Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let named = |name: &str| accounts.lines().find_map(|line| Self::of(line, name));
        let found = named("postgres").or_else(|| named("nobody"));
        found.map(Some).ok_or_else(|| io::Error::other("there is no account but root's"))
    }

    /// Parses a line of `/etc/passwd` if it is that of this account.
    fn of(line: &str, name: &str) -> Option<Self> {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        Some(Self { uid, gid: fields.next()?.parse().ok()? })
    }
}

/// Makes a directory for a server that runs under this account.
pub(super) fn directory(account: Option<Account>) -> io::Result<TempDir> {
    let dir = tempfile::tempdir()?;
    if let Some(Account { uid, gid }) = account {
        chown(dir.path(), Some(uid), Some(gid))?;
    }
    Ok(dir)
}

/// Starts a program whose output goes to a log in its directory.
fn spawn(
    program: Program,
    mut command: Command,
    account: Option<Account>,
    dir: &Path,
) -> Result<Child, ServerError> {
    if let Some(Account { uid, gid }) = account {
        command.uid(uid).gid(gid);
    }
    let log = || File::options().create(true).append(true).open(dir.join("log"));
    let mut start = || {
        let command = command.current_dir(dir).stdin(Stdio::null());
        command.stdout(log()?).stderr(log()?).spawn()
    };
    start().map_err(|source| program.failed(source))
}

/// Runs a program to its end.
pub(super) fn run(
    program: Program,
    command: Command,
    account: Option<Account>,
    dir: &Path,
) -> Result<(), ServerError> {
    let mut running = Running(spawn(program, command, account, dir)?);
    let ended = ends(&mut running.0, STARTS_WITHIN).map_err(|source| program.failed(source))?;
    match ended {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(program.ended(status, dir)),
        None => Err(program.not_ready(dir)),
    }
}

/// A server that is up.
#[derive(Debug)]
pub(super) struct Process {
    _running: Running,
    addr: SocketAddr,
    // Declared last, so that it is removed after the process has ended.
    _dir: TempDir,
}

impl Process {
    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Starts a server on a free port and waits until it is ready.
pub(super) fn serve(
    program: Program,
    account: Option<Account>,
    dir: TempDir,
    command: impl Fn(u16) -> Command,
    ready: impl Fn(&TcpStream) -> io::Result<bool>,
) -> Result<Process, ServerError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let addr = free_port().map_err(|source| program.failed(source))?;
        let mut running = Running(spawn(program, command(addr.port()), account, dir.path())?);
        match wait(program, &mut running, addr, dir.path(), &ready) {
            Ok(()) => return Ok(Process { _running: running, addr, _dir: dir }),
            // Another process may have taken the port first.
            Err(ServerError::Exited { .. }) if tries < PORTS => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits until the server is ready.
fn wait(
    program: Program,
    running: &mut Running,
    addr: SocketAddr,
    dir: &Path,
    ready: impl Fn(&TcpStream) -> io::Result<bool>,
) -> Result<(), ServerError> {
    let asked = || {
        let stream = TcpStream::connect_timeout(&addr, ANSWERS_WITHIN)?;
        stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
        stream.set_write_timeout(Some(ANSWERS_WITHIN))?;
        ready(&stream)
    };
    let end = later(Instant::now(), STARTS_WITHIN);
    while Instant::now() < end {
        let is_ready = asked().unwrap_or(false);
        // Checked after the answer: if our server has ended, another one on the same port gave it.
        let ended = running.0.try_wait().map_err(|source| program.failed(source))?;
        match ended {
            Some(status) => return Err(program.ended(status, dir)),
            None if is_ready => return Ok(()),
            None => pause(LOOK_EVERY),
        }
    }
    Err(program.not_ready(dir))
}

/// A process that is ended when it is dropped: it is asked to end first, and then killed.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // SIGINT and not SIGTERM, at which Postgres waits for its clients to go.
        let asked = kill_process(Pid::from_child(&self.0), Signal::INT);
        let ended = asked.is_ok().then(|| ends(&mut self.0, ENDS_WITHIN));
        if !matches!(ended, Some(Ok(Some(_)))) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
}

/// Waits for the end of a process. Returns `None` if it still runs after this time.
fn ends(child: &mut Child, within: Duration) -> io::Result<Option<ExitStatus>> {
    let end = later(Instant::now(), within);
    loop {
        let ended = child.try_wait()?;
        if ended.is_some() || Instant::now() >= end {
            return Ok(ended);
        }
        pause(LOOK_EVERY);
    }
}

fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[allow(clippy::disallowed_methods, reason = "no actor runs on this thread")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn log_tail(dir: &Path) -> String {
    let log = fs::read(dir.join("log")).unwrap_or_default();
    let from = log.len().saturating_sub(LOG_TAIL);
    String::from_utf8_lossy(log.get(from..).unwrap_or_default()).into_owned()
}
