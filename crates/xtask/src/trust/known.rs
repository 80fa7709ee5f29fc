//! Knows the functions that tests call: which of them assert, and which run their argument in virtual
//! time. A function is found by its name, as there is no parser to resolve it: first in the source
//! itself, then among those that the tests of the package share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::asserts::asserts_itself;
use super::functions::{Function, Source};
use crate::lex::words;

/// Words that stop the clock.
const STOPS_THE_CLOCK: &[&str] = &["start_paused", "TestSystem"];

/// The names of such functions, for each source.
pub(super) struct Known<'a> {
    asserting: BTreeMap<&'a Path, BTreeSet<String>>,
    virtual_time: BTreeMap<&'a Path, BTreeSet<String>>,
}

/// A function, as far as it matters here.
struct Seen<'a> {
    name: String,
    words: BTreeSet<&'a str>,
    asserts: bool,
    stops_the_clock: bool,
}

impl<'a> Known<'a> {
    pub(super) fn of(sources: &'a [Source]) -> Self {
        let seen: Vec<Vec<Seen<'_>>> = sources.iter().map(functions).collect();
        let shared: Vec<bool> = sources.iter().map(is_shared).collect();
        let (mut asserting, mut virtual_time) = (BTreeMap::new(), BTreeMap::new());
        for (at, source) in sources.iter().enumerate() {
            let own: BTreeSet<&str> = seen[at].iter().map(|one| &*one.name).collect();
            let others = (0..sources.len()).filter(|other| {
                *other != at && shared[*other] && sources[*other].package() == source.package()
            });
            let others = others.flat_map(|other| &seen[other]);
            // A helper of the source itself hides a shared one of the same name.
            let others = others.filter(|one| !own.contains(&*one.name));
            let all: Vec<&Seen<'_>> = seen[at].iter().chain(others).collect();
            asserting.insert(&*source.path, spread(&all, |one| one.asserts));
            virtual_time.insert(&*source.path, spread(&all, |one| one.stops_the_clock));
        }
        Self { asserting, virtual_time }
    }

    /// Says whether a function of this name asserts something, itself or by a call. Functions of the
    /// testkit that assert begin with `expect_`.
    pub(super) fn asserts(&self, source: &Source, name: &str) -> bool {
        let known = self.asserting.get(&*source.path);
        let of_the_kit = name.starts_with("expect_") && name != "expect_err";
        of_the_kit || known.is_some_and(|names| names.contains(name))
    }

    /// Says whether time is paused in a function: it stops the clock itself, or calls a function that
    /// does.
    pub(super) fn is_virtual(&self, source: &Source, function: &Function) -> bool {
        let body = &source.code[function.body.clone()];
        let known = self.virtual_time.get(&*source.path);
        let by_name = |word: &str| known.is_some_and(|names| names.contains(word));
        stops_the_clock(body) || words(body).any(|(_, word)| by_name(word))
    }
}

fn stops_the_clock(code: &str) -> bool {
    code.contains("time::pause()") || words(code).any(|(_, word)| STOPS_THE_CLOCK.contains(&word))
}

/// Says whether a source is shared by tests: it is in `tests`, and has no test itself.
fn is_shared(source: &Source) -> bool {
    source.is_of_tests() && !source.functions().iter().any(Function::is_test)
}

fn functions(source: &Source) -> Vec<Seen<'_>> {
    let seen = |function: Function| {
        let body = &source.code[function.body.clone()];
        let words: BTreeSet<&str> = words(body).map(|(_, word)| word).collect();
        // Code that is shipped may assert invariants, but is not a helper of tests.
        let helps = source.is_test_code(function.body.start);
        Seen {
            name: function.name,
            asserts: helps && asserts_itself(body).next().is_some(),
            stops_the_clock: helps && stops_the_clock(body),
            words,
        }
    };
    source.functions().into_iter().map(seen).collect()
}

/// Returns the names of functions for which `is` holds, and of those that call one of them. A name is
/// left out if it also belongs to a function for which neither is true.
fn spread(all: &[&Seen<'_>], is: impl Fn(&Seen<'_>) -> bool) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    loop {
        let mut more = BTreeSet::new();
        let has = |one: &Seen<'_>| is(one) || one.words.iter().any(|word| names.contains(*word));
        more.extend(all.iter().filter(|one| has(one)).map(|one| one.name.clone()));
        for one in all.iter().filter(|one| !has(one)) {
            more.remove(&one.name);
        }
        if more == names {
            return names;
        }
        names = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helpers_do_is_known_of_those_that_call_them() {
        let code = "fn a() { assert!(x) } fn b() { a() } fn c() { start_paused(true) } \
                    fn d() { c(b) } fn e() {}";
        let sources = [Source::new(Path::new("crates/ms-a/tests/x.rs"), code.to_owned())];
        let (known, source) = (Known::of(&sources), &sources[0]);
        let asserting = ["a", "b", "c", "d", "e"].map(|name| known.asserts(source, name));
        assert_eq!(asserting, [true, true, false, true, false]);
        let of = |one: &Function| known.is_virtual(source, one);
        let virtual_time: Vec<bool> = source.functions().iter().map(of).collect();
        assert_eq!(virtual_time, [false, false, true, true, false]);
    }

    #[test]
    fn a_helper_of_another_source_is_known_unless_there_is_one_of_the_same_name() {
        let source = |path: &str, code: &str| Source::new(Path::new(path), code.to_owned());
        let test = format!("#{}\nfn x() {{}}", "[test]");
        let shared = "fn a() { assert!(x) } fn b() { panic!() }";
        let sources = [
            source("crates/ms-a/tests/it/common/mod.rs", shared),
            source("crates/ms-a/tests/it/y.rs", &format!("{test} fn b() {{}}")),
            source("crates/ms-b/tests/it/z.rs", &test),
        ];
        let known = Known::of(&sources);
        let asserts = |at: usize, name| known.asserts(&sources[at], name);
        assert!(asserts(1, "a") && !asserts(1, "b") && !asserts(2, "a"));
    }
}
