//! A real node on a real socket: an `ms-server` with agents.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    reason = "tests; each file uses a part"
)]

pub mod http;

use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use ms_core::budget::Budget;
use ms_core::task::QueueName;
use ms_runtime::ComponentSpec;
use ms_server::agents::{Echo, Wait};
use ms_server::{Options, Server};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_task::QueueSpec;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Run, command, until};

/// A pool of agents that the tests look at.
pub const POOL: &str = "/root/components/application/tasks/echo";
/// Agents with a budget of two messages.
pub const METERED: &str = "/root/components/application/tasks/metered";
/// The kinds of agents. Nobody but the transcripts uses `still`, `spare` and `metered`.
const KINDS: [&str; 5] = ["echo", "wait", "still", "spare", "metered"];

/// A running node. `msctl` finds it with its directory as `XDG_RUNTIME_DIR`.
pub struct Node {
    home: TempDir,
}

/// Returns the node of this test program. It starts once and ends with the program.
pub fn node() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(Node::start)
}

fn server() -> Server {
    let own = QueueName::new("letters").expect("a name");
    Server::new("test")
        .queue(QueueSpec::new(own))
        .budget(METERED, Budget::new().messages(2).unit("tokens", 100))
        .agents::<Echo>("echo", ())
        .agents::<Wait>("wait", ())
        .agents::<Echo>("still", ())
        .agents::<Echo>("spare", ())
        .agents::<Echo>("metered", ())
        .component(ComponentSpec::tree(deep()))
}

/// Returns `/root/components/deep/..`, of 64 levels: the greatest depth of a path.
fn deep() -> SupervisorSpec {
    let deepest = SupervisorSpec::one_for_one("s64");
    let nest = |below, level| {
        let id = if level == 3 { "deep".to_owned() } else { format!("s{level}") };
        SupervisorSpec::one_for_one(id).child(ChildSpec::supervisor(below))
    };
    (3..64).rev().fold(deepest, nest)
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
            // It ends with the process. If it ends by itself, the tests find nobody there.
            let end = server().run(&options);
            panic!("the node ended: {:?}", end.map_err(|error| error.describe()));
        });
        let node = Self { home };
        for kind in KINDS {
            for agent in 1..=2 {
                let path = format!("/root/components/application/tasks/{kind}/{kind}-{agent}");
                until("the agents are there", || {
                    let run = node.msctl(&["inspect", &path, "--json"]);
                    (run.code == Some(0) && run.out.contains("\"running\"")).then_some(())
                });
            }
        }
        node
    }

    /// Runs `msctl`, which finds this node by itself.
    pub fn msctl(&self, args: &[&str]) -> Run {
        self.with_input(args, "")
    }

    pub fn with_input(&self, args: &[&str], input: &str) -> Run {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().expect("starts");
        // It may have ended without reading.
        drop(child.stdin.take().expect("piped").write_all(input.as_bytes()));
        Run::of(child.wait_with_output().expect("ends"))
    }

    pub fn command(&self, args: &[&str]) -> Command {
        // A busy machine may need more than the usual two seconds, which would be another answer.
        let waits = ["--timeout", "60s"];
        let given = args.iter().any(|arg| arg.starts_with("--timeout"));
        let args = if given { args.to_vec() } else { [args, &waits].concat() };
        let mut command = command(self.home.path(), &args);
        // `msctl config` usually runs in the directory of the configuration.
        command.current_dir(self.home.path().join("config"));
        command
    }

    /// Starts a command that does not end, with its output.
    pub fn goes_on(&self, args: &[&str]) -> std::process::Child {
        self.command(args).spawn().expect("starts")
    }

    /// Returns the documents of `msctl --json`, each checked against the schema.
    pub fn json(&self, args: &[&str]) -> Vec<Value> {
        documents(self.msctl(&[args, &["--json"]].concat()), args)
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.file("ms-framework").join("test.sock")
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
            let task = self.json(&["tasks", "show", id]);
            (task[0]["data"]["task"]["state"] == state).then_some(())
        });
    }

    /// Returns the running incarnation of an actor.
    pub fn incarnation(&self, path: &str) -> u64 {
        let actor = self.json(&["inspect", path]);
        actor[0]["data"]["status"]["incarnation"].as_u64().expect("a number")
    }

    /// Waits until a later incarnation of an actor runs.
    pub fn comes_back(&self, path: &str, before: u64) {
        until("it runs again", || {
            let actor = self.json(&["inspect", path]).remove(0);
            let status = &actor["data"]["status"];
            (status["lifecycle"] == "running" && status["incarnation"].as_u64()? > before)
                .then_some(())
        });
    }
}

/// Returns the documents of a successful run, each checked against the schema.
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

/// Returns the published schema of `msctl --json`.
pub fn schema() -> &'static jsonschema::Validator {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let text = include_str!("../../../schema/msctl-1.json");
        let schema: Value = serde_json::from_str(text).expect("JSON");
        jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
    })
}
