//! Backtraces are put into words off the arbiters.

use ms_core::{Backtrace, ExitReason};

/// Reads the backtraces of these reasons on a thread where that may take its time, so that reading
/// them again costs nothing. Returns at once when there is nothing to read. Call it before turning
/// reasons into text on a thread that others need.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn read_traces<'a>(reasons: impl IntoIterator<Item = &'a ExitReason>) {
    let unread: Vec<Backtrace> =
        reasons.into_iter().filter_map(ExitReason::unread_backtrace).collect();
    if unread.is_empty() {
        return;
    }
    let read = move || {
        for trace in &unread {
            let _ = trace.as_str();
        }
    };
    if let Err(error) = tokio::task::spawn_blocking(read).await {
        tracing::debug!(%error, "backtraces will be put into words by their reader");
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests {
    use std::process::Command;
    use std::sync::Arc;

    use ms_core::PanicRecord;

    use super::*;

    /// Runs itself in a new process: backtraces are captured only when the environment asked for
    /// them before the start.
    #[test]
    fn a_backtrace_is_read_beforehand() {
        if std::env::var_os("RUST_BACKTRACE").is_none_or(|value| value == "0") {
            let mut again = Command::new(std::env::current_exe().unwrap());
            again.args(["--exact", "traces::tests::a_backtrace_is_read_beforehand"]);
            let output = again.env("RUST_BACKTRACE", "1").output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            return assert!(output.status.success() && said.contains("1 passed"), "{said}");
        }
        let record = PanicRecord {
            message: "x".to_owned(),
            location: None,
            handling: None,
            during: "handle".to_owned(),
            backtrace: Backtrace::capture(),
        };
        let reason = ExitReason::InitFailed(Arc::new(ExitReason::Panicked(Arc::new(record))));
        assert!(reason.unread_backtrace().is_some());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(read_traces([&ExitReason::Normal, &reason]));
        assert!(reason.unread_backtrace().is_none());
        let trace = reason.panic().unwrap().backtrace.as_ref().unwrap();
        assert!(trace.as_str().contains("a_backtrace_is_read_beforehand"), "{trace:?}");
    }
}
