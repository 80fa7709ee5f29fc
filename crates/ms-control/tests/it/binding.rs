//! Where a socket may be bound, and what is left behind.
#![allow(clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use common::{SECOND, desk, desk_with, limits, node};
use ms_control::{BindError, Client, ControlError, ControlServer, Kind};
use tokio::sync::Notify;

async fn bind(path: impl AsRef<std::path::Path>) -> Result<ControlServer, BindError> {
    ControlServer::bind(path, desk(), limits()).await
}

#[tokio::test]
async fn the_socket_is_private_and_removed_at_the_end() {
    let (server, dir) = node(limits()).await;
    let path = server.path().to_owned();
    let file = fs::metadata(&path).expect("there");
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    drop(server);
    assert!(!path.exists());
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0, "nothing is left");
}

#[tokio::test]
async fn a_live_socket_is_in_use_and_goes_on() {
    let (server, _dir) = node(limits()).await;
    let error = bind(server.path()).await.expect_err("in use");
    assert!(matches!(error, BindError::InUse { .. }), "{error}");
    let error = ControlError::from(&error);
    assert_eq!((error.code.as_ref(), error.kind), ("MS0018", Kind::Refused));
    Client::connect(server.path(), 60 * SECOND).await.expect("the first node still answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_many_nodes_that_start_at_once_one_wins() {
    for _ in 0..30 {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("n.sock");
        drop(UnixListener::bind(&path).expect("a stale socket"));
        let starts: Vec<_> = (0..8).map(|_| tokio::spawn(bind(path.clone()))).collect();
        let mut won = Vec::new();
        for start in starts {
            match start.await.expect("no panic") {
                Ok(server) => won.push(server),
                Err(error) => assert!(matches!(error, BindError::InUse { .. }), "{error}"),
            }
        }
        assert_eq!(won.len(), 1);
        Client::connect(&path, 60 * SECOND).await.expect("and it answers");
    }
}

#[tokio::test]
async fn a_stale_socket_is_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("n.sock");
    drop(UnixListener::bind(&path).expect("binds"));
    assert!(path.exists());
    let _server = bind(&path).await.expect("replaces it");
    Client::connect(&path, 60 * SECOND).await.expect("answers");
}

#[tokio::test]
async fn what_is_no_socket_is_never_deleted() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, link) = (dir.path().join("precious"), dir.path().join("link"));
    fs::write(&file, "data").expect("writes");
    std::os::unix::fs::symlink(&file, &link).expect("links");
    for path in [&file, &link, &dir.path().to_owned()] {
        let error = bind(path).await.expect_err("in the way");
        assert!(matches!(error, BindError::NotASocket { .. }), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).expect("still there"), "data");
}

#[tokio::test]
async fn a_path_too_long_or_without_a_directory_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = bind(dir.path().join("x".repeat(107))).await.expect_err("too long");
    assert!(error.to_string().contains("at most 107 fit"), "{error}");
    let error = bind(dir.path().join("no/n.sock")).await.expect_err("no directory");
    assert!(matches!(error, BindError::Io { .. }), "{error}");
}

#[tokio::test]
async fn a_socket_that_is_no_longer_ours_is_left_alone() {
    let (server, _dir) = node(limits()).await;
    let path = server.path().to_owned();
    let elsewhere = path.with_extension("other");
    let _other = UnixListener::bind(&elsewhere).expect("another program binds");
    fs::rename(&elsewhere, &path).expect("somebody puts it in its place");
    drop(server);
    assert!(UnixStream::connect(&path).is_ok(), "the other program still listens");
}

/// A node that nobody can reach any more would be one that only its end can steer.
#[tokio::test]
async fn a_socket_that_was_removed_is_made_anew_with_its_mode() {
    let (server, dir) = node(limits()).await;
    let path = server.path().to_owned();
    let mut before = Client::connect(&path, 60 * SECOND).await.expect("connects");
    fs::remove_file(&path).expect("somebody removes it");
    let until = tokio::time::Instant::now() + 60 * SECOND;
    let mut after = loop {
        match Client::connect(&path, 60 * SECOND).await {
            Ok(client) => break client,
            Err(error) => assert!(tokio::time::Instant::now() < until, "{error}"),
        }
        tokio::time::sleep(SECOND / 50).await;
    };
    let known = ms_core::ActorPath::new("/root/unknown").expect("valid");
    for client in [&mut before, &mut after] {
        let error = client.inspect(known.clone()).await.expect_err("the handler's answer");
        assert_eq!(error.kind, Kind::NotFound, "{error}");
    }
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop((before, after));
    server.stop().await;
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0, "nothing is left");
}

#[tokio::test]
async fn a_graceful_stop_lets_a_request_finish() {
    let dir = tempfile::tempdir().expect("a directory");
    let slow = Arc::<Notify>::default();
    let desk = desk_with(Arc::clone(&slow));
    let server = ControlServer::bind(dir.path().join("n.sock"), desk, limits()).await;
    let server = server.expect("binds");
    let mut client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
    let path = ms_core::ActorPath::new("/root/slow").expect("valid");
    let asked = tokio::spawn(async move { client.inspect(path).await });
    slow.notified().await;
    let socket = server.path().to_owned();
    server.stop().await;
    let error = asked.await.expect("no panic").expect_err("the handler's own answer");
    assert_eq!(error.kind, Kind::NotFound, "{error}");
    let error = Client::connect(&socket, 60 * SECOND).await.expect_err("nobody there");
    assert_eq!(error.kind, Kind::Unreachable, "{error}");
}
