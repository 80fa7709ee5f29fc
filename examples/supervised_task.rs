//! An `async fn` as a child: seen in the tree, retried with a growing delay, and when
//! it is done the tree ends, and the process with it.
//!
//! ```text
//! attempt 1
//! attempt 2
//! attempt 3
//! done
//! the tree ended: shutdown
//! ```
#![allow(clippy::print_stdout, reason = "an example")]
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ms_framework::core::Backoff;
use ms_framework::prelude::{
    AutoShutdown, ChildSpec, ControlEndpoint, Outcome, Restart, RunConfig, RunError,
    SupervisorSpec, run,
};

static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

/// Fails twice.
async fn fetch() -> Result<(), std::io::Error> {
    let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed) + 1;
    println!("attempt {attempt}");
    tokio::time::sleep(Duration::from_millis(20)).await;
    if attempt < 3 {
        return Err(std::io::Error::other("the other side is not up yet"));
    }
    println!("done");
    Ok(())
}

fn main() -> Result<Outcome, RunError> {
    let job = ChildSpec::task("fetch", fetch)
        .restart(Restart::Transient) // again after a failure, not when it is done
        .backoff(Backoff {
            min: Duration::from_millis(50),
            max: Duration::from_secs(1),
            jitter: 0.2,
            reset_after: Duration::from_secs(30),
        })
        .significant(true);
    let tree = SupervisorSpec::one_for_one("root")
        .intensity(5, Duration::from_secs(60))
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(job);
    let ended = run(RunConfig::new("task").control(ControlEndpoint::Off), |_| tree)?;
    println!("{ended}");
    Ok(ended)
}
