//! Budgets, as properties.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use ms_core::ActorPath;
use ms_core::budget::{Budget, MESSAGES};
use ms_task::budget::Ledger;
use proptest::prelude::*;

const PATHS: [&str; 5] = ["/r", "/r/a", "/r/a/x", "/r/a/y", "/r/b"];

fn path(n: usize) -> ActorPath {
    ActorPath::new(PATHS[n]).unwrap()
}

proptest! {
    /// No account lets in more messages than it permits, and none is let in after a unit is
    /// used up; what is refused counts nowhere.
    #[test]
    fn no_account_lets_in_more_than_it_permits(
        limits in prop::collection::vec((0..12_u64, 0..40_u64), 3),
        steps in prop::collection::vec((2..5_usize, 0..9_u64), 1..120),
    ) {
        let mut ledger = Ledger::default();
        for (n, &(messages, tokens)) in limits.iter().enumerate() {
            ledger.open(path(n), &Budget::new().messages(messages).unit("tokens", tokens));
        }
        let (mut let_in, mut tokens) = ([0_u64; 3], [0_u64; 3]);
        for (agent, cost) in steps {
            let of = |n: &usize| path(agent).is_within(&path(*n));
            let accounts: Vec<usize> = (0..3).filter(of).collect();
            let before = ledger.view();
            let open = |&n: &usize| let_in[n] < limits[n].0 && tokens[n] < limits[n].1;
            match ledger.draw(&path(agent)) {
                Ok(()) => {
                    prop_assert!(accounts.iter().all(open));
                    ledger.charge(&path(agent), "tokens", cost);
                    accounts.iter().for_each(|&n| (let_in[n], tokens[n]) = (let_in[n] + 1, tokens[n] + cost));
                }
                Err(over) => {
                    prop_assert!(!accounts.iter().all(open));
                    prop_assert!(path(agent).is_within(&over.account) && over.used >= over.limit);
                    prop_assert_eq!(ledger.view(), before);
                }
            }
        }
        for (n, account) in ledger.view().iter().enumerate() {
            prop_assert_eq!(account.units[MESSAGES].used, let_in[n]);
            prop_assert!(let_in[n] <= limits[n].0);
        }
    }
}

#[test]
fn a_raised_budget_lets_in_again() {
    let mut ledger = Ledger::default();
    ledger.open(path(1), &Budget::new().messages(1));
    assert_eq!(ledger.draw(&path(2)), Ok(()));
    let over = ledger.draw(&path(3)).unwrap_err();
    assert_eq!(
        over.to_string(),
        "the budget of /r/a is used up: 1 of 1 messages; raise it to go on"
    );
    assert_eq!(ledger.draw(&path(4)), Ok(()), "no account of its");
    assert!(ledger.raise(&path(1), &Budget::new().messages(1)));
    assert_eq!(ledger.draw(&path(3)), Ok(()));
    assert!(!ledger.raise(&path(2), &Budget::new().messages(1)));
}
