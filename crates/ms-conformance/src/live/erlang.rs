//! The Erlang side of a live run: one process of the driver, which plays one scenario after another.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use serde_json::Value;

/// Longest wait for a line of a trace. The driver gives a step eight seconds.
const LINE_WITHIN: Duration = Duration::from_secs(30);
/// Lines that are read ahead of the comparison.
const AHEAD: usize = 256;

/// Why there is no trace of Erlang.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErlangError {
    /// Erlang is not installed.
    Missing,
    /// The driver could not be started, written to or read from.
    Io(io::Error),
    /// The driver ended, fell silent, or wrote something that is not a trace.
    Lost(String),
}

impl std::fmt::Display for ErlangError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str(
                "no `erl` and `escript` on PATH; install Erlang/OTP (Debian package erlang-base), \
                 or leave the live run out: the recorded traces are compared without it",
            ),
            Self::Io(error) => write!(f, "the Erlang driver: {error}"),
            Self::Lost(what) => write!(f, "the Erlang driver {what}"),
        }
    }
}

impl std::error::Error for ErlangError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Missing | Self::Lost(_) => None,
        }
    }
}

impl From<io::Error> for ErlangError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Says whether a program of this name is on `PATH`.
fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Says whether Erlang is installed.
#[must_use]
pub fn is_there() -> bool {
    on_path("erl") && on_path("escript")
}

/// A running driver. Dropping it ends the process.
pub struct Erlang {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<io::Result<String>>,
    script: PathBuf,
}

impl Erlang {
    /// Starts a driver: an escript that reads one term a line, and answers each with lines of which the
    /// last is a dot.
    ///
    /// # Errors
    /// [`ErlangError::Missing`] without Erlang, [`ErlangError::Io`] if the driver does not start.
    pub fn start(name: &str, source: &str) -> Result<Self, ErlangError> {
        if !is_there() {
            return Err(ErlangError::Missing);
        }
        let script = script_file(name, source)?;
        let mut child = Command::new("escript")
            .arg(&script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        // Bounded, so that a driver that prints without end fills no memory. It is read on a thread
        // because a pipe has no read with a deadline.
        let (send, lines) = sync_channel(AHEAD);
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Ok(Self { child, input, lines, script })
    }

    /// Plays one scenario and returns the lines of its trace.
    ///
    /// # Errors
    /// [`ErlangError::Io`], [`ErlangError::Lost`]. The driver cannot be used after an error.
    pub fn play(&mut self, scenario: &Value) -> Result<Vec<Value>, ErlangError> {
        let mut line = term(scenario);
        line.push_str(".\n");
        let input = self.input.as_mut().ok_or_else(|| io::Error::other("no pipe"))?;
        input.write_all(line.as_bytes())?;
        input.flush()?;
        let mut trace = Vec::new();
        loop {
            let line = match self.lines.recv_timeout(LINE_WITHIN) {
                Ok(line) => line?,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(ErlangError::Lost(format!("said nothing for {LINE_WITHIN:?}")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(ErlangError::Lost("ended".to_owned()));
                }
            };
            if line == "." {
                return Ok(trace);
            }
            let value = serde_json::from_str(&line)
                .map_err(|error| ErlangError::Lost(format!("wrote {line:?}: {error}")))?;
            trace.push(value);
        }
    }
}

impl Drop for Erlang {
    fn drop(&mut self) {
        drop(self.input.take());
        // Killed, as it may hang and has nothing to lose. A failure here cannot be helped.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_file(&self.script));
    }
}

/// Writes the driver, which is part of this program, to a file for escript.
fn script_file(name: &str, source: &str) -> io::Result<PathBuf> {
    let file = format!("ms-conformance-{}-{name}.escript", std::process::id());
    let path: PathBuf = Path::new(&std::env::temp_dir()).join(file);
    std::fs::write(&path, source)?;
    Ok(path)
}

/// Returns a JSON value as an Erlang term in source form.
fn term(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(",");
    match value {
        Value::String(text) => binary(text),
        Value::Array(items) => format!("[{}]", list(items.iter().map(term).collect())),
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(key, value)| format!("{}=>{}", binary(key), term(value)));
            format!("#{{{}}}", list(fields.collect()))
        }
        scalar => scalar.to_string(),
    }
}

fn binary(text: &str) -> String {
    // Numbers and not a quoted text, which would need the escapes of Erlang.
    let mut term = "<<".to_owned();
    for (at, byte) in text.bytes().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(term, "{}{byte}", if at > 0 { "," } else { "" });
    }
    term.push_str(">>");
    term
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn json_becomes_an_erlang_term() {
        let value = json!({"a": [1, true, "ä"], "b": {}});
        assert_eq!(super::term(&value), "#{<<97>>=>[1,true,<<195,164>>],<<98>>=>#{}}");
    }
}
