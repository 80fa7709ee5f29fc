//! Exit codes of failures between `msctl` and a node: each has its own, and says what to do.

#![allow(clippy::expect_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::scripted::{Scripted, impostor};
use crate::common::{Run, command, run};
use crate::node::node;

/// A user that is not root.
const SOMEBODY: u32 = 65_534;

#[test]
fn unreachable_is_3() {
    let home = tempfile::tempdir().expect("a directory");
    run(command(home.path(), &["tree"])).fails(3, "error[MS0012]: no running node");
    let stale = home.path().join("stale.sock");
    drop(UnixListener::bind(&stale).expect("binds"));
    for (path, why) in [
        ("/nowhere/n.sock", "no such socket"),
        (stale.to_str().expect("UTF-8"), "no process listens"),
    ] {
        run(command(home.path(), &["tree", "--control", path])).fails(3, why);
        let mut by_env = command(home.path(), &["tree"]);
        by_env.env("MS_CONTROL", path);
        run(by_env).fails(3, why);
    }
}

/// Every listener counts as a node until it is asked, so two of them are a choice.
#[test]
fn two_nodes_are_a_choice_that_is_named() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("ms-framework");
    fs::create_dir(&directory).expect("made");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("set");
    let sockets = ["one.sock", "two.sock"].map(|name| directory.join(name));
    let _listening = sockets.map(|path| UnixListener::bind(path).expect("binds"));
    let several = run(command(home.path(), &["tree"]));
    several.fails(2, "error[MS0020]: 2 nodes are running");
    several.fails(2, "one.sock, ");
    let node = node();
    let socket = node.socket();
    let chosen = ["info", "--control", socket.to_str().expect("UTF-8")];
    run(command(home.path(), &chosen)).ok();
}

#[test]
fn a_bug_of_the_node_is_1() {
    Scripted::start().msctl(&["inspect", "/root"]).fails(1, "error[MS0017]");
}

#[test]
fn another_version_is_9_and_names_both() {
    for (reply, said) in [
        (r#"{"proto":999,"hello":"from the future"}"#, "protocol 3, the node speaks 999"),
        (r#"{"proto":3,"schema":999}"#, "schema 1, the node speaks 999"),
    ] {
        let (home, socket, answering) = impostor(reply);
        let args = ["info", "--control", socket.to_str().expect("UTF-8")];
        let refused = run(command(home.path(), &args));
        answering.join().expect("answered");
        refused.fails(9, "error[MS0016]");
        refused.fails(9, said);
    }
}

#[test]
fn whoever_is_no_node_is_unreachable() {
    let (home, socket, answering) = impostor("HTTP/1.1 400 Bad Request");
    let args = ["info", "--control", socket.to_str().expect("UTF-8")];
    run(command(home.path(), &args)).fails(3, "not a node of this framework");
    answering.join().expect("answered");
}

/// `msctl` at a socket, as a user.
fn at(binary: &Path, socket: &Path, user: u32) -> Run {
    let mut command = Command::new(binary);
    command.args(["info", "--control", socket.to_str().expect("UTF-8")]);
    command.env_clear().uid(user).stdin(Stdio::null());
    Run::of(command.output().expect("runs"))
}

/// The mode of the socket keeps other users out. If somebody opens it, the kernel says who
/// connects, and a user that is neither root nor the node's is refused.
#[test]
fn another_users_socket_is_refused_by_mode_and_by_credentials() {
    let node = node();
    let (home, socket) = (node.home(), node.socket());
    let open = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets");
    };
    let me = fs::metadata(home).expect("there").uid();
    // Only root can be somebody else, and root is held up by no mode.
    let somebody = if me == 0 { SOMEBODY } else { me };
    let binary = home.join("msctl");
    fs::copy(env!("CARGO_BIN_EXE_msctl"), &binary).expect("copies");
    open(home, 0o755);
    open(&home.join("ms-framework"), 0o755);
    open(&socket, if me == 0 { 0o600 } else { 0o000 });
    at(&binary, &socket, somebody).fails(5, "error[MS0023]");
    open(&socket, 0o666);
    match me {
        0 => at(&binary, &socket, somebody).fails(5, "user 65534 may not use this control socket"),
        _ => drop(at(&binary, &socket, me).ok()),
    }
    open(&socket, 0o600);
    at(&binary, &socket, me).ok();
}
