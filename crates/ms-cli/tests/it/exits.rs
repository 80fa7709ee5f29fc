//! Exit codes: each failure has its own, and says what to do.

#![allow(clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;

use common::{Node, Run, run};

#[test]
fn unreachable_is_3() {
    let home = tempfile::tempdir().expect("a directory");
    run(common::command(home.path(), &["tree"])).fails(3, "error[MS0012]: no running node");
    let stale = home.path().join("stale.sock");
    drop(UnixListener::bind(&stale).expect("binds"));
    for (path, why) in
        [("/nowhere/n.sock", "no such socket"), (stale.to_str().expect("UTF-8"), "nobody listens")]
    {
        run(common::command(home.path(), &["tree", "--control", path])).fails(3, why);
        let mut by_env = common::command(home.path(), &["tree"]);
        by_env.env("MS_CONTROL", path);
        run(by_env).fails(3, why);
    }
}

#[test]
fn usage_is_2_and_names_the_choice() {
    let mut node = Node::start();
    node.msctl(&["tree", "root"]).fails(2, "start it with '/'");
    node.msctl(&["dance"]).fails(2, "unrecognized subcommand");
    node.msctl(&["ps", "--window", "soon"]).fails(2, "250ms");
    node.msctl(&["tree", "--depth", "65"]).fails(2, "at most 64");
    node.serve("other");
    let several = node.msctl(&["tree"]);
    several.fails(2, "error[MS0020]: 2 nodes are running");
    several.fails(2, "demo.sock, ");
    node.msctl(&["tree", "--control", node.socket.to_str().expect("UTF-8")]).ok();
}

#[test]
fn not_found_is_4_timed_out_is_6_and_a_bug_is_1() {
    let node = Node::start();
    node.msctl(&["inspect", "/root/nobody"]).fails(4, "error[MS0010]: no actor at /root/nobody");
    node.msctl(&["inspect", "/root/hung"]).fails(6, "error[MS0013]");
    node.msctl(&["inspect", "/root/hung", "--timeout", "50ms"]).fails(6, "50ms");
    node.msctl(&["inspect", "/root/bug"]).fails(1, "error[MS0017]");
}

/// A listener that answers the first frame with `reply`.
fn impostor(reply: &'static str) -> (tempfile::TempDir, thread::JoinHandle<()>) {
    let home = tempfile::tempdir().expect("a directory");
    let listener = UnixListener::bind(home.path().join("n.sock")).expect("binds");
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        let mut len = [0; 4];
        stream.read_exact(&mut len).expect("a length");
        let mut hello = vec![0; u32::from_be_bytes(len) as usize];
        stream.read_exact(&mut hello).expect("a hello");
        let len = u32::try_from(reply.len()).expect("short").to_be_bytes();
        stream.write_all(&[&len, reply.as_bytes()].concat()).expect("writes");
    });
    (home, answering)
}

#[test]
fn another_version_is_9_and_names_both() {
    for (reply, said) in [
        (r#"{"proto":999,"hello":"from the future"}"#, "protocol 2, the node speaks 999"),
        (r#"{"proto":2,"schema":999}"#, "schema 1, the node speaks 999"),
    ] {
        let (home, answering) = impostor(reply);
        let socket = home.path().join("n.sock");
        let args = ["info", "--control", socket.to_str().expect("UTF-8")];
        let refused = run(common::command(home.path(), &args));
        answering.join().expect("answered");
        refused.fails(9, "error[MS0016]");
        refused.fails(9, said);
    }
}

#[test]
fn whoever_is_no_node_is_unreachable() {
    let (home, answering) = impostor("HTTP/1.1 400 Bad Request");
    let socket = home.path().join("n.sock");
    let args = ["info", "--control", socket.to_str().expect("UTF-8")];
    run(common::command(home.path(), &args)).fails(3, "no node of this framework");
    answering.join().expect("answered");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let node = Node::start();
    let mut child = node.command(&["events", "--follow", "--json"]).spawn().expect("starts");
    let mut first = String::new();
    let mut out = BufReader::with_capacity(1, child.stdout.take().expect("piped"));
    out.read_line(&mut first).expect("a line");
    drop(out);
    // `completions` writes at once into a pipe that is closed already.
    let mut closed = node.command(&["completions", "bash"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let closed = closed.stdout(Stdio::from(writer)).output().expect("runs");
    assert_eq!((closed.status.code(), closed.stderr.len()), (Some(0), 0));
    child.kill().expect("ends");
    child.wait().expect("ends");
}

#[test]
fn an_interrupt_is_130_while_watching_and_while_following() {
    let node = Node::start();
    for (args, lines) in [(&["tree", "--watch"][..], 26), (&["events", "-f"], 7)] {
        let mut child = node.command(args).spawn().expect("starts");
        // Held to the end: a reader that leaves is another end than an interrupt.
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let seen = out.by_ref().lines().take(lines).map_while(Result::ok).count();
        assert_eq!(seen, lines, "{args:?} goes on");
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().expect("runs");
        assert!(sent.success());
        assert_eq!(child.wait().expect("ends").code(), Some(130), "{args:?}");
    }
}

/// Needs root, to become somebody else; passes without a word otherwise.
#[test]
fn another_users_socket_is_refused_by_mode_and_by_credentials() {
    let node = Node::start();
    let home = node.home.path();
    let binary = home.join("msctl");
    fs::copy(env!("CARGO_BIN_EXE_msctl"), &binary).expect("copies");
    let as_nobody = || {
        let mut command = Command::new(&binary);
        command.args(["tree", "--control", node.socket.to_str().expect("UTF-8")]);
        command.env_clear().uid(65_534).stdin(Stdio::null());
        command.output().ok().map(Run::of)
    };
    let open = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets");
    };
    open(home, 0o755);
    open(&home.join("ms-framework"), 0o755);
    let Some(by_mode) = as_nobody() else { return };
    by_mode.fails(5, "error[MS0023]");
    open(&node.socket, 0o666);
    let Some(by_credentials) = as_nobody() else { return };
    by_credentials.fails(5, "user 65534 may not use this control socket");
}
