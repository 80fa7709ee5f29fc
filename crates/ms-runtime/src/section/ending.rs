//! The sections `shutdown` and `emergency` of the configuration: how a process ends.

use std::path::PathBuf;
use std::time::Duration;

use ms_config::units::{HOUR, millis, secs};
use ms_config::{Bytes, Problems, Rules, settings};

use crate::service::logic::shutdown::{MIN_DEADLINE, RESERVE};

settings! {
    /// The orderly stop.
    pub struct Shutdown rules own {
        /// Longest orderly stop; whatever still runs then is killed.
        within: Duration = secs(25), in MIN_DEADLINE..=HOUR => restart;
        /// The grace period of Kubernetes (terminationGracePeriodSeconds).
        kubernetes_grace: Duration = secs(30), in secs(1)..=HOUR => restart;
    } sections {}
}

impl Rules for Shutdown {
    fn rules(&self, at: &str, problems: &mut Problems) {
        let longest = self.kubernetes_grace.saturating_sub(RESERVE);
        if self.within > longest {
            let problem = format!(
                "must be at least {RESERVE:?} less than `{at}kubernetes_grace`, after which \
                 Kubernetes kills the process: raise that key, or lower this one to {longest:?}"
            );
            problems.add(format!("{at}within"), problem);
        }
    }
}

settings! {
    /// The emergency stop.
    pub struct Emergency rules none {
        /// Critical errors within a minute after which the process ends.
        critical_errors: u32 = 5, in 1..=1_000, unit "errors" => restart;
        /// Largest resident memory of the process; above it for three seconds the process ends with 103.
        memory_limit: Bytes = Bytes(1 << 40), in Bytes(1 << 20)..=Bytes(1 << 40) => restart;
        /// Longest run of the emergency procedures before the process ends.
        within: Duration = secs(10), in millis(10)..=secs(60) => restart;
        /// Directory of crash reports; empty for none.
        crash_dir: PathBuf = PathBuf::new() => restart;
    } sections {}
}
