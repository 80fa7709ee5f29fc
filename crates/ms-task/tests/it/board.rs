//! The board's alarms: what has to be looked at again by time alone.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use ms_core::task::{AgentKind, QueueName};
use ms_core::{ActorPath, Intensity, Tick};
use ms_task::{Board, CrashGuard, LONGEST_REST, QueueSpec, REST, Rate};
use proptest::prelude::*;

const LEASE: Duration = Duration::from_secs(30);
const INTENSITY: Intensity = Intensity { max_restarts: 10, period: Duration::from_secs(5) };

fn kind() -> AgentKind {
    AgentKind::new("worker").unwrap()
}

fn agent(n: usize) -> ActorPath {
    ActorPath::new(format!("/root/workers/worker-{n}")).unwrap()
}

fn at(ms: u64) -> Tick {
    Tick::from_millis(ms)
}

fn board(rate: Option<Rate>, agents: usize) -> Board {
    let mut board = Board::new(Tick::ZERO);
    board.declare_queue(QueueSpec { rate, ..QueueSpec::new(QueueName::default()) });
    board.declare_pool(kind(), INTENSITY);
    (0..agents).for_each(|n| board.join(&kind(), agent(n)));
    board
}

/// What a dispatcher does: looks at each alarm, and nothing else happens.
fn alarms_of_an_idle_board(board: &mut Board, from: Tick, until: Tick) -> usize {
    let mut now = from;
    board.wish(now, LEASE);
    for looks in 0..100_000 {
        match board.alarm() {
            Some(next) if next <= until => {
                assert!(next > now, "an alarm in the past: {next:?} at {now:?}");
                now = next;
                board.wish(now, LEASE);
            }
            _ => return looks,
        }
    }
    panic!("an idle board is looked at for ever");
}

#[test]
fn an_agent_that_has_rested_rings_no_alarm_any_more() {
    let mut board = board(None, 3);
    (0..3).for_each(|n| board.rest(&kind(), &agent(n), at(0)));
    assert!(board.wish(at(0), LEASE).is_none(), "all rest");
    assert_eq!(board.alarm(), Some(Tick::ZERO + REST));
    let wish = board.wish(Tick::ZERO + REST, LEASE).expect("all have rested");
    assert_eq!(wish.free[&kind()].len(), 3);
    assert_eq!(board.alarm(), None, "nothing is held back by time");
}

#[test]
fn what_gives_way_between_two_looks_rings_at_once() {
    let mut board = board(None, 1);
    board.rest(&kind(), &agent(0), at(0));
    assert!(board.wish(at(10), LEASE).is_none());
    // The look at 10 ms did not see it, however late it is now.
    assert_eq!(board.alarm(), Some(at(20)));
    assert!(board.wish(at(5_000), LEASE).is_some());
    assert_eq!(board.alarm(), None);
}

#[test]
fn an_agent_that_cannot_be_reached_for_long_is_looked_at_less_and_less_often() {
    let mut board = board(None, 1);
    let (mut now, mut looks) = (at(0), 0);
    while now < at(60_000) {
        board.rest(&kind(), &agent(0), now);
        assert!(board.wish(now, LEASE).is_none(), "it rests");
        now = board.alarm().expect("it is looked at again");
        looks += 1;
    }
    assert!(looks < 130, "{looks} looks in a minute, of {LONGEST_REST:?} at most");
    // Once it has done a task its next rest is a short one.
    assert!(board.wish(now, LEASE).is_some());
    board.assigned(&kind(), &agent(0), &QueueName::default(), now);
    board.finished(&kind(), &agent(0), false, now);
    board.rest(&kind(), &agent(0), now);
    board.wish(now, LEASE);
    assert_eq!(board.alarm(), Some(now + REST));
}

#[test]
fn a_resting_agent_is_not_put_off_by_being_looked_at() {
    let mut board = board(None, 1);
    for ms in 0..20 {
        board.rest(&kind(), &agent(0), at(ms));
        assert!(board.wish(at(ms), LEASE).is_none());
    }
    assert!(board.wish(at(20), LEASE).is_some(), "its rest began at 0");
}

/// Row 13 of the faults: a period without end.
#[test]
fn an_intensity_without_end_is_a_number_like_others() {
    let mut guard = CrashGuard::new(Intensity { max_restarts: 1, period: Duration::MAX });
    guard.crashed(at(1));
    assert_eq!(guard.room(at(1_000)), 0);
    assert!(guard.more_room_at().expect("in the end") > at(u64::MAX / 1_000_000 - 1));
}

proptest! {
    /// Whatever went before: when nothing happens any more, the alarms come to an end.
    #[test]
    fn an_idle_board_comes_to_rest(
        rate in prop::option::of((0.5..100.0_f64, 1..5_u32)),
        steps in prop::collection::vec((0..6_u8, 0..4_usize, 0..3_000_u64), 0..80),
    ) {
        let rate = rate.map(|(per_second, burst)| Rate { per_second, burst });
        let mut board = board(rate, 4);
        let (mut now, mut in_hand) = (0, Vec::new());
        for (what, pick, wait) in steps {
            now += wait;
            let tick = at(now);
            match what {
                0 | 1 => if let Some(wish) = board.wish(tick, LEASE) {
                    let room = wish.room.values().sum::<usize>();
                    for free in wish.free[&kind()].iter().take(pick.min(room)) {
                        board.assigned(&kind(), free, &QueueName::default(), tick);
                        in_hand.push(free.clone());
                    }
                },
                2 => board.rest(&kind(), &agent(pick), tick),
                3 => in_hand.pop().iter().for_each(|at| board.unreachable(&kind(), at, tick)),
                _ => in_hand.pop().iter().for_each(|at| {
                    board.finished(&kind(), at, what == 5, tick);
                }),
            }
            // Always later than the last look.
            board.wish(tick, LEASE);
            prop_assert!(board.alarm().is_none_or(|next| next > tick));
        }
        let looks = alarms_of_an_idle_board(&mut board, at(now), at(now + 3_600_000));
        prop_assert!(looks < 100, "{looks} looks in an idle hour");
    }
}
