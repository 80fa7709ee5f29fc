//! The orders that the process gives to the node's thread, and the wait for the next of them.

use std::any::Any;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::pin;

use futures_util::FutureExt;
use tokio::sync::mpsc;

use super::logic::process::Order;
use super::outcome::MainResult;
use super::runtime::Runtime;

/// Orders that may wait. More of them would say nothing new.
const ROOM: usize = 16;
/// Places that reloads leave free, for the two orders that end the run.
// A script that sends SIGHUP in a loop to a busy node must not push out the SIGTERM after it.
const ROOM_TO_STOP: usize = 2;

/// The process's end of the queue of orders.
#[derive(Debug)]
pub(super) struct OrderSender(mpsc::Sender<Order>);

impl OrderSender {
    /// Gives an order. Never waits.
    pub(super) fn give(&self, order: Order) {
        if order == Order::Reload && self.0.capacity() <= ROOM_TO_STOP {
            return tracing::warn!("the node is busy: a reload is skipped");
        }
        // Refused means that the node has reported meanwhile, or has orders enough: an order more
        // would change nothing in either case.
        let _ = self.0.try_send(order);
    }
}

/// The node's end of the queue of orders.
#[derive(Debug)]
pub(crate) struct Orders(mpsc::Receiver<Order>);

/// Returns both ends of a new queue of orders.
pub(super) fn orders() -> (OrderSender, Orders) {
    let (sender, receiver) = mpsc::channel(ROOM);
    (OrderSender(sender), Orders(receiver))
}

impl Orders {
    /// Waits for the next order; `None` when the process gives no more. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Order> {
        self.0.recv().await
    }

    /// Waits for the next order that stops the node, in order or at once. Never resolves when the
    /// process gives no more orders. Cancel-safe.
    // A node that awaits this is stopping already. Both orders then mean "kill what is left": a
    // first signal cuts short even a stop that the node began by itself.
    pub(crate) async fn stop(&mut self) {
        loop {
            match self.next().await {
                Some(Order::Stop(_) | Order::Hurry(_)) => return,
                Some(Order::Reload) => {}
                None => pending().await,
            }
        }
    }
}

/// What ended the wait of [`while_up`].
pub(crate) enum UpTo {
    /// The tree ended by itself.
    TreeEnded,
    /// A signal, by name.
    Signal(&'static str),
    /// The process's main loop is gone.
    NobodyListens,
    /// The program's main future ended.
    MainEnded(MainResult),
    /// The program's main future panicked.
    MainPanicked(Box<dyn Any + Send>),
}

/// Waits until the tree ends, an order stops it, or the program's main future ends. In the first
/// two cases that future is dropped.
pub(crate) async fn while_up(
    runtime: &Runtime,
    orders: &mut Orders,
    main: impl AsyncFnOnce(&Runtime) -> MainResult,
    reload: impl Fn(),
) -> UpTo {
    let mut main = pin!(AssertUnwindSafe(main(runtime)).catch_unwind());
    loop {
        tokio::select! {
            // A tree that gave up decides the exit code, whatever else has come meanwhile.
            biased;
            _ = runtime.tree_ended() => return UpTo::TreeEnded,
            order = orders.next() => match order {
                Some(Order::Stop(name) | Order::Hurry(name)) => return UpTo::Signal(name),
                Some(Order::Reload) => reload(),
                None => return UpTo::NobodyListens,
            },
            done = &mut main => {
                return done.map_or_else(UpTo::MainPanicked, UpTo::MainEnded);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reloads_leave_room_for_the_orders_that_end_the_run() {
        let (sender, mut orders) = orders();
        (0..100).for_each(|_| sender.give(Order::Reload));
        sender.give(Order::Stop("SIGTERM"));
        sender.give(Order::Hurry("SIGINT"));
        let waiting: Vec<_> = std::iter::from_fn(|| orders.0.try_recv().ok()).collect();
        assert_eq!(waiting.len(), ROOM);
        assert_eq!(waiting[ROOM - 2..], [Order::Stop("SIGTERM"), Order::Hurry("SIGINT")]);
    }

    #[test]
    fn a_node_that_stops_is_hurried_by_any_order_but_a_reload() {
        let (sender, mut orders) = orders();
        sender.give(Order::Reload);
        assert_eq!(orders.stop().now_or_never(), None);
        for order in [Order::Stop("SIGTERM"), Order::Hurry("SIGTERM")] {
            sender.give(order);
            assert_eq!(orders.stop().now_or_never(), Some(()));
        }
        drop(sender);
        assert_eq!(orders.stop().now_or_never(), None, "nobody hurries it any more");
    }
}
