//! Deadlines of asks: one timer a thread instead of one an ask.
//!
//! Nearly all asks are answered long before their deadline, and most of a thread
//! have the same limit, so their deadlines come in order. They stand in a queue;
//! one task sleeps until a deadline, wakes whom it concerns, and goes on to the
//! next. It is not disarmed when an ask is answered: it looks at the queue when it
//! wakes. A deadline out of order, or a thread that is no arbiter, gets a timer of
//! its own.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::task::Waker;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::arbiter::ArbiterSlot;

/// A place in this thread's queue; left when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queue: u32,
    number: u64,
}

#[derive(Default)]
struct Queue {
    /// The arbiter whose task serves it, and a sign that the task is alive: a thread
    /// may see one system after another.
    served_by: Option<u32>,
    task: Weak<()>,
    /// Number of the place in front.
    first: u64,
    places: VecDeque<(Instant, Option<Waker>)>,
    /// When the task will look next.
    armed: Option<Instant>,
    idle: Arc<Notify>,
}

thread_local! {
    static QUEUE: RefCell<Queue> = RefCell::default();
}

/// Has `waker` woken at `deadline`. `None`: use a timer.
pub(crate) fn enter(deadline: Instant, waker: &Waker) -> Option<Place> {
    QUEUE.with_borrow_mut(|queue| {
        if queue.task.strong_count() == 0 {
            queue.begin()?;
        }
        let served_by = queue.served_by?;
        if queue.places.back().is_some_and(|&(last, _)| last > deadline) {
            return None;
        }
        match queue.armed {
            Some(armed) if armed > deadline => return None,
            Some(_) => {}
            None => {
                queue.armed = Some(deadline);
                queue.idle.notify_one();
            }
        }
        queue.places.push_back((deadline, Some(waker.clone())));
        Some(Place { queue: served_by, number: queue.first + queue.places.len() as u64 - 1 })
    })
}

impl Queue {
    /// Starts the task that serves this thread's queue, if the thread is an arbiter.
    fn begin(&mut self) -> Option<()> {
        let here = ArbiterSlot::here().filter(|here| here.alive())?;
        let runtime = Handle::try_current().ok()?;
        let alive = Arc::new(());
        *self = Self {
            served_by: Some(here.id),
            task: Arc::downgrade(&alive),
            first: self.first + self.places.len() as u64,
            ..Self::default()
        };
        // Not as a local task: whoever asks first need not run inside of the arbiter's set of them.
        drop(runtime.spawn(serve(Arc::clone(&self.idle), alive)));
        Some(())
    }

    fn clear_front(&mut self) {
        while self.places.front().is_some_and(|(_, waker)| waker.is_none()) {
            self.places.pop_front();
            self.first += 1;
        }
    }

    /// Wakes those whose time is up, and arms for the next.
    fn look(&mut self, now: Instant) -> Option<Instant> {
        for (_, waker) in self.places.iter_mut().take_while(|(deadline, _)| *deadline <= now) {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
        self.clear_front();
        self.armed = self.places.front().map(|&(deadline, _)| deadline);
        self.armed
    }
}

async fn serve(idle: Arc<Notify>, _alive: Arc<()>) {
    loop {
        let next = QUEUE.with_borrow_mut(|queue| queue.look(Instant::now()));
        match next {
            Some(deadline) => sleep_until(deadline).await,
            None => idle.notified().await,
        }
    }
}

impl Place {
    /// Puts another waker in place of the one it was entered with.
    pub(crate) fn update(&self, waker: &Waker) {
        self.with(|known| {
            if let Some(known) = known
                && !known.will_wake(waker)
            {
                known.clone_from(waker);
            }
        });
    }

    fn with(&self, change: impl FnOnce(&mut Option<Waker>)) {
        // A future that was moved to another thread leaves a stale place behind: it
        // wakes for nothing, once.
        let entered = |queue: &RefCell<Queue>| {
            let mut queue = queue.try_borrow_mut().ok()?;
            if queue.served_by != Some(self.queue) {
                return None;
            }
            let at = usize::try_from(self.number.checked_sub(queue.first)?).ok()?;
            change(&mut queue.places.get_mut(at)?.1);
            queue.clear_front();
            Some(())
        };
        // At the end of a thread its queue may be gone already.
        let _gone = QUEUE.try_with(entered);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.with(|waker| *waker = None);
    }
}
