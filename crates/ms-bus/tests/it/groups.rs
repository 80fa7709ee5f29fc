//! Queue groups and partitions.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use crate::common;

use std::collections::BTreeMap;

use common::{SECOND, numbers, order, order_of, probe, settle, with_bus};
use ms_actor::Overflow;

/// S8.2-03: fan-out to those outside a group, one of each group; without a key in turn.
#[test]
fn s8_2_03_each_event_goes_to_one_member_of_each_group_in_turn() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let (a, b, c, watcher) = (probe(t, "a"), probe(t, "b"), probe(t, "c"), probe(t, "watcher"));
        let _a = client.subscribe(a.port()).group("billing").await.unwrap();
        // Members of one group may want different subjects.
        let _b = client.subscribe(b.port()).to("orders.>").group("billing").await.unwrap();
        let _c = client.subscribe(c.port()).group("audit").await.unwrap();
        let _watcher = client.subscribe(watcher.port()).await.unwrap();
        let mut shop = client.producer("shop");
        for n in 0..10 {
            assert_eq!(shop.publish(order(n)).unwrap().matched, 3, "two groups and one alone");
        }
        let all: Vec<u64> = (0..10).collect();
        assert_eq!(numbers(&c.expect_many(10, SECOND).await), all);
        assert_eq!(numbers(&watcher.expect_many(10, SECOND).await), all);
        let (of_a, of_b) =
            (numbers(&a.expect_many(5, SECOND).await), numbers(&b.expect_many(5, SECOND).await));
        let mut both = [of_a, of_b].concat();
        both.sort_unstable();
        assert_eq!(both, all, "each once");
    });
}

/// S8.2-03: without a key, one that is full is passed over.
#[test]
fn s8_2_03_a_full_member_is_passed_over() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let (stuck, free) = (probe(t, "stuck"), probe(t, "free"));
        let group = |one: &ms_testkit::Probe<_>| {
            client.subscribe(one.port()).group("billing").buffer(2, Overflow::Reject)
        };
        let (_a, _b) = (group(&stuck).await.unwrap(), group(&free).await.unwrap());
        stuck.any().suspend();
        let mut shop = client.producer("shop");
        for n in 0..20 {
            assert_eq!(shop.publish(order(n)).unwrap().accepted, 1, "event {n}");
            settle().await;
        }
        // One in hand and two that wait are with the one that is stuck.
        assert_eq!(free.expect_many(17, SECOND).await.len(), 17);
        assert_eq!(client.stats().counts.refused, 0, "nothing was refused in the end");
    });
}

/// S9.1-03: the same key goes to the same partition and the same member; when one member goes,
/// only its keys move.
#[test]
fn s9_1_03_the_same_key_goes_to_the_same_member() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let members: Vec<_> = (0..3).map(|n| probe(t, &format!("m{n}"))).collect();
        let mut held = Vec::new();
        for member in &members {
            held.push(client.subscribe(member.port()).group("billing").await.unwrap());
        }
        let mut shop = client.producer("shop");
        let mut owners: Vec<BTreeMap<String, usize>> = Vec::new();
        let mut partitions = BTreeMap::new();
        for round in 0..3 {
            if round == 2 {
                held.pop();
                settle().await;
            }
            for n in 0..90 {
                let customer = format!("customer-{}", n % 30);
                assert_eq!(shop.publish(order_of(&customer, n)).unwrap().accepted, 1);
            }
            settle().await;
            let mut owner = BTreeMap::new();
            for (at, member) in members.iter().enumerate() {
                let mut last = BTreeMap::new();
                while let Some(got) = member.next(std::time::Duration::from_millis(1)).await {
                    let got = got.message;
                    let header = &got.header;
                    let key = header.key.as_deref().unwrap().to_owned();
                    let partition = header.partition.expect("events with a key have one");
                    assert!(partition < 64, "{partition}");
                    assert_eq!(*partitions.entry(key.clone()).or_insert(partition), partition);
                    assert_eq!(*owner.entry(key.clone()).or_insert(at), at, "{key} moved");
                    let before = last.insert(key, got.event.number);
                    assert!(before < Some(got.event.number), "in order");
                }
            }
            assert_eq!(owner.len(), 30);
            owners.push(owner);
        }
        assert_eq!(owners[0], owners[1]);
        for (key, owner) in &owners[1] {
            let now = owners[2][key];
            assert!(now == *owner || *owner == 2, "{key} moved from {owner} to {now}");
            assert_ne!(now, 2);
        }
        assert!(owners[0].values().any(|owner| *owner == 2), "the one that went had keys");
    });
}

/// A member that is full keeps its keys: another one would break their order.
#[test]
fn an_event_with_a_key_is_refused_rather_than_moved() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let members = [probe(t, "a"), probe(t, "b")];
        let mut held = Vec::new();
        for member in &members {
            member.any().suspend();
            let group = client.subscribe(member.port()).group("g").buffer(1, Overflow::Reject);
            held.push(group.await.unwrap());
        }
        let mut shop = client.producer("shop");
        let mut accepted = Vec::new();
        for n in 0..4 {
            accepted.push(shop.publish(order_of("ann", n)).unwrap().accepted);
            settle().await;
        }
        assert_eq!(accepted, [1, 1, 0, 0], "one in hand, one waits, the rest is refused");
        assert_eq!(client.stats().counts.refused, 2);
    });
}
