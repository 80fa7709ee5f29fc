//! Socket files: whose place they take, what they are called, and how they come back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use ms_net::Accept;
use ms_net::unix::{BindError, FileListener, SocketName, bind, is_live};
use tokio::net::UnixStream;

const NAME: SocketName = SocketName { name: "control", option: "--control PATH" };

async fn refusal(path: &Path) -> BindError {
    bind(path, NAME).await.expect_err("refused")
}

#[tokio::test]
async fn of_what_is_in_the_way_only_a_stale_socket_is_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("n.sock");
    let (listener, file) = bind(&path, NAME).await.expect("binds");
    assert!(is_live(&path).await);
    assert!(matches!(refusal(&path).await, BindError::InUse { .. }));
    drop(listener);
    assert!(!is_live(&path).await);
    let (_listener, successor) = bind(&path, NAME).await.expect("replaces it");
    file.remove();
    assert!(path.exists(), "the file of another is left alone");
    successor.remove();
    assert!(!path.exists());
    fs::write(&path, "data").expect("writes");
    assert!(matches!(refusal(&path).await, BindError::NotASocket { .. }));
    assert_eq!(fs::read_to_string(&path).expect("still there"), "data");
}

#[tokio::test]
async fn an_error_names_the_socket_and_the_option_for_another_path() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("n.sock");
    let at = path.display();
    let (_listener, _file) = bind(&path, NAME).await.expect("binds");
    let expected = format!(
        "the control socket {at} is in use by another process; stop that process, or use --control PATH"
    );
    assert_eq!(refusal(&path).await.to_string(), expected);
    let long = Path::new("/").join("x".repeat(107));
    let expected = format!(
        "the control socket path {} has 108 bytes, and at most 107 fit; \
         use a shorter --control PATH",
        long.display()
    );
    assert_eq!(refusal(&long).await.to_string(), expected);
    let expected = format!(
        "{} exists and is not a socket, so it was left unchanged; use another --control PATH",
        dir.path().display()
    );
    assert_eq!(refusal(dir.path()).await.to_string(), expected);
    let nowhere = dir.path().join("no/n.sock");
    let expected = format!(
        "the control socket {} cannot be created: its directory cannot be locked",
        nowhere.display()
    );
    assert_eq!(refusal(&nowhere).await.to_string(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_removed_is_made_anew_with_its_mode() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("n.sock");
    let (listener, file) = bind(&path, NAME).await.expect("binds");
    let mut listener = FileListener::new(listener, file.clone());
    fs::remove_file(&path).expect("somebody removes it");
    let reached = async {
        loop {
            match UnixStream::connect(&path).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let (accepted, _client) = tokio::join!(listener.accept(), reached);
    accepted.expect("accepts on the new one");
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    file.remove();
    assert!(!path.exists(), "the new one is ours, too");
}
