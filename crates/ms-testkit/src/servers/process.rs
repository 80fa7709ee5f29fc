//! A program that serves: found, started as whom it may run as, waited for, ended.

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

/// Longest start, and longest run of a program that is to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest orderly end; then it is killed.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// How long one question may take while it starts.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// What ends by no event that could be waited for is looked at so often.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A free port may be taken by another before the server has it.
const PORTS: usize = 3;
/// Bytes of a log that an error shows.
const LAST_WORDS: usize = 2_000;

/// A program, and the Debian package that has it.
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
        ServerError::Ended { program: self.name, status, log: last_words(dir) }
    }

    fn not_ready(self, dir: &Path) -> ServerError {
        ServerError::NotReady { program: self.name, log: last_words(dir) }
    }
}

/// Where Debian has servers: not on the PATH of most users. The newest version first.
fn debian_places() -> impl Iterator<Item = PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    versions.into_iter().rev().chain([PathBuf::from("/usr/sbin")])
}

/// Whom a program runs as.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// Another than root's, when this process is root's.
    pub(super) fn without_rights() -> io::Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let named = |name: &str| accounts.lines().find_map(|line| Self::of(line, name));
        let found = named("postgres").or_else(|| named("nobody"));
        found.map(Some).ok_or_else(|| io::Error::other("there is no account but root's"))
    }

    /// Out of a line of `/etc/passwd`, if it has this name.
    fn of(line: &str, name: &str) -> Option<Self> {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        Some(Self { uid, gid: fields.next()?.parse().ok()? })
    }
}

/// A directory of its own for a server of this account.
pub(super) fn directory(account: Option<Account>) -> io::Result<TempDir> {
    let dir = tempfile::tempdir()?;
    if let Some(Account { uid, gid }) = account {
        chown(dir.path(), Some(uid), Some(gid))?;
    }
    Ok(dir)
}

/// Starts a program whose words go to a log in its directory.
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
    let ended = ends(&mut running.0, PATIENCE).map_err(|source| program.failed(source))?;
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
    // Removed after the process is gone.
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
            // Somebody may have been quicker to take the port.
            Err(ServerError::Ended { .. }) if tries < PORTS => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits until the server answers as it should.
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
    let end = later(Instant::now(), PATIENCE);
    while Instant::now() < end {
        let is_ready = asked().unwrap_or(false);
        // Looked at afterwards: whoever answered may have been another, on the same port.
        let ended = running.0.try_wait().map_err(|source| program.failed(source))?;
        match ended {
            Some(status) => return Err(program.ended(status, dir)),
            None if is_ready => return Ok(()),
            None => pause(LOOK_AGAIN),
        }
    }
    Err(program.not_ready(dir))
}

/// Ended when dropped: asked to first, then killed.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // SIGINT: Postgres does not wait for its clients, as it does at SIGTERM.
        let asked = kill_process(Pid::from_child(&self.0), Signal::INT);
        let ended = asked.is_ok().then(|| ends(&mut self.0, ENDS_WITHIN));
        if !matches!(ended, Some(Ok(Some(_)))) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
}

/// How it ended, if it did in this time.
fn ends(child: &mut Child, within: Duration) -> io::Result<Option<ExitStatus>> {
    let end = later(Instant::now(), within);
    loop {
        let ended = child.try_wait()?;
        if ended.is_some() || Instant::now() >= end {
            return Ok(ended);
        }
        pause(LOOK_AGAIN);
    }
}

fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[allow(clippy::disallowed_methods, reason = "no actor runs on this thread")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn last_words(dir: &Path) -> String {
    let log = fs::read(dir.join("log")).unwrap_or_default();
    let from = log.len().saturating_sub(LAST_WORDS);
    String::from_utf8_lossy(log.get(from..).unwrap_or_default()).into_owned()
}
