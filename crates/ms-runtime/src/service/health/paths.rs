//! The paths that work takes through the service, and their walks.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// A boxed future of a [`ReadinessPath`]; its error says why the path is not open.
pub type PathFuture<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// A path that work takes through the service, such as a write to its store or a request to its own
/// port.
///
/// The readiness probe walks all paths each time it looks, in parallel, each within the probe's
/// timeout. A walk goes *through* the parts it tests, so it notices an actor that hangs on the way
/// even if all components report that they are well. A walk must leave nothing behind.
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
    /// Returns its name in the readiness report.
    fn name(&self) -> &str;

    /// Walks the path. The future is dropped when it takes longer than the probe's timeout.
    /// Everybody who may ask for the health of the service can read the error: no secrets.
    fn walk(&self) -> PathFuture<'_>;
}

/// The result of the last walk of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathHealth {
    /// The path's name.
    pub name: String,
    /// Why the path was not open; `None` if it was.
    pub why: Option<String>,
}

/// Walks all paths in parallel, each with this limit.
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
