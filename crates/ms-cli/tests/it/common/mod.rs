//! The real `msctl`, and what one run of it came to.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "tests; each file uses its part"
)]

pub mod scripted;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Longest wait for anything; a machine under load is slow, a test that hangs is not.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// What nobody tells a test is looked at again and again.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    ms_testkit::clock::until_seen(PATIENCE, look, || what.to_owned())
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

/// What one run of `msctl` came to.
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

    /// Its output, when it went well and said nothing else.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }

    /// It failed with `code`, and said `text` on stderr and nothing on stdout.
    #[track_caller]
    pub fn fails(&self, code: i32, text: &str) {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        assert!(self.err.contains(text), "{text:?} in {}", self.err);
    }
}
