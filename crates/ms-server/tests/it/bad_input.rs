//! Bad input of every kind for the binary: the documented code, a sentence that says what to do,
//! nothing lost. The crates test the details: bodies and headers in `ms-transport/tests`, files in
//! `ms-config/tests`, a clock that jumps in `ms-store/tests`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use crate::common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Disk, Http, Place, id_of, until};

const TASK: &str = r#"{"kind":"echo","payload":1}"#;

fn refused_with(place: &Place, code: i32, words: &[&str]) -> String {
    let (found, text) = place.refused();
    assert_eq!(found, code, "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// S4.1-04, S4.3-02, RELIABILITY 41 and 42: exit code 8, file, line and the nearest key.
#[test]
fn a_wrong_configuration_is_refused_with_its_place() {
    let place = Place::new();
    place.write_base("[http]\nbimd = \"127.0.0.1:0\"\n");
    refused_with(&place, 8, &["base.toml:2:1", "`http.bimd`", "did you mean `http.bind`?"]);
    place.write_base("[tasks]\nagents = \"many\"\nqueue_limit = 0\n");
    refused_with(&place, 8, &["base.toml:2:", "tasks.agents", "base.toml:3:", "tasks.queue_limit"]);
    place.write_base("[tasks\n");
    refused_with(&place, 8, &["base.toml:1:"]);
    place.write_base("[core.supervision]\nrestart_window = \"1500ms\"\n");
    refused_with(&place, 8, &["base.toml:2:", "restart_window", "whole seconds"]);
    fs::remove_file(place.config().join("base.toml")).unwrap();
    refused_with(&place, 8, &["base.toml"]);
    let full = vec![b'#'; 2 << 20];
    fs::write(place.config().join("base.toml"), full).unwrap();
    refused_with(&place, 8, &["base.toml", "at most 1048576"]);
    fs::remove_file(place.config().join("base.toml")).unwrap();
    fs::create_dir(place.config().join("base.toml")).unwrap();
    refused_with(&place, 8, &["base.toml", "is a directory"]);
    fs::remove_dir(place.config().join("base.toml")).unwrap();
    // Nobody writes into it, so opening it would wait for ever.
    let fifo = Command::new("mkfifo").arg(place.config().join("base.toml")).status();
    assert!(fifo.unwrap().success());
    refused_with(&place, 8, &["base.toml", "is a FIFO"]);
}

/// The cycles that a configuration can have: an alias within its own anchor, and a component that should
/// start both before and after another one. Keys refer to nothing else, and the needs of components are
/// declared in code.
#[test]
fn a_cycle_in_the_configuration_is_named() {
    let place = Place::new();
    place.write_config("components.initialization_order = [\"database\", \"x\", \"database\"]\n");
    refused_with(&place, 8, &["initialization_order", "\"database\" twice"]);
    fs::remove_file(place.config().join("base.toml")).unwrap();
    fs::write(place.config().join("base.yaml"), "core: &a\n  supervision: *a\n").unwrap();
    refused_with(&place, 8, &["base.yaml:2:", "an alias within its own anchor"]);
}

/// S7.1-09: an order that contradicts what components need.
#[test]
fn an_impossible_order_is_refused() {
    let place = Place::new();
    place.write_config("components.initialization_order = [\"transport\", \"database\"]\n");
    refused_with(&place, 8, &["transport", "database"]);
}

/// RELIABILITY 45, 47 and 48: variables and the command line; values are not repeated.
#[test]
fn bad_variables_and_arguments_are_refused() {
    let place = Place::new();
    let run = |name: &str, value: &str| {
        let mut command = place.command();
        let output = command.env(name, value).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = run("MS_FRAMEWORK__HTTP__BIMD", "s3cret");
    assert_eq!(code, Some(8), "{text}");
    assert!(text.contains("MS_FRAMEWORK__HTTP__BIMD") && !text.contains("s3cret"), "{text}");

    refused_with(&Place::new().set("tasks.agents=0"), 8, &["tasks.agents"]);
    let text = refused_with(&Place::new().set("core.service_registry.token=s3cret"), 8, &["file"]);
    assert!(!text.contains("s3cret"), "{text}");
    refused_with(&Place::new().set("http.bind=127.0.0.1:70000"), 8, &["http.bind"]);
    let bare = Command::new(env!("CARGO_BIN_EXE_ms-server")).output().unwrap();
    assert_eq!(bare.status.code(), Some(2));
    let no_value = place.command().arg("--environment").output().unwrap();
    assert_eq!(no_value.status.code(), Some(2));
    for closed in ["exec 0<&-", "exec 1>&-", "exec 2>&-", "exec 0<&- 1>&- 2>&-"] {
        let status = Place::new().prelude(closed).command().arg("--check").status().unwrap();
        assert_eq!(status.code(), Some(0), "{closed}");
    }
    // A lost report is a failure; one that nobody reads is not.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let lost = place.command().arg("--check").stdout(full).output().unwrap();
    let stderr = String::from_utf8_lossy(&lost.stderr);
    assert_eq!(
        (lost.status.code(), stderr.contains("could not be written")),
        (Some(74), true),
        "{stderr}"
    );
    // Closed pipes cause no panic.
    let mut deaf = place.command();
    let mut deaf =
        deaf.arg("--check").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((deaf.stdout.take(), deaf.stderr.take()));
    let code = deaf.wait().unwrap().code();
    assert_eq!(code, Some(0));
}

/// RELIABILITY 47: a log that nobody reads any more costs only the log.
#[test]
fn a_log_that_nobody_reads_does_not_end_the_server() {
    let place = Place::new();
    let mut child = place.command().stderr(Stdio::piped()).spawn().unwrap();
    // Read up to its address, and no further.
    let log = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = log.map_while(Result::ok).find(|line| line.contains("listening at="));
    let said = said.expect("it says where it listens");
    let api = said.rsplit("at=").next().unwrap().trim().parse().expect("an address");
    let id = until("a task to be taken", || {
        let mut http = Http::try_to(api).ok()?;
        let reply = http.call("POST", "/api/v1/tasks", "", TASK).ok()?;
        (reply.status == 201).then(|| id_of(&reply))
    });
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(place.start().get(&format!("/api/v1/tasks/{id}")).status, 200);
}

/// RELIABILITY 10: an address that is open to others without an authenticator ends with 78 and names
/// both settings. No line of the log has the token or a payload, at any level.
#[test]
fn an_address_that_others_reach_needs_a_token_and_tls() {
    let open = || Place::new().set("http.bind=0.0.0.0:0");
    refused_with(&open(), 78, &["http.auth_token_file", "http.tls_terminated_upstream"]);
    refused_with(
        &Place::new().set("telemetry.metrics_bind=0.0.0.0:0"),
        78,
        &["http.auth_token_file"],
    );

    let place = open();
    let token = place.file("token");
    fs::write(&token, "0123456789abcdef\n").unwrap();
    let with = |mode, tls| {
        fs::set_permissions(&token, PermissionsExt::from_mode(mode)).unwrap();
        open()
            .set(&format!("http.auth_token_file={}", token.display()))
            .set(&format!("http.tls_terminated_upstream={tls}"))
    };
    refused_with(&with(0o644, true), 78, &["chmod 600"]);
    refused_with(&with(0o600, false), 78, &["http.tls_terminated_upstream"]);
    let place = with(0o600, true).set("telemetry.log_filter=trace");
    let mut server = place.start();
    let api = std::net::SocketAddr::from(([127, 0, 0, 1], server.api().port()));
    let mut http = Http::to(api);
    assert_eq!(http.post("/api/v1/tasks", TASK).status, 401);
    let credential = "Authorization: Bearer 0123456789abcdef\r\n";
    let carries = r#"{"kind":"echo","payload":"s3cret-of-a-task"}"#;
    let id = id_of(&http.call("POST", "/api/v1/tasks", credential, carries).unwrap());
    until("the task to end", || {
        let path = format!("/api/v1/tasks/{id}");
        let view = http.call("GET", &path, credential, "").unwrap().json();
        (view["state"] == "completed").then_some(())
    });
    assert_eq!(server.stop(), 0);
    let text = server.log.text();
    assert!(text.contains("TRACE") || text.contains("DEBUG"), "much is logged");
    for secret in ["0123456789abcdef", "s3cret-of-a-task"] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret is in the log");
    }
    let arguments = format!("{:?}", place.command());
    assert!(!arguments.contains("0123456789abcdef"), "{arguments}");
}

/// S4.1-02: a port in use.
#[test]
fn a_port_in_use_is_found_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let place = Place::new().set(&format!("http.bind={addr}"));
    let text = refused_with(&place, 6, &[&addr.to_string(), "ss -ltnp"]);
    assert!(!text.contains("boot phase"), "{text}");
    assert!(!place.database().exists());
}

/// RELIABILITY 52: a state directory that is missing, a link, a file, somebody else's, or not writable.
#[test]
fn a_state_directory_that_cannot_be_used_is_refused() {
    let place = Place::new();
    let state =
        |path: &Path| Place::new().set(&format!("tasks.database={}/tasks.db", path.display()));
    refused_with(&state(&place.file("none")), 6, &["state-directory", "create it"]);
    let link = place.file("link");
    symlink(place.state(), &link).unwrap();
    refused_with(&state(&link), 6, &["symbolic link"]);
    let file = place.file("file");
    fs::write(&file, "").unwrap();
    refused_with(&state(&file), 6, &["not a directory"]);
    let open = place.file("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    refused_with(&state(&open), 6, &["all users may replace files", "chmod o-w"]);

    if rustix::process::geteuid().is_root() {
        let foreign = place.file("foreign");
        fs::create_dir(&foreign).unwrap();
        std::os::unix::fs::chown(&foreign, Some(12_345), None).unwrap();
        refused_with(&state(&foreign), 6, &["belongs to user 12345"]);
    } else {
        refused_with(&state(Path::new("/usr")), 6, &["belongs to user 0"]);
    }
    // Modes do not bind root; a read-only file system does. If none may be mounted, the same refusal is
    // tested below, as a user whom modes bind.
    if let Some(disk) = Disk::mount("ro,size=1m") {
        refused_with(&state(disk.path()), 6, &["cannot be written"]);
    }
    closed_by_their_modes();
}

/// As a user whom modes bind: a state directory that its owner may not write or even read, and a
/// database that may not be read.
fn closed_by_their_modes() {
    const NOBODY: u32 = 65_534;
    let root = rustix::process::geteuid().is_root();
    let own = |path: &Path| {
        if root {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    };
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    let place = Place::new();
    // Other users can reach the program in it.
    mode(place.file(".").as_path(), 0o755);
    let program = place.file("ms-server");
    fs::copy(env!("CARGO_BIN_EXE_ms-server"), &program).unwrap();
    own(place.state());
    let run = || {
        let mut command = Command::new(&program);
        command.arg("--config").arg(place.config()).env_remove("ENVIRONMENT");
        command.arg("--control").arg(place.state().join("control.sock"));
        if root {
            std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
            std::os::unix::process::CommandExt::gid(&mut command, NOBODY);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for closed in [0o500, 0o000] {
        mode(place.state(), closed);
        let (code, text) = run();
        assert_eq!(code, Some(6), "{closed:o}: {text}");
        assert!(text.contains("cannot be written"), "{closed:o}: {text}");
    }
    mode(place.state(), 0o700);
    fs::write(place.database(), "").unwrap();
    own(&place.database());
    mode(&place.database(), 0o000);
    let (code, text) = run();
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("tasks.db") && !text.contains("panicked"), "{text}");
}

/// RELIABILITY 49: a database that is damaged, foreign or missing is refused with advice, and left as it
/// is.
#[test]
fn a_damaged_database_is_refused_and_never_made_anew() {
    let place = Place::new();
    let mut server = place.start();
    id_of(&server.http().post("/api/v1/tasks", TASK));
    assert_eq!(server.stop(), 0);
    let good = fs::read(place.database()).unwrap();

    let mut holes = good.clone();
    holes[4096..].chunks_mut(4096).for_each(|page| page[..64].fill(0xA5));
    for bad in
        [b"no database at all, but long enough to be one".to_vec(), holes, good[..1000].to_vec()]
    {
        fs::write(place.database(), &bad).unwrap();
        let text = refused_with(&place, 4, &["tasks.db", "restore a backup"]);
        assert!(!text.contains("bootstrap completed"), "{text}");
        assert!(fs::read(place.database()).unwrap() == bad, "it was touched: {text}");
    }
    fs::remove_file(place.database()).unwrap();
    refused_with(&place, 4, &["a store was here"]);
    assert!(!place.database().exists());
    fs::write(place.database(), good).unwrap();
    assert_eq!(place.start().stop(), 0);
}

/// Two servers with one state directory: the second is refused, and the first does not notice.
#[test]
fn a_state_directory_in_use_is_refused() {
    let place = Place::new();
    let first = place.start();
    let second = Place::new().state_at(place.state());
    refused_with(&second, 4, &["tasks.db"]);
    id_of(&first.http().post("/api/v1/tasks", TASK));
}

/// RELIABILITY 1 and 2: 10 MiB, a body that does not arrive, a head that does not arrive; others are
/// served meanwhile.
#[test]
fn large_bodies_and_slow_clients_cost_only_themselves() {
    let place = Place::new().set("http.header_timeout=200ms").set("http.request_timeout=300ms");
    let server = place.start();
    let mut slow_head = server.http();
    slow_head.say(b"POST /api/v1/tasks HTTP/1.1\r\nHost: local");
    let mut slow_body = server.http();
    slow_body.say(
        b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    );
    let mut large = server.http();
    large.say(
        b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/json\r\nContent-Length: 10485760\r\n\r\n",
    );
    let reply = large.reply().expect("an answer");
    assert_eq!((reply.status, reply.code().as_str()), (413, "body-too-large"));
    assert!(large.closed());
    id_of(&server.http().post("/api/v1/tasks", TASK));
    assert_eq!(slow_body.reply().expect("an answer").status, 408);
    assert!(slow_body.closed());
    assert!(slow_head.closed());
    for (method, path, status) in [
        ("GET", "/api/v1/tasks/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/api/v1/tasks/no-id", 404),
        ("DELETE", "/api/v1/tasks", 405),
        ("GET", "/api/v2/tasks", 404),
    ] {
        let reply = server.http().call(method, path, "", "").unwrap();
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
    }
    for body in ["{", r#"{"kind":1,"payload":1}"#, r#"{"kind":"echo","payload":1,"x":1}"#] {
        assert_eq!(server.http().post("/api/v1/tasks", body).status, 400, "{body}");
    }
    assert_eq!(server.get("/health/ready").status, 200);
}

/// RELIABILITY 58: with too few file descriptors it does not start. With barely enough, accepting
/// pauses, open connections stay, and new ones are accepted later.
#[test]
fn running_out_of_file_descriptors_pauses_accepting() {
    refused_with(&Place::new().prelude("ulimit -n 40"), 6, &["file descriptors", "ulimit -n"]);

    let place = Place::new().prelude("ulimit -n 120");
    let server = place.start();
    assert!(server.log.has("file-descriptors") || server.log.has("file descriptors"), "a warning");
    let mut first = server.http();
    assert_eq!(first.get("/health/ready").status, 200);
    // The kernel completes them; the server runs out.
    let many: Vec<Http> = (0..120).map(|_| server.http()).collect();
    server.log.line("cannot accept connections; pausing");
    // No busy loop: each pause is twice the one before.
    server.log.line("pause=160ms");
    id_of(&first.post("/api/v1/tasks", TASK));
    drop(many);
    id_of(&server.http().post("/api/v1/tasks", TASK));
}

/// Row 21: connections to the API leave descriptors for the rest of the process: probes are answered
/// when the API can accept no further connection.
#[test]
fn probes_have_descriptors_when_connections_have_used_up_theirs() {
    // Longer than the test: no connection returns its descriptor meanwhile.
    let place = Place::new().prelude("ulimit -n 160").set("http.header_timeout=60s");
    let server = place.start();
    let admin = server.admin();
    let many: Vec<Http> = (0..160).map(|_| server.http()).collect();
    server.log.line("cannot accept connections; pausing");
    for _ in 0..10 {
        let within = std::time::Duration::from_secs(30);
        let mut probe = Http::to(admin).within(within).expect("a socket");
        assert_eq!(probe.get("/health/live").status, 200);
        let mut probe = Http::to(admin).within(within).expect("a socket");
        assert!([200, 503].contains(&probe.get("/health/ready").status));
    }
    drop(many);
    id_of(&server.http().post("/api/v1/tasks", TASK));
}

/// RELIABILITY 3: a thousand heads, sent byte by byte and never complete: all are closed, and the probes
/// are answered as long as any of them is open.
#[test]
fn a_thousand_slow_heads_hold_up_nobody() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const MANY: usize = 1_000;
    // Both ends of each need a descriptor; the child inherits the limit of this process.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let place = Place::new()
        .set("http.header_timeout=1s")
        .set("http.max_connections_per_ip=1100")
        .set("http.max_connections=1100");
    let server = place.start();
    let admin = server.admin();
    let mut slow: Vec<Http> = (0..MANY).map(|_| server.http()).collect();
    for http in &mut slow {
        http.say(b"GET /health");
    }
    let mut probes = 0;
    until("all to be closed", || {
        for path in ["/health/live", "/health/ready"] {
            assert_eq!(Http::try_get(admin, path).expect("answered").status, 200, "{path}");
            probes += 1;
        }
        for http in &mut slow {
            http.say(b"x");
        }
        slow.retain_mut(Http::is_open);
        slow.is_empty().then_some(())
    });
    assert!(probes >= 4, "{probes} probes while {MANY} were there");
    id_of(&server.http().post("/api/v1/tasks", TASK));
}
