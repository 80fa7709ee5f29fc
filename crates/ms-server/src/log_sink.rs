//! The way of log lines to their sink: one thread writes, and nobody else ever waits for it.
//!
//! A write blocks when nobody reads the pipe, when the terminal is stopped or when the journal
//! hangs. So lines wait in a bounded queue for the one thread that may block. Lines that do not
//! fit are dropped and counted, and a line reports how many were lost as soon as lines flow again.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use ms_core::time::later;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for a slow sink.
const QUEUED_LINES: usize = 4_096;
/// Shortest time between two reports of lost lines.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Pause between two tries to put the last order into a full queue.
const RETRY_EVERY: Duration = Duration::from_millis(5);

enum Order {
    Line(Vec<u8>),
    /// Acknowledge that everything before is written.
    Acknowledge(SyncSender<()>),
}

/// Takes whole log lines without ever waiting. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct LogSink {
    orders: SyncSender<Order>,
    lost: Arc<AtomicU64>,
}

impl LogSink {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    /// The system starts no more threads.
    pub(crate) fn start(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (orders, queue) = sync_channel(QUEUED_LINES);
        let lost = Arc::new(AtomicU64::new(0));
        let lost_of_thread = Arc::clone(&lost);
        let thread = std::thread::Builder::new().name("ms-log".to_owned());
        // Not joined: a blocked sink would hold up the end of the process for ever.
        drop(thread.spawn(move || write_all(&queue, sink, &lost_of_thread))?);
        Ok(Self { orders, lost })
    }

    /// Returns the number of dropped lines.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until everything that was logged before is written; false if that takes longer.
    #[allow(clippy::disallowed_methods, reason = "the main thread, when the node has ended")]
    pub(crate) fn finish(&self, within: Duration) -> bool {
        let until = later(Instant::now(), within);
        let (written, acknowledged) = sync_channel(1);
        let mut order = Order::Acknowledge(written);
        loop {
            match self.orders.try_send(order) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) if Instant::now() < until => {
                    order = back;
                    std::thread::sleep(RETRY_EVERY);
                }
                Err(_) => return false,
            }
        }
        acknowledged.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok()
    }
}

impl<'a> MakeWriter<'a> for LogSink {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for LogSink {
    /// Never fails: an error would go to whoever logs, who can do nothing about it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.orders.try_send(Order::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(orders: &Receiver<Order>, mut sink: impl Write, lost: &AtomicU64) {
    let (mut reported, mut last) = (0, None::<Instant>);
    for order in orders {
        match order {
            Order::Acknowledge(written) => {
                // The caller may have given up waiting.
                let _ = written.send(());
                continue;
            }
            Order::Line(line) => {
                // A sink that fails may take the next line.
                let _ = sink.write_all(&line).and_then(|()| sink.flush());
            }
        }
        let now = lost.load(Ordering::Relaxed);
        if now > reported && last.is_none_or(|last| last.elapsed() >= REPORT_EVERY) {
            // It goes the way of all lines. If it is lost, it is counted, and reported later.
            tracing::warn!(
                lines = now - reported,
                "log lines were lost: the sink did not accept them"
            );
            (reported, last) = (now, Some(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;

    use super::*;

    /// Takes a line only with permission.
    struct Stubborn(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Stubborn {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(line.to_vec()).map_err(io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_sink_that_takes_nothing_and_what_is_lost_is_counted() {
        let (let_one, may) = std::sync::mpsc::channel();
        let (write, written) = std::sync::mpsc::channel();
        let sink = LogSink::start(Stubborn(may, write)).expect("a thread");
        let mut to = sink.clone();
        // One may be in the thread's hands, the queue holds the rest.
        for n in 0..QUEUED_LINES + 11 {
            to.write_all(format!("{n}").as_bytes()).expect("it never fails");
        }
        assert!((10..=11).contains(&sink.lost()), "{}", sink.lost());
        assert!(!sink.finish(Duration::from_millis(1)), "nothing is written");
        for _ in 0..=QUEUED_LINES {
            let_one.send(()).expect("the thread is there");
        }
        let first = written.recv_timeout(Duration::from_secs(60)).expect("it flows again");
        assert_eq!(first, b"0");
        drop(let_one);
        assert!(sink.finish(Duration::from_secs(60)), "the rest fails, and is over");
    }
}
