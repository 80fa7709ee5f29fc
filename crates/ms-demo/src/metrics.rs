//! Metrics: files per second, and the cost of single files.
//!
//! Measurements may be lost: its mailbox drops the oldest when it does not keep up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Message;
use ms_actor::StateValue;
use ms_worker::{Agent, Cx, Handles, InitError};

use crate::board::Board;
use crate::messages::Measured;
use crate::roster::Roster;

/// Time between two samples.
const EVERY: Duration = Duration::from_millis(250);
/// Weight of the newest sample.
const NEWEST: f64 = 0.3;

#[derive(Clone)]
pub(crate) struct MetricsArgs {
    pub(crate) board: Arc<Board>,
    pub(crate) roster: Roster,
}

pub(crate) struct Metrics {
    board: Arc<Board>,
    at: Instant,
    settled: u64,
    rate: Option<f64>,
    measured: u64,
    bytes: u64,
    slowest: Option<Measured>,
}

impl Agent for Metrics {
    type Args = MetricsArgs;

    async fn init(args: MetricsArgs, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        args.roster.enter(|parts| parts.measured = Some(cx.me().port()));
        cx.schedule(EVERY, Sample);
        let settled = args.board.settled();
        let (board, at) = (args.board, Instant::now());
        Ok(Self { board, at, settled, rate: None, measured: 0, bytes: 0, slowest: None })
    }

    fn state(&self) -> StateValue {
        let slowest = self.slowest.as_ref();
        StateValue::map([
            ("files_per_second", StateValue::from(self.rate.unwrap_or(0.0))),
            ("measured", self.measured.into()),
            ("bytes", self.bytes.into()),
            ("slowest", slowest.map_or(StateValue::Null, |m| (&*m.file).into())),
            ("slowest_us", slowest.map_or(StateValue::Null, |m| micros(m.took).into())),
        ])
    }
}

/// Take a sample.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct Sample;

impl Handles<Sample> for Metrics {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people"
    )]
    async fn on(&mut self, _: Sample, cx: &mut Cx<Self>) {
        let (now, settled) = (Instant::now(), self.board.settled());
        let passed = now.duration_since(self.at).as_secs_f64().max(0.001);
        // A restarted reducer counts from zero again: that is no progress, nor its opposite.
        let newest = settled.saturating_sub(self.settled) as f64 / passed;
        let rate = self.rate.map_or(newest, |rate| rate + NEWEST * (newest - rate));
        (self.at, self.settled, self.rate) = (now, settled, Some(rate));
        self.board.rate_milli.set((rate * 1000.0) as u64);
        cx.schedule(EVERY, Sample);
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

impl Handles<Measured> for Metrics {
    async fn on(&mut self, measured: Measured, _: &mut Cx<Self>) {
        self.measured += 1;
        self.bytes += measured.bytes;
        if self.slowest.as_ref().is_none_or(|slowest| slowest.took < measured.took) {
            self.slowest = Some(measured);
        }
    }
}
