//! Messages to all actors that subscribed to their type.

use std::time::Instant;

use crate::peer::Publishes;
use crate::sample::{Measured, Sample, Threads, scaled};
use crate::workloads::fan_out::{assert_all_counted, counters};
use crate::workloads::{Figure, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) actors: u64,
    pub(crate) rounds: u64,
}

pub(crate) const WORKLOAD: Workload = Workload {
    name: "publish",
    about: "1,000 messages published to 1,000 actors that take them, whom the sender does not name; \
            one thread, a yield after each",
    figures: &[Figure { name: "deliveries", unit: Unit::Rate, goals: &[] }],
    job: |scale| Job::Publish(Size { actors: 1000, rounds: scaled(1000, scale, 10) }),
    rounds: 10,
};

pub(crate) fn measure<P: Publishes>(size: Size) -> Sample {
    let rate = P::run(Threads::One, async |peer: &P| {
        let counters = counters(peer, size.actors).await;
        let topic = peer.subscribe(&counters).await;
        publish(peer, &topic, size.rounds / 10).await;
        let began = Instant::now();
        publish(peer, &topic, size.rounds).await;
        assert_all_counted::<P>(&counters, size.rounds / 10 + size.rounds).await;
        super::rate(size.actors * size.rounds, began.elapsed())
    });
    Ok(Measured::one(rate))
}

async fn publish<P: Publishes>(peer: &P, topic: &P::Topic, rounds: u64) {
    for round in 0..rounds {
        peer.publish(topic, round).await;
        // Sender and actors share the thread. Without this no actor would run before the last round.
        tokio::task::yield_now().await;
    }
}
