//! `ms-simulate`: plays many seeds, reports, and makes a failing one small.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ms_testkit::sim::{Outcome, Script, generate, once_failed, run, shrink, trace};

const USAGE: &str = "\
usage: ms-simulate [--seeds N] [--first S] [--threads T] [--long]   play N seeds from S on, and
                                                             before them those that once failed
       ms-simulate --seed S [--trace]                               play one seed and print it
       ms-simulate --script FILE [--trace]                          play a script (JSON)

  --seeds N     how many seeds (default 2000; 100000 with --long)
  --first S     the first of them (default: that of MS_SEED, or others at every run; it is printed)
  --threads T   threads (default: one a core)
  --twice N     one seed in N is played twice, and its hashes are compared (default 20)
  --long        the long run
  --seed S      one seed: prints its script and the hash of its log
  --script F    a script, as a failing run prints it
  --trace       with either: prints the event log

exit status: 0 all invariants held, 1 one was broken or a seed did not repeat itself,
2 the command line is wrong, 3 a seed did not end";

/// Seeds of the short run, and of the long one.
const SHORT: u64 = 2_000;
const LONG: u64 = 100_000;
/// Real time after which a seed counts as stuck.
const STUCK: Duration = Duration::from_secs(120);
/// Runs spent on making a failing script smaller.
const SHRINK_RUNS: usize = 3_000;
/// Stack of a player in bytes: the futures of deep trees are nested.
const STACK: usize = 16 << 20;

struct Order {
    seeds: u64,
    /// Chosen if it is not given.
    first: Option<u64>,
    threads: usize,
    twice: u64,
    one: Option<u64>,
    script: Option<String>,
    trace: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| ["help", "--help", "-h"].contains(&arg.as_str())) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match parse(&args) {
        Ok(order) => obey(&order),
        Err(problem) => {
            eprintln!("ms-simulate: {problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn parse(args: &[String]) -> Result<Order, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut order = Order {
        seeds: SHORT,
        first: None,
        threads,
        twice: 20,
        one: None,
        script: None,
        trace: false,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        let number =
            |text: &String| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
        match arg.as_str() {
            "--seeds" => order.seeds = number(value()?)?,
            "--first" => order.first = Some(number(value()?)?),
            "--threads" => {
                order.threads = usize::try_from(number(value()?)?.clamp(1, 256)).unwrap_or(1)
            }
            "--twice" => order.twice = number(value()?)?.max(1),
            "--seed" => order.one = Some(number(value()?)?),
            "--script" => order.script = Some(value()?.clone()),
            "--trace" => order.trace = true,
            "--long" => order.seeds = LONG,
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    Ok(order)
}

fn obey(order: &Order) -> ExitCode {
    if let Some(file) = &order.script {
        let script = std::fs::read_to_string(file).map_err(|error| error.to_string());
        let script = script.and_then(|text| {
            serde_json::from_str::<Script>(&text).map_err(|error| error.to_string())
        });
        return match script {
            Ok(script) => one(&script, order.trace),
            Err(error) => {
                eprintln!("{file}: {error}");
                ExitCode::from(2)
            }
        };
    }
    match order.one {
        Some(seed) => one(&generate(seed), order.trace),
        None => many(order, order.first.unwrap_or_else(ms_testkit::seed)),
    }
}

/// Plays one script and shows all of it.
fn one(script: &Script, with_log: bool) -> ExitCode {
    print!("{script}");
    let outcome = if with_log { trace(script) } else { run(script) };
    outcome.lines.iter().for_each(|line| println!("{line}"));
    println!(
        "seed {}: hash {:016x}, {} events, {} lives, {} messages, {} virtual ms",
        script.seed,
        outcome.hash,
        outcome.events,
        outcome.lives,
        outcome.messages,
        outcome.virtual_ms
    );
    let again = run(script).hash == outcome.hash;
    println!("played again: {}", if again { "the same hash" } else { "ANOTHER HASH" });
    outcome.violations.iter().for_each(|broken| {
        println!("broken at step {}: {}: {}", broken.step, broken.rule, broken.detail);
    });
    if outcome.violations.is_empty() && again {
        return ExitCode::SUCCESS;
    }
    report_small(script);
    ExitCode::FAILURE
}

fn report_small(script: &Script) {
    let Some(small) = shrink(script, SHRINK_RUNS) else { return };
    println!(
        "shrunk in {} runs to {} actors and {} steps: {}: {}",
        small.runs,
        small.script.root.size(),
        small.script.steps.len(),
        small.violation.rule,
        small.violation.detail
    );
    print!("{}", small.script);
    if let Ok(json) = serde_json::to_string(&small.script) {
        println!("as data, for --script: {json}");
    }
}

/// The sums over many seeds.
#[derive(Default)]
struct Total {
    seeds: u64,
    steps: u64,
    actors: u64,
    biggest: u64,
    lives: u64,
    messages: u64,
    events: u64,
    virtual_ms: u64,
    twice: u64,
    /// Order does not matter: hashes are summed.
    hash: u64,
    faults: BTreeMap<&'static str, u64>,
    broken: Vec<(u64, String)>,
}

impl Total {
    fn add(&mut self, script: &Script, outcome: &Outcome) {
        let size = script.root.size() as u64;
        self.seeds += 1;
        self.steps += script.steps.len() as u64;
        self.actors += size;
        self.biggest = self.biggest.max(size);
        self.lives += outcome.lives as u64;
        self.messages += outcome.messages as u64;
        self.events += outcome.events;
        self.virtual_ms += outcome.virtual_ms;
        self.hash = self.hash.wrapping_add(outcome.hash);
        for (label, count) in &outcome.faults {
            *self.faults.entry(label).or_default() += count;
        }
        if let Some(broken) = outcome.violations.first() {
            self.broken.push((script.seed, format!("{}: {}", broken.rule, broken.detail)));
        }
    }
}

fn many(order: &Order, first: u64) -> ExitCode {
    // Said before: who ends a run that hangs must know what it was at.
    println!(
        "{} seeds from {first} on; the same again: cargo xtask simulate --first {first} --seeds {0}",
        order.seeds
    );
    let kept: Vec<u64> = once_failed().map(|(seed, _)| seed).collect();
    let seeds = Seeds { kept, first, count: order.seeds };
    let began = Instant::now();
    let total = Mutex::new(Total::default());
    let next = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let at: Vec<Mutex<(u64, Instant)>> =
        (0..order.threads).map(|_| Mutex::new((0, Instant::now()))).collect();
    std::thread::scope(|scope| {
        let players: Vec<_> = at
            .iter()
            .map(|at| {
                let player = std::thread::Builder::new().stack_size(STACK);
                player.spawn_scoped(scope, || play_on(&seeds, order.twice, &next, at, &total))
            })
            .collect();
        scope.spawn(|| watch(&at, &done));
        for player in players {
            if player.map(std::thread::ScopedJoinHandle::join).is_err() {
                eprintln!("a player could not be started");
            }
        }
        done.store(true, Ordering::Release);
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    report(order, &seeds, &total, began.elapsed())
}

/// The seeds to play: those that once failed, and then a range.
struct Seeds {
    kept: Vec<u64>,
    first: u64,
    count: u64,
}

impl Seeds {
    fn nth(&self, nth: u64) -> Option<u64> {
        let kept = self.kept.len() as u64;
        match nth.checked_sub(kept) {
            None => self.kept.get(usize::try_from(nth).ok()?).copied(),
            Some(nth) => (nth < self.count).then(|| self.first.wrapping_add(nth)),
        }
    }
}

fn play_on(
    seeds: &Seeds,
    every: u64,
    next: &AtomicU64,
    at: &Mutex<(u64, Instant)>,
    total: &Mutex<Total>,
) {
    loop {
        let nth = next.fetch_add(1, Ordering::Relaxed);
        let Some(seed) = seeds.nth(nth) else { return };
        *at.lock().unwrap_or_else(PoisonError::into_inner) = (seed, Instant::now());
        let script = generate(seed);
        let outcome = run(&script);
        let twice = nth.is_multiple_of(every);
        let same = !twice || run(&script).hash == outcome.hash;
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        total.twice += u64::from(twice);
        total.add(&script, &outcome);
        if !same {
            total.broken.push((seed, "determinism: played again it gave another hash".to_owned()));
        }
    }
}

/// Ends the process if a seed is stuck, and names the seed. A thread cannot be stopped in another way.
#[allow(clippy::disallowed_methods, reason = "a thread of a command line tool")]
fn watch(at: &[Mutex<(u64, Instant)>], done: &AtomicBool) {
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(50));
        for player in at {
            let (seed, since) = *player.lock().unwrap_or_else(PoisonError::into_inner);
            // 0 stands for a player that has not begun.
            if seed != 0 && since.elapsed() > STUCK && !done.load(Ordering::Acquire) {
                eprintln!("seed {seed} has not ended in {STUCK:?}");
                std::process::exit(3);
            }
        }
    }
}

fn report(order: &Order, seeds: &Seeds, total: &Total, took: Duration) -> ExitCode {
    let last = seeds.first.wrapping_add(seeds.count.saturating_sub(1));
    println!(
        "{} seeds ({} that once failed; {} to {last}) in {:.1} s on {} threads; {} of them played twice",
        total.seeds,
        seeds.kept.len(),
        seeds.first,
        took.as_secs_f64(),
        order.threads,
        total.twice
    );
    println!(
        "{} actors planned (largest tree {}), {} lives, {} steps, {} messages, {} events, {:.1} virtual hours",
        total.actors,
        total.biggest,
        total.lives,
        total.steps,
        total.messages,
        total.events,
        total.virtual_ms as f64 / 3.6e6
    );
    for (label, count) in &total.faults {
        println!("  {count:>9}  {label}");
    }
    println!("hash of all logs {:016x}", total.hash);
    if total.broken.is_empty() {
        println!("all invariants held");
        return ExitCode::SUCCESS;
    }
    let mut broken = total.broken.clone();
    broken.sort();
    for (seed, what) in broken.iter().take(20) {
        println!("seed {seed}: {what}; replay: cargo xtask simulate --seed {seed}");
    }
    println!("{} seeds failed; the first:", broken.len());
    one(&generate(broken[0].0), false);
    ExitCode::FAILURE
}
