//! The tree of a node that runs in real time, such as another process.

use std::fmt;
use std::time::{Duration, Instant};

use ms_core::time::later;
use ms_core::view::TreeNode;

/// Longest wait for a whole tree, on a machine that has other things to do.
const WHOLE_WITHIN: Duration = Duration::from_secs(60);
/// Time between two questions.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Asks for a tree until every supervisor in it has answered, and returns it.
///
/// A supervisor that is late, as on a busy machine, is in the tree without its children. A test that
/// counts actors or looks for one must not take such a tree for the whole.
///
/// # Panics
/// If `ask` fails, or some supervisor stays silent for a minute of real time.
#[allow(clippy::panic, reason = "an expectation that is not met fails the test")]
pub async fn whole<E: fmt::Debug>(mut ask: impl AsyncFnMut() -> Result<TreeNode, E>) -> TreeNode {
    let end = later(Instant::now(), WHOLE_WITHIN);
    loop {
        let tree = ask().await.unwrap_or_else(|error| panic!("no tree: {error:?}"));
        // An answer without some subtree is not an error of the node, so only time ends the loop.
        let silent = tree.silent().next().map(|node| node.status.path.clone());
        match silent {
            None => return tree,
            Some(path) if Instant::now() >= end => panic!("{path} does not answer"),
            Some(_) => tokio::time::sleep(ASK_EVERY).await,
        }
    }
}
