//! The control endpoint, on a thread of its own.
//!
//! It is not part of the tree: it must answer while the tree is in trouble, and turning a large
//! tree into JSON must not delay the supervisors.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use ms_actor::{OpenResource, Resources};
use ms_control::{ControlServer, Limits};
use ms_ops::Desk;
use tokio::sync::oneshot;

use super::outcome::RunError;

/// A bound control endpoint. Dropping it closes the socket in an orderly way, without waiting.
#[derive(Debug)]
pub(crate) struct Endpoint {
    path: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    stopped: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
    _listed: OpenResource,
}

impl Endpoint {
    /// Binds `path` and serves it until stopped.
    pub(crate) async fn open(
        path: PathBuf,
        desk: Desk,
        limits: Limits,
        open: &Resources,
    ) -> Result<Self, RunError> {
        let setup = |source: io::Error| RunError::Setup { what: "the control thread", source };
        let (bound, binding) = oneshot::channel();
        let (stop, stop_ordered) = oneshot::channel();
        let (gone, stopped) = oneshot::channel();
        let at = path.clone();
        let serve = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(bound.send(Err(setup(error)))),
            };
            runtime.block_on(async move {
                match ControlServer::bind(&at, desk, limits).await {
                    Ok(server) => {
                        // An opener that gave up has dropped `stop` as well: the next line then
                        // returns at once.
                        drop(bound.send(Ok(())));
                        drop(stop_ordered.await);
                        server.stop().await;
                    }
                    Err(error) => drop(bound.send(Err(error.into()))),
                }
            });
            drop(gone);
        };
        let thread = std::thread::Builder::new()
            .name("ms-control".to_owned())
            .spawn(serve)
            .map_err(setup)?;
        let lost = |_| setup(io::Error::other("it ended before the socket was bound"));
        binding.await.map_err(lost)??;
        let listed = open.open_of_node(format!("control socket {}", path.display()));
        Ok(Self { path, stop: Some(stop), stopped, thread: Some(thread), _listed: listed })
    }

    /// Returns the path of the socket.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the endpoint: requests in progress finish, streams end, the socket is removed.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        // The error is expected: the thread has dropped its end, and so is done. A join
        // at this point would block the node's own thread for as long as requests are served.
        drop((&mut self.stopped).await);
        if let Some(thread) = self.thread.take() {
            // It only has to return by now, so this does not block.
            drop(thread.join());
        }
    }
}
