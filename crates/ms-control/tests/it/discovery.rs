//! Finding the socket.
#![allow(clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::{desk, limits};
use ms_control::discover::Places;
use ms_control::{ControlServer, Kind};

fn places(directory: &Path) -> Places {
    Places { control: None, directory: Some(directory.join("ms-framework")) }
}

async fn start(path: &Path) -> ControlServer {
    ControlServer::bind(path, desk(), limits()).await.expect("binds")
}

#[tokio::test]
async fn the_only_live_socket_is_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = places(dir.path());
    let error = places.find(None).await.expect_err("nothing there");
    assert_eq!(error.kind, Kind::Unreachable, "{error}");

    let a = places.socket_of("a").expect("a place");
    drop(std::os::unix::net::UnixListener::bind(a.with_file_name("stale.sock")).expect("binds"));
    let _a = start(&a).await;
    assert_eq!(places.find(None).await, Ok(a.clone()));

    let b = places.socket_of("b").expect("a place");
    let _b = start(&b).await;
    let error = places.find(None).await.expect_err("two");
    assert_eq!((error.code.as_ref(), error.kind), ("MS0020", Kind::BadRequest));
    assert_eq!(error.why, format!("{}, {}", a.display(), b.display()));
}

#[tokio::test]
async fn what_was_given_comes_first_then_the_environment() {
    let dir = tempfile::tempdir().expect("a directory");
    let control = PathBuf::from("/run/node.sock");
    let places = Places { control: Some(control.clone()), ..places(dir.path()) };
    assert_eq!(places.find(Some(Path::new("/x"))).await, Ok("/x".into()));
    assert_eq!(places.find(None).await, Ok(control.clone()));
    assert_eq!(places.socket_of("a"), Ok(control));
}

#[tokio::test]
async fn the_default_directory_is_ours_alone_or_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = places(dir.path());
    let ours = dir.path().join("ms-framework");
    places.socket_of("a").expect("made");
    assert_eq!(fs::metadata(&ours).expect("there").permissions().mode() & 0o777, 0o700);

    fs::set_permissions(&ours, fs::Permissions::from_mode(0o755)).expect("opened");
    for error in
        [places.socket_of("a").expect_err("open"), places.find(None).await.expect_err("open")]
    {
        assert_eq!(error.code, "MS0019");
        assert!(error.why.contains("0700"), "{}", error.why);
    }
    fs::remove_dir(&ours).expect("empty");
    std::os::unix::fs::symlink(dir.path(), &ours).expect("links");
    assert_eq!(places.socket_of("a").expect_err("a link").why, "it is not a directory");
    assert!(places.socket_of("../x").is_err());
}
