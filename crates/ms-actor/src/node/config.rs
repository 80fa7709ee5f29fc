//! How a node is set up.

use std::time::Duration;

use crate::error::BootError;

/// Most arbiters a node may be given.
const MAX_ARBITERS: usize = 1024;

/// How a node is set up.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Its name, for views and sockets.
    pub name: String,
    /// Arbiters of the pool; 0 puts every actor on the thread that boots the node,
    /// which is the deterministic mode of tests.
    pub arbiters: usize,
    /// Take time from tokio's clock, which tests may pause. Only with `arbiters: 0`.
    pub virtual_time: bool,
    /// Keep the previous panic hook silent about supervised crashes.
    pub quiet_panics: bool,
    /// How long an arbiter's loop may stand still before it is abandoned and its
    /// actors are moved; `None` never does.
    pub wedged_after: Option<Duration>,
    /// How long an arbiter's loop goes on turning after it exchanged something with
    /// another thread, before it sleeps; zero never does. Saves waking it, at the price
    /// of a core that is busy meanwhile. Without effect on a single core.
    pub spin: Duration,
    /// Seeds what is random on the node (the jitter of delays). `None` takes the process
    /// and the time, or nothing but the actor's path where the node's time is virtual.
    pub seed: Option<u64>,
}

/// Long enough for a thread to be woken and to answer, twice.
const DEFAULT_SPIN: Duration = Duration::from_micros(100);

impl Default for NodeConfig {
    /// Takes one arbiter a core, supervisors apart, abandoned after 15 s (three beats of 5 s).
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            name: "node".to_owned(),
            arbiters: cores,
            virtual_time: false,
            quiet_panics: false,
            wedged_after: Some(Duration::from_secs(15)),
            spin: DEFAULT_SPIN,
            seed: None,
        }
    }
}

impl NodeConfig {
    /// Puts everything on one thread, with a clock that tests may pause.
    #[must_use]
    pub fn single_arbiter() -> Self {
        Self {
            arbiters: 0,
            virtual_time: true,
            quiet_panics: true,
            wedged_after: None,
            ..Self::default()
        }
    }
}

/// Checks what the types cannot say.
pub(super) fn check(config: &NodeConfig) -> Result<(), BootError> {
    if config.arbiters > MAX_ARBITERS {
        let value = config.arbiters.to_string();
        return Err(BootError::Config { what: "arbiters", value, bounds: "0 to 1024" });
    }
    if config.virtual_time && config.arbiters > 0 {
        let value = format!("with {} arbiters", config.arbiters);
        return Err(BootError::Config { what: "virtual_time", value, bounds: "arbiters = 0" });
    }
    match config.wedged_after {
        Some(limit) if limit < Duration::from_millis(200) => {
            let value = format!("{limit:?}");
            Err(BootError::Config { what: "wedged_after", value, bounds: "200 ms or more" })
        }
        _ => Ok(()),
    }
}
