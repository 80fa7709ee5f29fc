//! Deadlines of asks: one timer a thread instead of one an ask.
//!
//! Nearly all asks are answered long before their deadline. They stand in a queue of their
//! thread; one task sleeps until the next deadline, wakes whom it concerns, and goes on to the
//! next. It is not disarmed when an ask is answered: it looks at the queue when it wakes. It is
//! armed anew when somebody comes whose deadline is before the one it sleeps until. A thread
//! that is no arbiter gives each ask a timer of its own.

mod queue;

use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::task::Waker;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use self::queue::{Key, Queue};
use crate::node::here;

/// A place in this thread's queue; left when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    desk: u32,
    key: Key,
}

/// A thread's queue and the task that serves it.
#[derive(Default)]
struct Desk {
    /// The arbiter whose task serves it, and a sign that the task is alive: a thread
    /// may see one system after another.
    served_by: Option<u32>,
    task: Weak<()>,
    queue: Queue,
    /// When the task will look next.
    armed: Option<Instant>,
    rearm: Arc<Notify>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// Enters `waker` to be woken at `deadline`. Returns `None` where a timer is needed.
pub(crate) fn enter(deadline: Instant, waker: &Waker) -> Option<Place> {
    // What an earlier system left behind is dropped where nothing is borrowed.
    let (place, _left) = DESK.with_borrow_mut(|desk| {
        let left = if desk.task.strong_count() == 0 { Some(desk.begin()?) } else { None };
        let served_by = desk.served_by?;
        if desk.armed.is_none_or(|armed| deadline < armed) {
            desk.armed = Some(deadline);
            desk.rearm.notify_one();
        }
        let key = desk.queue.enter(deadline, waker.clone());
        Some((Place { desk: served_by, key }, left))
    })?;
    Some(place)
}

/// Makes a timer for a thread without a queue.
pub(crate) fn timer(deadline: Instant) -> Sleep {
    count_timer();
    sleep_until(deadline)
}

impl Desk {
    /// Starts the task that serves this thread's queue, if the thread is an arbiter. Gives what
    /// was there before.
    // In a box: what is hardly ever there must not be copied at each ask.
    fn begin(&mut self) -> Option<Box<Self>> {
        let here = here::slot().filter(|slot| slot.alive())?;
        let runtime = Handle::try_current().ok()?;
        let alive = Arc::new(());
        let task = Arc::downgrade(&alive);
        let left =
            std::mem::replace(self, Self { served_by: Some(here.id), task, ..Self::default() });
        // Not as a local task: whoever asks first need not run inside of the arbiter's set of them.
        drop(runtime.spawn(serve(Arc::clone(&self.rearm), alive)));
        Some(Box::new(left))
    }

    /// Takes out those whose time is up, and arms for the next.
    fn look(&mut self, now: Instant) -> (Vec<Waker>, Option<Instant>) {
        let due = self.queue.due(now);
        self.armed = self.queue.next();
        (due, self.armed)
    }
}

async fn serve(rearm: Arc<Notify>, _alive: Arc<()>) {
    loop {
        let (due, next) = DESK.with_borrow_mut(|desk| desk.look(Instant::now()));
        due.into_iter().for_each(Waker::wake);
        match next {
            Some(deadline) => {
                count_timer();
                // Whether its time has come or an earlier one was entered: it looks again.
                drop(timeout_at(deadline, rearm.notified()).await);
            }
            None => rearm.notified().await,
        }
    }
}

impl Place {
    /// Puts another waker in place of the one it was entered with.
    pub(crate) fn update(&self, waker: &Waker) {
        let earlier = self.with(|queue| queue.update(self.key, waker));
        drop(earlier);
    }

    /// Changes the place, if it is one of this thread. A future that was moved to another thread
    /// leaves a stale place behind, which wakes for nothing, once. So does one that is dropped
    /// while the queue is looked at.
    fn with(&self, change: impl FnOnce(&mut Queue) -> Option<Waker>) -> Option<Waker> {
        let entered = |desk: &RefCell<Desk>| {
            let mut desk = desk.try_borrow_mut().ok()?;
            if desk.served_by != Some(self.desk) {
                return None;
            }
            change(&mut desk.queue)
        };
        // At the end of a thread its queue may be gone already.
        DESK.try_with(entered).ok().flatten()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let waker = self.with(|queue| queue.leave(self.key));
        drop(waker);
    }
}

#[cfg(not(all(test, not(feature = "model"))))]
fn count_timer() {}

#[cfg(all(test, not(feature = "model")))]
use self::tests::count_timer;

#[cfg(all(test, not(feature = "model")))]
mod tests {
    #![allow(clippy::expect_used, reason = "helpers of tests")]

    use std::cell::Cell;
    use std::time::Duration;

    use actix::{Actor, Handler, Message, ResponseFuture};

    use super::*;
    use crate::{AskError, AskFailure, Context, Node, NodeConfig, spawn};

    thread_local! {
        static TIMERS: Cell<usize> = const { Cell::new(0) };
    }

    /// Counts the timers tokio is given on this thread.
    pub(super) fn count_timer() {
        TIMERS.set(TIMERS.get() + 1);
    }

    struct Late;

    impl Actor for Late {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "u64")]
    struct After(Duration);

    impl Handler<After> for Late {
        type Result = ResponseFuture<u64>;

        fn handle(&mut self, After(time): After, _: &mut Self::Context) -> Self::Result {
            Box::pin(async move {
                tokio::time::sleep(time).await;
                7
            })
        }
    }

    fn on_an_arbiter<F: Future>(test: impl FnOnce(Node) -> F) -> F::Output {
        actix::System::new().block_on(async {
            tokio::time::pause();
            test(Node::boot(NodeConfig::single_arbiter()).expect("boots")).await
        })
    }

    fn open() -> (usize, usize) {
        DESK.with_borrow(|desk| desk.queue.size())
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_longer_deadline_sends_no_ask_to_a_timer_of_its_own() {
        on_an_arbiter(async |node| {
            let late = spawn(&node, "late", Late).expect("a name");
            // The boot of a program asks with a minute or more before anything else does.
            let patient = actix::spawn(late.ask(After(3_000 * SECOND)).within(3_600 * SECOND));
            tokio::task::yield_now().await;
            let before = TIMERS.get();
            for n in 0..1_000_u64 {
                let limit = [5, 30, 60, 10, 2, 20][n as usize % 6];
                let answer = late.ask(After(Duration::from_millis(1))).within(limit * SECOND);
                assert_eq!(answer.await.expect("in time"), 7);
            }
            let timers = TIMERS.get() - before;
            assert!(timers <= 8, "{timers} timers for 1,000 asks");
            assert_eq!(patient.await.expect("not cancelled").expect("in time"), 7);
        });
    }

    #[test]
    fn answered_asks_leave_nothing_behind_one_that_is_open() {
        on_an_arbiter(async |node| {
            let late = spawn(&node, "late", Late).expect("a name");
            let patient = actix::spawn(late.ask(After(3_000 * SECOND)).within(3_600 * SECOND));
            for _ in 0..1_000 {
                late.ask(After(Duration::ZERO)).await.expect("in time");
            }
            let (open, room) = open();
            assert!(open == 1 && room <= 3, "{open} places, room for {room}");
            patient.abort();
            assert!(patient.await.is_err_and(|error| error.is_cancelled()));
            assert_eq!(self::open().0, 0);
        });
    }

    /// The task that sleeps until a later deadline is woken for an earlier one.
    #[test]
    fn an_earlier_deadline_is_kept_though_a_later_one_is_slept_for() {
        on_an_arbiter(async |node| {
            let late = spawn(&node, "late", Late).expect("a name");
            let patient = actix::spawn(late.ask(After(3_000 * SECOND)).within(60 * SECOND));
            // Until the thread sleeps for it.
            tokio::time::sleep(SECOND).await;
            let began = Instant::now();
            let hasty = late.ask(After(3_000 * SECOND)).within(2 * SECOND).await;
            assert!(matches!(hasty, Err(AskError { failure: AskFailure::TimedOut { .. }, .. })));
            assert_eq!(began.elapsed().as_secs(), 2);
            assert!(patient.await.expect("not cancelled").is_err());
        });
    }

    #[test]
    fn asks_of_mixed_limits_end_at_their_own_deadlines() {
        on_an_arbiter(async |node| {
            let late = spawn(&node, "late", Late).expect("a name");
            let asks = [9_u64, 3, 7, 1, 8, 2, 6, 4, 5].map(|limit| {
                let ask = late
                    .ask(After(3_000 * SECOND))
                    .within(u32::try_from(limit).expect("small") * SECOND);
                actix::spawn(async move {
                    let began = Instant::now();
                    let outcome = ask.await;
                    assert!(
                        matches!(
                            outcome,
                            Err(AskError { failure: AskFailure::TimedOut { .. }, .. })
                        ),
                        "{limit}"
                    );
                    (limit, began.elapsed().as_secs())
                })
            });
            for ask in asks {
                let (limit, took) = ask.await.expect("not cancelled");
                assert_eq!(limit, took);
            }
            assert_eq!(open().0, 0);
        });
    }
}
