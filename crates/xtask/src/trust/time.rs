//! Tests that depend on how fast the machine is.

use std::collections::BTreeSet;

use super::Found;
use super::flow::{statement, statement_start};
use super::functions::{Function, Source};
use super::known::Known;
use crate::lex::{calls, places, words};

/// Functions that return an elapsed time.
const PASSED: &[&str] = &["elapsed", "since", "duration_since"];
/// Functions that give up after a time.
const LIMITS: &[&str] = &["timeout", "recv_timeout", "wait_timeout", "within"];
/// A shorter wait for real work is a race on a machine that does other things too.
const SAFE_WAIT_SECONDS: u64 = 20;

pub(super) fn of(source: &Source, function: &Function, known: &Known<'_>) -> Vec<Found> {
    let code = &source.code[function.body.clone()];
    let stops_the_clock = known.is_virtual(source, function) && !reads_the_real_clock(source, code);
    if stops_the_clock || is_called_in_virtual_time_alone(source, function, known) {
        return Vec::new();
    }
    let start = function.body.start;
    let bounds = upper_bounds(code).into_iter().map(|at| ("upper-bound", start + at));
    let races = races(code).into_iter().map(|at| ("race", start + at));
    bounds.chain(races).collect()
}

fn reads_the_real_clock(source: &Source, code: &str) -> bool {
    if code.contains("std::time::Instant") {
        return true;
    }
    let imports = source.code.split("use std::time::").skip(1);
    let mut imports = imports.filter_map(|rest| rest.split(';').next());
    let real = imports.any(|names| words(names).any(|(_, word)| word == "Instant"));
    real && places(code, "Instant::now").any(|at| !code[..at].ends_with("tokio::time::"))
}

/// Says whether a helper is only called by tests that stop the clock.
fn is_called_in_virtual_time_alone(
    source: &Source,
    function: &Function,
    known: &Known<'_>,
) -> bool {
    if function.is_test() || reads_the_real_clock(source, &source.code[function.body.clone()]) {
        return false;
    }
    let all = source.functions();
    let mut callers = all.iter().filter(|one| {
        let body = &source.code[one.body.clone()];
        one.name != function.name && words(body).any(|(_, word)| word == function.name)
    });
    let is_virtual = |one: &Function| known.is_virtual(source, one);
    callers.clone().next().is_some() && callers.all(is_virtual)
}

/// Finds assertions that no more than some time has passed.
fn upper_bounds(code: &str) -> Vec<usize> {
    let times = times_passed(code);
    let is_time = |text: &str| {
        words(text).any(|(at, word)| {
            times.contains(word) || (PASSED.contains(&word) && text[at..].contains('('))
        })
    };
    let mut found = Vec::new();
    for name in ["assert", "prop_assert", "debug_assert"] {
        for (at, given) in calls(code, name) {
            let condition = condition(&code[given]);
            if condition
                .split("&&")
                .flat_map(|part| part.split("||"))
                .any(|part| bounds(part, is_time))
            {
                found.push(at);
            }
        }
    }
    // An exact time is an upper bound as well.
    for (at, given) in calls(code, "assert_eq") {
        let is_passed = |(_, word)| PASSED.contains(&word);
        if words(&code[given]).any(is_passed) {
            found.push(at);
        }
    }
    found
}

/// Returns the first argument of an assertion, without its message.
fn condition(given: &str) -> &str {
    let mut depth = 0_i32;
    for (at, byte) in given.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b',' if depth == 0 => return &given[..at],
            _ => {}
        }
    }
    given
}

/// Says whether a condition bounds a time from above: `time < x`, `x > time`, `(a..b).contains(&time)`.
fn bounds(part: &str, is_time: impl Fn(&str) -> bool) -> bool {
    // These signs compare nothing.
    let plain = part.replace("::<", "  ").replace("->", "  ").replace("=>", "  ");
    let less = plain.split_once('<').is_some_and(|(left, _)| is_time(left));
    let more = plain.split_once('>').is_some_and(|(_, right)| is_time(right));
    let range = plain
        .split_once(".contains(")
        .is_some_and(|(range, value)| is_time(value) && !range.trim_end().ends_with("..)"));
    less || more || range
}

/// Returns the variables that hold an elapsed time.
fn times_passed(code: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for at in PASSED.iter().flat_map(|name| places(code, name)) {
        let start = statement_start(code, at);
        let Some((left, right)) = statement(code, start).split_once('=') else { continue };
        // A comparison, or an assignment that ended before.
        if right.starts_with('=') || start + left.len() > at {
            continue;
        }
        let names_of = words(left).map(|(_, word)| word);
        names.extend(
            names_of
                .filter(|word| !["if", "while", "let", "mut", "Some", "Ok", "Err"].contains(word)),
        );
    }
    names
}

/// Finds the places where real work must be done before a short timer ends.
fn races(code: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for name in LIMITS {
        for (at, given) in calls(code, name) {
            let end = given.end + 1;
            let rest = code[end..].trim_start();
            let rest = rest.strip_prefix(".await").unwrap_or(rest).trim_start();
            let must = [".expect(", ".unwrap(", "?"].iter().any(|end| rest.starts_with(end));
            // Such a test wants the time to run out, which it also does on a slow machine.
            let gives_up = statement(code, at).contains(".is_none()");
            if must && !gives_up && is_short(&code[given]) {
                found.push(at);
            }
        }
    }
    found
}

/// Says whether a limit is given in milliseconds, or is too few seconds.
fn is_short(given: &str) -> bool {
    if given.contains("from_millis(") {
        return true;
    }
    let seconds = calls(given, "from_secs").next().map(|(_, range)| given[range].trim());
    let times = given.split(',').next().and_then(|first| first.trim().strip_suffix("* SECOND"));
    let number =
        seconds.or(times).and_then(|text| text.trim().replace('_', "").parse::<u64>().ok());
    number.is_some_and(|number| number < SAFE_WAIT_SECONDS)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn kinds(source: &str) -> Vec<&'static str> {
        let source = Source::new(Path::new("crates/ms-a/tests/it/x.rs"), source.to_owned());
        let sources = [source];
        let known = Known::of(&sources);
        let first = sources[0].functions().remove(0);
        of(&sources[0], &first, &known).into_iter().map(|(kind, _)| kind).collect()
    }

    fn test(body: &str) -> Vec<&'static str> {
        let helper = "fn paused() { start_paused(true) }";
        kinds(&format!("#{} fn a() {{ {body} }} {helper}", "[test]"))
    }

    #[test]
    fn no_test_asserts_that_little_time_has_passed() {
        for bad in [
            "assert!(began.elapsed() < LIMIT, \"x\");",
            "let took = began.elapsed(); assert!(x && took <= LIMIT);",
            "worst = worst.max(began.elapsed()); assert!(LIMIT > worst);",
            "assert!((2..8).contains(&began.elapsed().as_secs()));",
            "assert_eq!(began.elapsed().as_secs(), 5);",
            "let began = std::time::Instant::now(); paused(); assert!(began.elapsed() < LIMIT);",
        ] {
            assert_eq!(test(bad), ["upper-bound"], "{bad}");
        }
        for good in [
            "assert!(began.elapsed() >= LIMIT);",
            "assert!((2..).contains(&began.elapsed().as_secs()));",
            "paused(|| assert!(began.elapsed() < LIMIT));",
            "let end = now + LONG; assert!(Instant::now() < end);",
            "assert!(count < 3, \"{:?}\", began.elapsed());",
        ] {
            assert!(test(good).is_empty(), "{good}");
        }
    }

    #[test]
    fn no_test_races_a_short_timer() {
        for bad in [
            "timeout(Duration::from_millis(300), work()).await.expect(\"in time\");",
            "timeout(5 * SECOND, work()).await.unwrap();",
            "actor.ask(Count).within(Duration::from_secs(2)).await.unwrap();",
        ] {
            assert_eq!(test(bad), ["race"], "{bad}");
        }
        for good in [
            "timeout(Duration::from_secs(60), work()).await.expect(\"in time\");",
            "assert!(timeout(Duration::from_millis(300), never()).await.is_err());",
            "timeout(LIMIT, work()).await.unwrap();",
            "paused(|| timeout(Duration::from_millis(300), work()).await.unwrap());",
        ] {
            assert!(test(good).is_empty(), "{good}");
        }
    }
}
