//! Every state of the bounded setups; `cargo xtask model --long` explores the larger ones.

#[test]
fn no_law_is_broken_in_any_state_of_the_bounded_setups() {
    let all = ms_model::run_all(&ms_model::bounded(), |explored| {
        let first = explored.violations.first();
        assert!(first.is_none(), "{}: {first:#?}", explored.setup);
    });
    let states: usize = all.iter().map(|explored| explored.states).sum();
    println!("{} setups, {states} states", all.len());
    assert!(states > 500_000, "the setups have shrunk to {states} states");
}
