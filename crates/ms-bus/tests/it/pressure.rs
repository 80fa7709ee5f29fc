//! Slow subscribers: bounded, counted, and nobody else's trouble.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::{SECOND, balanced, numbers, order, probe, settle, slow, with_bus};
use ms_actor::{MailboxSpec, Overflow};
use ms_bus::Refusal;

const HOUR: Duration = Duration::from_secs(3600);

/// S7.1-19: whatever the policy, a slow subscriber has so many events and no more, what it did
/// not get is counted, and the others have all of them at once.
#[test]
fn s7_1_19_a_slow_subscriber_is_bounded_and_counted_and_harms_nobody() {
    for policy in [Overflow::Block, Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest] {
        with_bus(async |t, bus, _| {
            let client = bus.client();
            let mailbox = MailboxSpec::default();
            let behind = slow(t.node(), "slow", &client, SECOND, mailbox);
            let slow = client
                .subscribe(behind.reference.port::<ms_bus::Delivery<common::Order>>())
                .buffer(10, policy)
                .await
                .unwrap();
            let quick = probe(t, "quick");
            let _quick = client.subscribe(quick.port()).await.unwrap();
            let mut shop = client.producer("shop");
            let mut refused = 0;
            for n in 0..100 {
                let published = shop.publish(order(n)).unwrap();
                refused += published.refused.len() as u64;
                for (path, why) in published.refused {
                    assert_eq!(path.as_str(), "/root/slow");
                    assert_eq!(why, Refusal::Full { capacity: 10 });
                }
                settle().await;
            }
            let all: Vec<u64> = (0..100).collect();
            assert_eq!(numbers(&quick.expect_many(100, SECOND).await), all, "{policy:?}");
            let stats = client.stats();
            balanced(&stats);
            let of = &stats.subscriptions[0];
            assert_eq!(of.id, slow.id());
            let counts = of.counts;
            let handled = counts.handled;
            assert!(counts.pending <= 11 && handled <= 1, "{policy:?}: {counts:?}");
            match policy {
                Overflow::Block | Overflow::Reject => {
                    assert_eq!((counts.refused, counts.dropped), (refused, 0), "{policy:?}");
                    assert_eq!(counts.accepted + counts.refused, 100);
                    assert!(refused >= 88, "{policy:?}: {refused}");
                }
                Overflow::DropNewest | Overflow::DropOldest => {
                    assert_eq!((counts.refused, refused, counts.accepted), (0, 0, 100));
                    assert_eq!(counts.dropped + counts.pending + handled, 100, "{policy:?}");
                }
            }
            t.advance(Duration::from_secs(60)).await;
            let stats = client.stats();
            assert_eq!(stats.counts.pending, 0, "it comes after in the end");
            balanced(&stats);
        });
    }
}

/// S7.1-19: a publisher that waits is slowed to the pace of the slowest that blocks; all of it
/// arrives, and the others have each event before anybody is waited for.
#[test]
fn s7_1_19_a_publisher_that_waits_loses_nothing() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let behind = slow(t.node(), "slow", &client, SECOND, MailboxSpec::default());
        let port = behind.reference.port::<ms_bus::Delivery<common::Order>>();
        let _slow = client.subscribe(port).buffer(2, Overflow::Block).await.unwrap();
        let quick = probe(t, "quick");
        let _quick = client.subscribe(quick.port()).await.unwrap();
        let mut shop = client.within(HOUR).producer("shop");
        let began = t.node().now();
        for n in 0..20 {
            let published = shop.publish_waiting(order(n)).await.unwrap();
            assert_eq!(published.accepted, 2);
        }
        let took = t.node().now().since(began).as_secs();
        assert!((16..=20).contains(&took), "{took} s for 20 events of 1 s each");
        t.advance(Duration::from_secs(10)).await;
        let stats = client.stats();
        assert_eq!(stats.counts.handled, 40);
        assert_eq!(numbers(&quick.expect_many(20, SECOND).await), (0..20).collect::<Vec<_>>());
    });
}

/// Every wait has a deadline, and who was waited for is named.
#[test]
fn a_wait_for_room_ends_at_the_deadline() {
    with_bus(async |t, bus, _| {
        let client = bus.client().within(SECOND);
        let stuck = probe(t, "stuck");
        stuck.any().suspend();
        let _stuck = client.subscribe(stuck.port()).buffer(1, Overflow::Block).await.unwrap();
        let mut shop = client.producer("shop");
        for n in 0..2 {
            assert_eq!(shop.publish_waiting(order(n)).await.unwrap().accepted, 1);
            settle().await;
        }
        let late = shop.publish_waiting(order(2)).await.unwrap();
        assert_eq!((late.matched, late.accepted), (1, 0));
        assert_eq!(late.refused[0].1, Refusal::TimedOut { within: SECOND });
        assert_eq!(client.stats().counts.refused, 1);
    });
}

/// S7.4-01: the backlog is readable, exactly, at any time.
#[test]
fn s7_4_01_the_backlog_is_readable() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let stuck = probe(t, "stuck");
        stuck.any().suspend();
        let _stuck = client.subscribe(stuck.port()).await.unwrap();
        let mut shop = client.producer("shop");
        for n in 1..=50 {
            let _ = shop.publish(order(n)).unwrap();
            settle().await;
            assert_eq!(client.stats().counts.pending, n);
        }
        stuck.any().resume();
        stuck.expect_many(50, SECOND).await;
        settle().await;
        assert_eq!(client.stats().counts.pending, 0);
    });
}

/// A subscriber whose own mailbox refuses is tried again: nothing is lost by it.
#[test]
fn a_subscriber_that_refuses_mail_is_tried_again() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let tiny = MailboxSpec::bounded(1).overflow(Overflow::Reject);
        let busy = slow(t.node(), "busy", &client, SECOND, tiny);
        let port = busy.reference.port::<ms_bus::Delivery<common::Order>>();
        let _busy = client.subscribe(port.clone()).await.unwrap();
        // Somebody else keeps its mailbox full.
        let mut other = client.producer("other");
        let _also = client.subscribe(port).to("orders.us.placed").await.unwrap();
        for n in 0..10 {
            let us = common::Order { region: "us".to_owned(), ..order(n) };
            assert_eq!(other.publish(us).unwrap().accepted, 2);
        }
        t.advance(Duration::from_secs(60)).await;
        let stats = client.stats();
        assert_eq!((stats.counts.handled, stats.counts.lost), (20, 0), "{stats:?}");
    });
}

/// An event that takes longer than its subscription grants is counted as lost, and the next
/// one is given.
#[test]
fn an_event_that_takes_too_long_is_counted_and_passed_over() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let behind = slow(t.node(), "slow", &client, HOUR, MailboxSpec::default());
        let port = behind.reference.port::<ms_bus::Delivery<common::Order>>();
        let _slow = client.subscribe(port).handled_within(SECOND).await.unwrap();
        let mut shop = client.producer("shop");
        for n in 0..3 {
            let _ = shop.publish(order(n)).unwrap();
        }
        t.advance(Duration::from_secs(4)).await;
        let counts = client.stats().counts;
        assert_eq!((counts.lost, counts.pending), (3, 0));
    });
}
