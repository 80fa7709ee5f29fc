//! Tests that run themselves again.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::panic::catch_unwind;

use ms_testkit::child;

#[test]
fn both_parts_of_a_test_are_one_test() {
    child::split(
        both_parts_of_a_test_are_one_test,
        |part| println!("\n@{part} {}", std::env::var("MS_SAID").expect("handed over")),
        |own| {
            let child = own.child("sing").env("MS_SAID", "a song").after("ulimit -n 40");
            let output = child.output();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("\n@sing a song\n"), "{said}");
        },
    );
}

/// One that ends at once, before the parent looks, has reported nevertheless.
#[test]
fn a_child_may_end_in_any_way_once_it_has_begun() {
    child::split(
        a_child_may_end_in_any_way_once_it_has_begun,
        |_| std::process::abort(),
        |own| assert_eq!(own.child("abort").output().status.code(), None),
    );
}

/// Its name is no test's: the program runs none, and says so with success.
fn not_a_test() {}

#[test]
fn a_child_that_runs_no_test_is_a_failure() {
    let silent = catch_unwind(|| {
        child::split(not_a_test, |_| {}, |own| drop(own.child("x").output()));
    });
    let panic = silent.expect_err("nothing was run");
    let output = panic.downcast_ref::<String>().expect("a text");
    assert!(output.contains("ran no test named child::not_a_test"), "{output}");
    assert!(output.contains("running 0 tests"), "{output}");
}
