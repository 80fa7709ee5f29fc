//! The plan of the load and the reduction of its results. Pure, so that `tests/it/load.rs` can test it.
//!
//! A [`PerformanceTestSuite`] is a list of [`LoadScenario`]s, a limit of errors and a limit of
//! latency. A load generator (`client.rs`) runs a scenario and feeds a [`MetricsCollector`], of
//! which a [`LoadTestReport`] is made.

use std::time::Duration;

/// Clients of the ladder; one connection each.
pub const LADDER: [usize; 5] = [10, 50, 100, 500, 1_000];
/// The default duration of the ramp, in which clients start, and of the constant load after it.
pub const RAMP: Duration = Duration::from_secs(10);
pub const HOLD: Duration = Duration::from_secs(60);
/// The same for the short form.
const SHORT_RAMP: Duration = Duration::from_millis(500);
const SHORT_HOLD: Duration = Duration::from_secs(2);
/// The target for p99.
pub const TARGET: Duration = Duration::from_millis(100);

/// The requests of a scenario's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScenarioType {
    /// One task in each request, the next one as soon as it is answered, from a number of clients that
    /// is constant after the ramp.
    ConstantLoad,
    /// This many tasks in each request; otherwise the same.
    Batches(usize),
}

impl ScenarioType {
    pub fn tasks_each(self) -> usize {
        match self {
            Self::ConstantLoad => 1,
            Self::Batches(size) => size,
        }
    }

    pub fn name(self) -> String {
        match self {
            Self::ConstantLoad => "one task a request".to_owned(),
            Self::Batches(size) => format!("batches of {size}"),
        }
    }
}

/// One load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadScenario {
    pub kind: ScenarioType,
    pub clients: usize,
    pub ramp: Duration,
    pub hold: Duration,
}

impl LoadScenario {
    /// Returns when a client, counted from 0, starts: the first at once, the others evenly spread.
    pub fn begins(&self, client: usize) -> Duration {
        let clients = u32::try_from(self.clients.max(1)).unwrap_or(u32::MAX);
        self.ramp * u32::try_from(client).unwrap_or(u32::MAX) / clients
    }

    /// Returns whether a request sent at this time of the run is measured.
    pub fn measures(&self, at: Duration) -> bool {
        at >= self.ramp
    }

    /// Returns the duration of the run.
    pub fn length(&self) -> Duration {
        self.ramp + self.hold
    }
}

/// The rule that stops a run: more errors than this share, after this many requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StopRule {
    pub error_rate: f64,
    pub after: usize,
}

impl Default for StopRule {
    fn default() -> Self {
        Self { error_rate: 0.01, after: 100 }
    }
}

impl StopRule {
    /// Applies the rule during a run.
    pub fn stops(&self, requests: usize, errors: usize) -> bool {
        requests >= self.after && self.is_broken(requests, errors)
    }

    /// Applies the rule at the end, however few requests there were.
    pub fn is_broken(&self, requests: usize, errors: usize) -> bool {
        errors as f64 > self.error_rate * requests as f64
    }
}

/// Collects the answers that clients get.
#[derive(Debug, Default, Clone)]
pub struct MetricsCollector {
    /// Times of the measured requests.
    times: Vec<Duration>,
    /// Requests answered during the ramp.
    ramping: usize,
    /// Errors among all requests.
    pub errors: usize,
    /// The time in which `times` were taken.
    pub took: Duration,
    /// Whether the rule stopped the run.
    pub stopped: bool,
}

impl MetricsCollector {
    pub fn note(&mut self, time: Duration) {
        self.times.push(time);
    }

    pub fn note_ramping(&mut self) {
        self.ramping += 1;
    }

    pub fn answered(&self) -> usize {
        self.times.len()
    }

    pub fn requests(&self) -> usize {
        self.times.len() + self.ramping + self.errors
    }

    pub fn error_rate(&self) -> f64 {
        self.errors as f64 / self.requests().max(1) as f64
    }

    /// Returns the time, in milliseconds, that a share of all times does not exceed.
    pub fn percentile(&self, share: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
        times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    }
}

/// The result of one scenario on one server.
#[derive(Debug, Clone)]
pub struct LoadTestReport {
    pub server: &'static str,
    pub load: String,
    pub clients: usize,
    /// Tasks a second.
    pub tasks: f64,
    pub error_rate: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// p99 is not above [`TARGET`].
    pub within_target: bool,
    /// Whether there were more errors than the rule allows.
    pub broken: bool,
    /// p99 of the calls of the API to the database, as the server itself reports it.
    pub database_p99_ms: Option<f64>,
}

impl LoadTestReport {
    pub fn of(
        server: &'static str,
        scenario: &LoadScenario,
        rule: StopRule,
        met: &MetricsCollector,
    ) -> Self {
        let p99_ms = met.percentile(0.99);
        Self {
            server,
            load: scenario.kind.name(),
            clients: scenario.clients,
            tasks: (met.answered() * scenario.kind.tasks_each()) as f64 / met.took.as_secs_f64(),
            error_rate: met.error_rate(),
            p50_ms: met.percentile(0.5),
            p99_ms,
            within_target: p99_ms <= TARGET.as_secs_f64() * 1_000.0,
            broken: met.stopped || rule.is_broken(met.requests(), met.errors),
            database_p99_ms: None,
        }
    }

    /// Returns the warnings of the report.
    pub fn warning(&self, rule: StopRule) -> Option<String> {
        let Self { server, load, clients, error_rate, .. } = self;
        self.broken.then(|| {
            format!(
                "{server}, {load}, {clients} clients: {:.2} % errors, more than {:.2} %: stopped",
                error_rate * 100.0,
                rule.error_rate * 100.0
            )
        })
    }
}

/// All loads of the ladder, and the rule that stops them.
#[derive(Debug, Clone, PartialEq)]
pub struct PerformanceTestSuite {
    pub scenarios: Vec<LoadScenario>,
    pub rule: StopRule,
}

/// The options of the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Args {
    pub json: bool,
    pub dir: Option<String>,
    pub clients: Vec<usize>,
    /// Whether only the ladder runs, because clients were named.
    pub only_ladder: bool,
    pub ramp: Duration,
    pub hold: Duration,
}

pub const USAGE: &str =
    "load [--json] [--dir DIR] [--short] [--ramp SECONDS] [--seconds SECONDS] [--clients N[,N]...]";

impl Args {
    /// Reads the command line, and ignores the arguments that cargo adds.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let mut read = Self {
            json: false,
            dir: None,
            clients: LADDER.to_vec(),
            only_ladder: false,
            ramp: RAMP,
            hold: HOLD,
        };
        if args.iter().any(|arg| arg == "--short") {
            (read.ramp, read.hold) = (SHORT_RAMP, SHORT_HOLD);
        }
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} wants a value; {USAGE}"));
            match word.as_str() {
                "--short" | "--bench" => {}
                "--json" => read.json = true,
                "--dir" => read.dir = Some(value()?.clone()),
                "--ramp" => read.ramp = seconds(value()?)?,
                "--seconds" => read.hold = seconds(value()?)?,
                "--clients" => {
                    read.clients = value()?.split(',').map(count).collect::<Result<_, _>>()?;
                    read.only_ladder = true;
                }
                unknown => return Err(format!("{unknown} is not known; {USAGE}")),
            }
        }
        Ok(read)
    }

    pub fn suite(&self) -> PerformanceTestSuite {
        let scenarios = self.clients.iter().map(|&clients| LoadScenario {
            kind: ScenarioType::ConstantLoad,
            clients,
            ramp: self.ramp,
            hold: self.hold,
        });
        PerformanceTestSuite { scenarios: scenarios.collect(), rule: StopRule::default() }
    }
}

fn seconds(text: &String) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| format!("{text:?} is no number of seconds; {USAGE}"))?;
    Ok(Duration::from_secs(seconds))
}

fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| format!("{text:?} is no number of clients; {USAGE}"))
}
