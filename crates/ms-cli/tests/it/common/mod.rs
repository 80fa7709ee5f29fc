//! The real `msctl`, and the result of one run.
#![allow(dead_code, unreachable_pub, clippy::expect_used, reason = "tests; each file uses a part")]

pub mod scripted;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Longest wait for anything. It is long because a busy machine is slow: the wait only has to end
/// before the test runner gives up on a test that hangs.
pub const LONGEST_WAIT: Duration = Duration::from_secs(180);

/// Polls until `look` finds what no event announces.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    ms_testkit::clock::until_seen(LONGEST_WAIT, look, || what.to_owned())
}

/// `msctl` with nothing in its environment but a runtime directory.
pub fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_msctl"));
    command.args(args).env_clear().env("XDG_RUNTIME_DIR", home);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn run(mut command: Command) -> Run {
    Run::of(command.output().expect("runs"))
}

/// The result of one run of `msctl`.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Returns its output; it succeeded and said nothing else.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }

    /// Asserts that it failed with `code`, with `text` on stderr and nothing on stdout.
    #[track_caller]
    pub fn fails(&self, code: i32, text: &str) {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        assert!(self.err.contains(text), "{text:?} in {}", self.err);
    }
}
