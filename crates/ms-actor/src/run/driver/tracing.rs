//! What a trace reports of a message.

use std::sync::atomic::Ordering;

use actix::Actor;
use ms_core::view::TraceLine;

use crate::run::context::Context;
use crate::run::driver::state::Run;

impl<A: Actor<Context = Context<A>>> Run<A> {
    pub(super) fn trace_line(
        &mut self,
        message: &'static str,
        waited: Option<u64>,
        took_us: Option<u64>,
    ) {
        let core = &self.cell.core;
        let Some(order) = &mut self.trace else { return };
        let line = TraceLine {
            at_us: core.node.now().as_nanos() / 1_000,
            path: core.path.clone(),
            message: message.to_owned(),
            waited_us: waited.map(|nanos| nanos / 1_000),
            took_us,
        };
        order.left -= 1;
        let sent = order.lines.try_send(line).is_ok();
        if !sent || order.left == 0 || tokio::time::Instant::now() >= order.until {
            self.end_trace();
        }
    }

    pub(super) fn end_trace(&mut self) {
        self.trace = None;
        self.cell.core.traced.store(false, Ordering::Release);
    }
}
