//! A small tree with nasty files, and the demo run on it.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ms_control::Client;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const CRATES: usize = 12;
pub(crate) const FILES: usize = 26;

/// A tree, and a directory for the state and the report.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bench = Self { dir };
        for krate in 0..CRATES {
            let at = bench.tree().join(format!("crate-{krate:02}"));
            fs::create_dir_all(at.join("src")).unwrap();
            let manifest = format!(
                "[package]\nname = \"crate-{krate:02}\"\nversion = \"1.0.{krate}\"\nlicense = \"MIT\"\n"
            );
            fs::write(at.join("Cargo.toml"), manifest).unwrap();
            for file in 0..FILES {
                fs::write(at.join(format!("src/f{file:02}.rs")), source(krate, file)).unwrap();
            }
        }
        bench.nasty();
        bench
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.dir.path().join("tree")
    }

    fn nasty(&self) {
        let at = self.tree().join("crate-00/src");
        fs::write(at.join("binary.rs"), b"\0unsafe\0\n\xff\xfeunsafe\0\nunsafe\n").unwrap();
        fs::write(at.join("latin1.rs"), b"// caf\xe9 unsafe\nfn a() {}\n").unwrap();
        fs::write(at.join("empty.rs"), b"").unwrap();
        fs::write(at.join("no-newline.rs"), b"unsafe {}").unwrap();
        fs::write(at.join("words.rs"), b"unsafe_code not_unsafe unsafe2\n#unsafe;\n").unwrap();
        fs::write(at.join(OsStr::from_bytes(b"odd\xff\n\x1b[31m.rs")), b"unsafe fn x() {}\n")
            .unwrap();
        fs::create_dir_all(at.join("directory.rs")).unwrap();
        fs::write(at.join("directory.rs/inside.rs"), b"unsafe\n").unwrap();
        std::os::unix::fs::symlink("..", at.join("loop")).unwrap();
        std::os::unix::fs::symlink("f00.rs", at.join("link.rs")).unwrap();
        // Larger than the files that are audited on the arbiter.
        fs::write(at.join("large.rs"), "fn f() { unsafe { g() } }\n".repeat(60_000)).unwrap();
        assert!(Command::new("mkfifo").arg(at.join("pipe.rs")).status().unwrap().success());
    }

    /// Returns the lines with the word, as the system's grep counts them.
    pub(crate) fn grep(&self) -> u64 {
        let out = Command::new("grep")
            .args(["-rwc", "--include=*.rs", "-Z", "unsafe"])
            .arg(self.tree())
            .output()
            .unwrap();
        // NAME \0 COUNT \n
        let counts = out.stdout.split(|&b| b == 0).skip(1);
        counts
            .map(|part| part.split(|&b| b == b'\n').next().unwrap())
            .map(|n| String::from_utf8_lossy(n).parse::<u64>().unwrap())
            .sum()
    }

    /// Returns the demo on this tree, with its own state directory and report.
    pub(crate) fn demo(&self, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ms-demo"));
        command
            .current_dir(self.dir.path())
            .env_remove("MS_CONTROL")
            .env("XDG_RUNTIME_DIR", self.dir.path());
        command.args([
            "--headless",
            "--workers",
            "4",
            "--state",
            &format!("{name}.state"),
            "--out",
            &format!("{name}.json"),
        ]);
        if !args.contains(&"--path") {
            command.arg("--path").arg(self.tree());
        }
        if !args.iter().any(|arg| arg.ends_with("-control")) {
            // For `stuck`.
            command.arg("--control").arg(self.dir.path().join(format!("{name}.sock")));
        }
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, name: &str, args: &[&str]) -> Run {
        Run::of(
            finish(self.demo(name, args).spawn().unwrap()),
            &self.dir.path().join(format!("{name}.json")),
        )
    }

    /// Runs the demo undisturbed, for comparison.
    pub(crate) fn baseline(&self) -> Run {
        let run = self.run("baseline", &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run
    }
}

fn source(krate: usize, file: usize) -> String {
    let mut text = format!("//! {krate} {file}\n");
    for line in 0..(krate * 7 + file * 3) % 40 {
        text += &format!(
            "fn f{line}() {{ {} }}\n",
            ["unsafe { g() }", "x.unwrap()", "panic!()", "safe()"][(line + file) % 4]
        );
    }
    text
}

/// Waits until the lines of progress say that more than `than` files are done, and returns how many
/// are. The lines after that one are left for [`finish`].
pub(crate) fn until_done(child: &mut Child, than: u64) -> u64 {
    let err = child.stderr.as_mut().unwrap();
    let mut said = String::new();
    loop {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            assert!(err.read(&mut byte).unwrap() == 1, "it ended before {than} were done: {said}");
            line.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&line);
        let done = line.strip_prefix("progress: ").and_then(|rest| rest.split('/').next());
        match done.map(|done| done.parse::<u64>().unwrap()) {
            Some(done) if done > than => return done,
            _ => said.push_str(&line),
        }
    }
}

/// Waits for the end, at most a minute.
pub(crate) fn finish(mut child: Child) -> Output {
    let until = Instant::now() + Duration::from_secs(60);
    let mut outs = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let out = std::thread::spawn(move || drain(&mut outs.0));
    let err = std::thread::spawn(move || drain(&mut outs.1));
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() };
        }
        if Instant::now() > until {
            let stuck = stuck(&child);
            child.kill().unwrap();
            child.wait().unwrap();
            let said = err.join().unwrap();
            panic!("the demo did not end: {}\n{stuck}", String::from_utf8_lossy(&said));
        }
        pause(10);
    }
}

/// Says what a demo that does not end is at: its threads as the kernel sees them, its tree, and the
/// states of those who hand work on. Whoever only sees that it takes too long cannot tell a slow disk
/// from a wake-up that was lost.
fn stuck(child: &Child) -> String {
    let mut said = String::new();
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    for thread in fs::read_dir(process.join("task")).into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        // NUMBER (NAME) STATE ...: `D` waits for the disk, `S` for something else.
        let (stat, at) = (read("stat"), read("wchan"));
        let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
        said += &format!("thread {} {} {at}\n", read("comm").trim(), state.unwrap_or("?"));
    }
    let line = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
    let mut args = line.split('\0').skip_while(|arg| *arg != "--control").skip(1);
    let Some(socket) = args.next() else { return said };
    let asked = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    asked.block_on(async {
        let limit = Duration::from_secs(10);
        let Ok(mut client) = Client::connect(Path::new(socket), limit).await else {
            said += "nobody answers at its control socket\n";
            return;
        };
        let tree = client.tree(None, None).await;
        for node in tree.iter().flat_map(|tree| tree.walk()) {
            let status = &node.status;
            said += &format!("{status:?} {:?}\n", node.supervisor);
        }
        for part in
            ["fleet/tasks/dispatcher", "pipeline/reducer", "pipeline/reporter", "database/store"]
        {
            let path = ms_core::ActorPath::new(format!("/root/components/{part}")).unwrap();
            said += &format!("{path}: {:?}\n", client.state(path.clone()).await);
        }
    });
    said
}

#[allow(clippy::disallowed_methods, reason = "a test, not an arbiter")]
pub(crate) fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

fn drain(from: &mut impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    from.read_to_end(&mut all).unwrap();
    all
}

/// The result of a run.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) json: Option<Value>,
}

impl Run {
    pub(crate) fn of(output: Output, json: &Path) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            json: fs::read(json).ok().map(|bytes| serde_json::from_slice(&bytes).unwrap()),
        }
    }

    pub(crate) fn audit(&self) -> &Value {
        &self.json.as_ref().unwrap()["audit"]
    }

    pub(crate) fn fact(&self, name: &str) -> u64 {
        self.json.as_ref().unwrap()["run"][name].as_u64().unwrap()
    }

    /// Returns a number of the last line.
    pub(crate) fn tally(&self, name: &str) -> u64 {
        let last = self.stdout.lines().last().unwrap_or_default();
        assert!(last.starts_with("audit: in="), "{last:?}; {}", self.stderr);
        let found = last.split([' ', '=']).skip_while(|word| *word != name).nth(1);
        found.unwrap_or_else(|| panic!("{name} in {last}")).parse().unwrap()
    }

    /// Asserts that it ended well, with the result of an undisturbed run.
    pub(crate) fn assert_same_as(&self, baseline: &Run) {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.tally("in"), self.tally("done") + self.tally("quarantined"));
        assert!(self.audit() == baseline.audit(), "the report differs: {}", self.stderr);
    }
}
