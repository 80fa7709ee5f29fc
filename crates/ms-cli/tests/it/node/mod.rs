//! A real node on a real socket: the service that `ms-server` is, with its agents.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    reason = "tests; each file uses its part"
)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ms_server::agents::{Echo, Wait};
use ms_server::{Options, Server};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Run, command};

/// Longest wait for anything; a machine under load is slow, a test that hangs is not.
const PATIENCE: Duration = Duration::from_secs(180);

/// The pool of agents that the tests look at.
pub const POOL: &str = "/root/components/application/tasks/echo";

/// A running node; its directory is what `XDG_RUNTIME_DIR` should be.
pub struct Node {
    home: TempDir,
}

/// The node of this test program. It is started once and ends with the program.
pub fn node() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(Node::start)
}

impl Node {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let at = |name: &str| home.path().join(name);
        for directory in ["ms-framework", "config", "state"] {
            fs::DirBuilder::new().mode(0o700).create(at(directory)).expect("made");
        }
        let database = at("state").join("tasks.db");
        let text = format!(
            "http.bind = \"127.0.0.1:0\"\ntelemetry.metrics_bind = \"127.0.0.1:0\"\n\
             telemetry.log_filter = \"error\"\ntasks.database = {database:?}\ntasks.agents = 2\n"
        );
        fs::write(at("config").join("base.toml"), text).expect("written");
        let options = Options {
            config: at("config"),
            environment: Some("test".to_owned()),
            set: Vec::new(),
            control: Some(at("ms-framework").join("test.sock")),
            allow_faults: true,
        };
        std::thread::spawn(move || {
            let server = Server::new("test").agents::<Echo>("echo", ()).agents::<Wait>("wait", ());
            // It ends with the process; when it ends by itself, the tests find nobody there.
            let end = server.run(&options);
            panic!("the node ended: {:?}", end.map_err(|error| error.told()));
        });
        let node = Self { home };
        for kind in ["echo", "wait"] {
            for agent in 1..=2 {
                let path = format!("/root/components/application/tasks/{kind}/{kind}-{agent}");
                until("the agents are there", || {
                    let shown = node.msctl(&["inspect", &path, "--json"]);
                    (shown.code == Some(0) && shown.out.contains("\"running\"")).then_some(())
                });
            }
        }
        node
    }

    /// `msctl`, which finds this node by itself.
    pub fn msctl(&self, args: &[&str]) -> Run {
        self.with_input(args, "")
    }

    pub fn with_input(&self, args: &[&str], input: &str) -> Run {
        let mut command = command(self.home.path(), args);
        // As `msctl config` is usually run: where the configuration is.
        command.current_dir(self.home.path().join("config"));
        let mut child = command.stdin(Stdio::piped()).spawn().expect("starts");
        // It may have ended without reading.
        drop(child.stdin.take().expect("piped").write_all(input.as_bytes()));
        Run::of(child.wait_with_output().expect("ends"))
    }

    /// A command that goes on, with its output.
    pub fn goes_on(&self, args: &[&str]) -> std::process::Child {
        command(self.home.path(), args).spawn().expect("starts")
    }

    /// The documents that `msctl --json` wrote; each is of the schema.
    pub fn json(&self, args: &[&str]) -> Vec<Value> {
        documents(self.msctl(&[args, &["--json"]].concat()), args)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Submits a task and gives its id.
    pub fn submit(&self, args: &[&str]) -> String {
        let taken = self.json(&[&["tasks", "submit"], args].concat());
        taken[0]["data"]["task"]["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until a task is in a state.
    pub fn reaches(&self, id: &str, state: &str) {
        until(state, || {
            let shown = self.json(&["tasks", "show", id]);
            (shown[0]["data"]["task"]["state"] == state).then_some(())
        });
    }

    /// The running incarnation of an actor.
    pub fn incarnation(&self, path: &str) -> u64 {
        let shown = self.json(&["inspect", path]);
        shown[0]["data"]["status"]["incarnation"].as_u64().expect("a number")
    }
}

/// The documents of a run that went well, each checked against the schema.
pub fn documents(run: Run, args: &[&str]) -> Vec<Value> {
    assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
    let documents: Vec<Value> = serde_json::Deserializer::from_str(&run.out)
        .into_iter()
        .map(|document| document.unwrap_or_else(|error| panic!("{args:?}: {error}: {}", run.out)))
        .collect();
    for document in &documents {
        let wrong: Vec<_> = schema()
            .iter_errors(document)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{args:?}: {wrong:#?} in {document:#}");
    }
    documents
}

/// The schema that is checked in: what others read `msctl --json` by.
pub fn schema() -> &'static jsonschema::Validator {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let text = include_str!("../../../schema/msctl-1.json");
        let schema: Value = serde_json::from_str(text).expect("JSON");
        jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
    })
}

pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
    }
}
