//! Paths that work takes, walked to learn whether it could be taken now.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// A boxed future of a [`ReadinessPath`]: why the path is not open, if it is not.
pub type PathFuture<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// A path that work takes through the service, such as a write to its store or a request to
/// its own port.
///
/// The readiness probe walks all of them at each look, in parallel, each within the probe's
/// timeout: it asks *through* what it speaks for, so an actor that hangs on the way is noticed
/// though everybody says that all is well. A walk does nothing that stays.
///
/// ```
/// use ms_runtime::{PathFuture, ReadinessPath};
///
/// struct Cache;
///
/// impl ReadinessPath for Cache {
///     fn name(&self) -> &str {
///         "cache"
///     }
///     fn walk(&self) -> PathFuture<'_> {
///         Box::pin(async { Ok(()) })
///     }
/// }
/// ```
pub trait ReadinessPath: Send + Sync + 'static {
    /// Its name in the report of readiness.
    fn name(&self) -> &str;

    /// Goes the way. It is dropped when it takes longer than the probe's timeout. What it
    /// fails with is shown to whoever asks for the health of the service: no secrets.
    fn walk(&self) -> PathFuture<'_>;
}

/// What the last walk of a path came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathHealth {
    /// The path's name.
    pub name: String,
    /// Why it was not open; `None` for one that was.
    pub why: Option<String>,
}

/// Walks all paths, each with this limit.
pub(super) async fn walk_all(
    paths: Vec<Arc<dyn ReadinessPath>>,
    limit: Duration,
) -> BTreeMap<String, Option<String>> {
    let walks = paths.iter().map(|path| async move {
        let late = |_| Err(format!("no answer within {limit:?}"));
        let walked = timeout(limit, path.walk()).await.unwrap_or_else(late);
        (path.name().to_owned(), walked.err())
    });
    join_all(walks).await.into_iter().collect()
}
