//! Tests of two processes: the one that asserts, and the same program again, which may be
//! killed, stopped, overflow its stack or end with a code.
//!
//! Both parts are in one `#[test]`. If the child's part were a test of its own, it would do nothing in
//! most runs and count as passed; and if it were renamed, the parent would start a program that runs
//! no test, and might take its silence for a result. Here the child reports that its part has begun,
//! and [`ChildTest::spawn`] fails without that report.
//!
//! ```no_run
//! use ms_testkit::child;
//!
//! // with #[test]
//! fn an_abort_is_a_signal() {
//!     child::split(
//!         an_abort_is_a_signal,
//!         |_| std::process::abort(),
//!         |own| assert_eq!(own.child("abort").output().status.code(), None),
//!     );
//! }
//! ```

use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ms_core::time::later;

/// Names the test that started this process.
const TEST: &str = "MS_CHILD_TEST";
/// Names the part that this process plays.
const PART: &str = "MS_CHILD_PART";
/// The loopback port on which the parent waits for the report.
const REPORT: &str = "MS_CHILD_REPORT";
/// Longest wait until a child begins, on a machine that has other things to do.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);

/// Runs `child` with its part in a process that was started by [`OwnTest::child`], and `parent`
/// in the test itself.
///
/// `test` is the test function that calls this. Its path is the name that selects it on the command
/// line of the test program.
///
/// # Panics
/// In the child, if the parent is gone.
pub fn split(test: impl Fn(), child: impl FnOnce(&str), parent: impl FnOnce(&OwnTest)) {
    let own = OwnTest { name: name_of(&test) };
    match std::env::var(TEST) {
        Ok(name) if name == own.name => {
            own.report();
            child(&std::env::var(PART).unwrap_or_default());
        }
        _ => parent(&own),
    }
}

/// Returns the path of a function without its crate: its name on the command line.
fn name_of<F>(_: &F) -> &'static str {
    let path = std::any::type_name::<F>();
    path.split_once("::").map_or(path, |(_, name)| name)
}

/// The running test, to be run again in another process.
#[derive(Debug)]
pub struct OwnTest {
    name: &'static str,
}

impl OwnTest {
    /// Prepares this test in another process, in which it plays `part`.
    pub fn child(&self, part: &str) -> ChildTest {
        ChildTest {
            name: self.name,
            part: part.to_owned(),
            program: None,
            prelude: None,
            settings: Vec::new(),
        }
    }

    #[allow(clippy::expect_used, reason = "a child without its parent has nobody to tell")]
    fn report(&self) {
        let port = std::env::var(REPORT).ok().and_then(|port| port.parse::<u16>().ok());
        let port = port.expect("a child test is started by its parent alone");
        let mut parent = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the parent waits");
        parent.write_all(self.name.as_bytes()).expect("the parent listens");
    }
}

type Setting = Box<dyn FnOnce(&mut Command)>;

/// A child that is not started yet. It has the standard streams of the test unless [`ChildTest::with`]
/// sets others.
#[must_use = "it is not started"]
pub struct ChildTest {
    name: &'static str,
    part: String,
    program: Option<PathBuf>,
    prelude: Option<String>,
    settings: Vec<Setting>,
}

impl ChildTest {
    /// Sets a variable of its environment.
    pub fn env(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let (name, value) = (name.to_owned(), value.as_ref().to_owned());
        self.with(move |command| {
            command.env(name, value);
        })
    }

    /// Sets anything else of its command, such as streams or user.
    pub fn with(mut self, setting: impl FnOnce(&mut Command) + 'static) -> Self {
        self.settings.push(Box::new(setting));
        self
    }

    /// Runs these shell commands in the child's process first, such as `ulimit -n 40`.
    pub fn after(mut self, commands: &str) -> Self {
        self.prelude = Some(commands.to_owned());
        self
    }

    /// Runs the program at `path` instead: a copy that another user may read.
    pub fn program(mut self, path: &Path) -> Self {
        self.program = Some(path.to_owned());
        self
    }

    /// Starts it, and waits until it has begun its part.
    ///
    /// # Panics
    /// If it does not start, or ends before it has begun: it ran no test.
    pub fn spawn(self) -> Child {
        let (name, mut command, reports) = self.command();
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        begun(name, child, &reports)
    }

    /// Runs it to its end and collects its output.
    ///
    /// # Panics
    /// If it does not start, or ends before it has begun: it ran no test.
    #[allow(clippy::expect_used, reason = "its pipes are those made here")]
    pub fn output(self) -> Output {
        let child = self.with(|command| {
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        });
        child.spawn().wait_with_output().expect("its output is read")
    }

    #[allow(clippy::expect_used, reason = "a machine without loopback runs none of the tests")]
    fn command(self) -> (&'static str, Command, TcpListener) {
        // A port and not a pipe: the test may redirect every stream of the child, and `after` puts a
        // shell between the two processes.
        let reports = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback is there");
        let port = reports.local_addr().expect("it is bound").port();
        let program = self.program.unwrap_or_else(|| std::env::current_exe().expect("known"));
        let mut command = match self.prelude {
            None => Command::new(program),
            Some(prelude) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{prelude} && exec \"$0\" \"$@\"")]).arg(program);
                shell
            }
        };
        command.args(["--exact", self.name, "--nocapture"]);
        command.env(TEST, self.name).env(PART, self.part).env(REPORT, port.to_string());
        for setting in self.settings {
            setting(&mut command);
        }
        (self.name, command, reports)
    }
}

/// Waits for the report of a child.
#[allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a test that waits for a process"
)]
fn begun(name: &str, mut child: Child, reports: &TcpListener) -> Child {
    reports.set_nonblocking(true).expect("it is a socket");
    let until = later(Instant::now(), BEGINS_WITHIN);
    loop {
        // Checked before the report is: a child may report and end between the two checks, and must not
        // be taken for one that ended in silence.
        let ended = child.try_wait().expect("it is our child").is_some();
        match reports.accept() {
            Ok((mut stream, _)) => {
                stream.set_nonblocking(false).expect("it is a socket");
                stream.set_read_timeout(Some(BEGINS_WITHIN)).expect("it is a socket");
                let mut reported = String::new();
                stream.read_to_string(&mut reported).expect("the child says its name");
                assert_eq!(reported, name, "another test reported");
                return child;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("no report can be taken: {error}"),
        }
        if ended || Instant::now() > until {
            drop(child.kill());
            let output = child.wait_with_output().expect("its output is read");
            panic!("the child ran no test named {name}: {output:?}");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
