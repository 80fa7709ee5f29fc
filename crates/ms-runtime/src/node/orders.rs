//! The node's thread: the orders it gets, and what ends the time in which its tree is up.

use std::any::Any;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::pin;

use futures_util::FutureExt;
use tokio::sync::mpsc;

use super::logic::process::Order;
use super::outcome::MainResult;
use super::runtime::Runtime;

/// Orders that may wait: more of them say nothing new.
const ROOM: usize = 16;
/// The part of it that reloads leave free: however many wait at a node that is busy, the two
/// orders that end the run find room.
const ROOM_TO_STOP: usize = 2;

/// Where the process gives its orders.
#[derive(Debug)]
pub(super) struct OrderSender(mpsc::Sender<Order>);

impl OrderSender {
    /// Gives an order. Never waits: a node that is done, or has orders enough, needs no more.
    pub(super) fn give(&self, order: Order) {
        if order == Order::Reload && self.0.capacity() <= ROOM_TO_STOP {
            return tracing::warn!("the node is busy: a reload is passed over");
        }
        // It may have reported meanwhile.
        let _ = self.0.try_send(order);
    }
}

/// The orders of the process, as its node takes them.
#[derive(Debug)]
pub(crate) struct Orders(mpsc::Receiver<Order>);

/// Returns both ends of a line of orders.
pub(super) fn orders() -> (OrderSender, Orders) {
    let (sender, receiver) = mpsc::channel(ROOM);
    (OrderSender(sender), Orders(receiver))
}

impl Orders {
    /// Waits for the next one; `None` when nobody gives any more. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Order> {
        self.0.recv().await
    }

    /// Waits for the next one that stops the node, in order or at once. To a node that stops
    /// already either means that what is left is to be killed, so that a first signal cuts short
    /// a stop that the node began by itself. Never resolves when nobody gives any more.
    /// Cancel-safe.
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

/// What ended the time in which a tree was up.
pub(crate) enum UpTo {
    /// Its own end.
    TreeEnded,
    /// A signal, by name.
    Signal(&'static str),
    /// The process does not listen any more.
    NobodyListens,
    /// The end of the program's main future.
    MainEnded(MainResult),
    /// A panic of it.
    MainPanicked(Box<dyn Any + Send>),
}

/// Waits until a tree ends, is to be stopped, or the program's main future has ended, which is
/// dropped in the other cases.
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
