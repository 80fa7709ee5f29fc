//! The rules for tests, one for each kind of fault.

use super::asserts::asserts_itself;
use super::flow;
use super::functions::{Function, Source};
use super::known::Known;
use super::{Found, ports, time};
use crate::lex::{calls, places, words};

/// Functions that inject a fault, and may answer that they could not.
const FAULTS: &[&str] =
    &["inject", "steer", "try_steer", "inject_network_partition", "restore_network"];

/// Returns the faults of a test, or of a function that tests share.
pub(super) fn of(source: &Source, function: &Function, known: &Known<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    let start = function.body.start;
    if function.is_test() {
        found.extend(asserts(source, function, known).map(|kind| (kind, start)));
        if function.is_ignored() {
            found.push(("ignored", start));
        }
        if name_promises_a_time(&function.name) {
            found.push(("promises-a-time", start));
        }
        found.extend(skips(source, function).into_iter().map(|at| ("skips", at)));
    }
    let code = &source.code[function.body.clone()];
    found.extend(dropped_faults(code).map(|at| ("fault-dropped", start + at)));
    found.extend(ports::fixed(source, function).into_iter().map(|at| ("fixed-port", at)));
    let released = ports::released(source, function);
    found.extend(released.into_iter().map(|at| ("released-port", at)));
    found.extend(time::of(source, function, known));
    found
}

fn asserts(source: &Source, function: &Function, known: &Known<'_>) -> Option<&'static str> {
    let code = &source.code[function.body.clone()];
    let all_in = |code: &str| -> Vec<usize> {
        let helped = words(code).filter(|(_, word)| known.asserts(source, word));
        asserts_itself(code).chain(helped.map(|(at, _)| at)).collect()
    };
    let all = all_in(code);
    if all.is_empty() {
        return Some("asserts-nothing");
    }
    let maybe = flow::conditional(code, &|block| !all_in(block).is_empty());
    all.iter().all(|at| maybe.iter().any(|range| range.contains(at))).then_some("only-if")
}

/// Finds each `return` without a value before the first assertion. One in a function inside the test
/// returns only from that function.
fn skips(source: &Source, function: &Function) -> Vec<usize> {
    let code = &source.code[function.body.clone()];
    let asserted = asserts_itself(code).next().unwrap_or(code.len());
    let start = function.body.start;
    let functions = source.functions();
    let inner = |at: usize| {
        let is_inner = |one: &Function| one.body.start > start && one.body.contains(&at);
        functions.iter().any(is_inner)
    };
    let is_bare =
        |at: &usize| code[at + "return".len()..].trim_start().starts_with([';', '}', ',']);
    let early = places(code, "return").filter(|at| *at < asserted).filter(is_bare);
    early.map(|at| start + at).filter(|at| !inner(*at)).collect()
}

/// Finds the places where the answer of an injection is dropped.
fn dropped_faults(code: &str) -> impl Iterator<Item = usize> + '_ {
    let dropped = calls(code, "drop").map(move |(at, given)| (at, &code[given]));
    let bound = places(code, "let _ =").map(move |at| (at, flow::statement(code, at)));
    dropped.chain(bound).filter(|(_, text)| injects(text)).map(|(at, _)| at)
}

fn injects(text: &str) -> bool {
    text.contains("faults::") || FAULTS.iter().any(|name| calls(text, name).next().is_some())
}

/// `within_100_ms`, `in_2_seconds`.
fn name_promises_a_time(name: &str) -> bool {
    const UNITS: &[&str] = &["us", "ms", "millis", "milliseconds", "s", "seconds"];
    let parts: Vec<&str> = name.split('_').collect();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number_and_unit = |part: &str| {
        let unit = part.trim_start_matches(|c: char| c.is_ascii_digit());
        unit.len() < part.len() && UNITS.contains(&unit)
    };
    let bounds = |part: &str| ["within", "in", "under", "after"].contains(&part);
    parts.windows(2).any(|pair| bounds(pair[0]) && number_and_unit(pair[1]))
        || parts
            .windows(3)
            .any(|three| bounds(three[0]) && is_number(three[1]) && UNITS.contains(&three[2]))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Returns the kinds that are found in the first function of a source.
    fn kinds(code: &str) -> Vec<&'static str> {
        let source = Source::new(Path::new("crates/ms-a/tests/it/x.rs"), code.to_owned());
        let function = source.functions().remove(0);
        let sources = [source];
        let known = Known::of(&sources);
        of(&sources[0], &function, &known).into_iter().map(|(kind, _)| kind).collect()
    }

    /// Returns the kinds that are found in a test with this body. There is a helper beside it.
    fn test(body: &str) -> Vec<&'static str> {
        kinds(&format!("#{} fn a() {{ {body}\n}} fn helper() {{ assert!(x); }}", "[test]"))
    }

    #[test]
    fn a_test_asserts_something_itself_or_by_a_helper() {
        assert_eq!(test("drop(b());"), ["asserts-nothing"]);
        assert_eq!(test("// assert!(b());"), ["asserts-nothing"]);
        assert_eq!(test("b().unwrap();"), ["asserts-nothing"]);
        for good in
            ["assert_eq!(b(), 1);", "b().unwrap_err();", "helper();", "split(|x| helper());"]
        {
            assert!(test(good).is_empty(), "{good}");
        }
    }

    #[test]
    fn a_test_does_not_skip_in_silence() {
        assert_eq!(test("let Some(b) = c() else { return }; assert!(b);"), ["skips"]);
        assert_eq!(test("run(|| { if !c() { return; } helper(); });"), ["skips"]);
        assert!(test("assert!(b); if c() { return; } assert!(d);").is_empty());
        assert!(test("let d = || { return 1 }; assert!(d());").is_empty());
        assert!(test("fn b() { return; } assert!(c(b));").is_empty());
    }

    #[test]
    fn what_a_test_asserts_does_not_depend_on_what_there_is() {
        assert_eq!(test("if let Ok(b) = c() { assert!(b); }"), ["only-if"]);
        assert_eq!(test("if c() { helper(); } else { d(); }"), ["only-if"]);
        assert!(test("if c() { helper(); } else { assert!(d()); }").is_empty());
        assert!(test("if c() { assert!(b); } assert!(d);").is_empty());
    }

    #[test]
    fn nobody_ignores_a_test() {
        let code = format!("#{}\n#{}\nfn a() {{ assert!(b); }}", "[test]", "[ignore = \"slow\"]");
        assert_eq!(kinds(&code), ["ignored"]);
        assert!(test("assert!(ignore);").is_empty());
    }

    #[test]
    fn what_an_injection_answers_is_looked_at() {
        assert_eq!(test("helper(); drop(s.try_steer(p, Kill));"), ["fault-dropped"]);
        assert_eq!(test("helper(); let _ = c.inject(p, f).await;"), ["fault-dropped"]);
        assert!(test("helper(); c.inject(p, f).await.unwrap(); drop(x);").is_empty());
    }

    #[test]
    fn the_name_of_a_test_promises_no_time() {
        for bad in ["a_tree_within_100_ms", "ends_in_2_seconds", "done_in_50ms"] {
            assert!(name_promises_a_time(bad), "{bad}");
        }
        for good in ["in_4_steps", "every_10_seconds", "within_its_limit", "s10_in_order"] {
            assert!(!name_promises_a_time(good), "{good}");
        }
    }
}
