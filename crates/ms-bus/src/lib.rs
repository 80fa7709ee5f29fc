//! The event bus: who has something to say publishes it under a subject, who wants it
//! subscribes, and neither knows the other.
//!
//! It owns typed events and their headers, subjects with wildcards, queue groups, partitions by
//! key, bounded buffers between publisher and subscriber, request and reply, and the counts of
//! what became of each event. It does *not* leave the process: what does implements
//! [`Transport`], behind the same client. It keeps no event: who was not there did not get it.
//!
//! `ms-router` sends messages by their type to actors that are part of one program's wiring,
//! straight into their mailboxes; here subjects are data, types may differ on both sides, a
//! subscriber that is behind has a buffer of its own, and the other side may be another process.
//!
//! The way of an event: [`Producer::publish`] gives it a header and hands it to the transport
//! (`transport.rs`); in one process that is [`Local::deliver`] (`local.rs`), which looks at the
//! published table (`table.rs`, `trie.rs`, `partition.rs`), chooses, and puts the event into
//! the queue of each subscriber (`queue.rs`, `order.rs`), all in the publisher. There is one
//! queue for each subscriber, whatever the number of its subscriptions, so that events reach it
//! in the order they were published. An actor (`outlet.rs`) empties it: it asks the subscriber
//! (`sink.rs`) to handle one event after the other.
//! The [`EventBusActor`] (`actor.rs`) is no hop on that way: it changes the table.
//!
//! ```
//! use std::time::Duration;
//! use actix::prelude::*;
//! use ms_actor::Context;
//! use ms_bus::{BusConfig, Delivery, Event, EventBus, Request};
//! use ms_supervisor::Supervisor;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Price { article: String }
//! impl Event for Price {
//!     const SUBJECT: &'static str = "prices.asked";
//! }
//! impl Request for Price {
//!     type Reply = u32;
//! }
//!
//! struct Shop;
//! impl Actor for Shop {
//!     type Context = Context<Self>;
//! }
//! impl Handler<Delivery<Price>> for Shop {
//!     type Result = ();
//!     fn handle(&mut self, asked: Delivery<Price>, _: &mut Context<Self>) {
//!         asked.reply(asked.event.article.len() as u32);
//!     }
//! }
//!
//! ms_testkit::TestSystem::run(async |t| {
//!     let bus = EventBus::new(BusConfig::default());
//!     t.start(Supervisor::one_for_one("root").child(bus.child("event-bus"))).await;
//!     let shop = t.actor("shop", Shop).await.unwrap();
//!     let subscription = bus.client().subscribe(shop.port::<Delivery<Price>>()).await.unwrap();
//!
//!     let mut me = bus.client().producer("customer");
//!     let asked = me.request(Price { article: "tea".into() }, Duration::from_secs(1));
//!     assert_eq!(*asked.await.unwrap(), 3);
//!     subscription.end();
//!     let published = me.publish(Price { article: "tea".into() }).unwrap();
//!     assert_eq!(published.matched, 0);
//! });
//! ```
//!
//! Start reading at `bus.rs`, then `local.rs` and `actor.rs`. `docs/bus.md` is the manual.

mod actor;
mod bus;
mod client;
mod error;
mod event;
mod feed;
mod local;
mod log;
mod meters;
mod order;
mod outlet;
mod partition;
mod payload;
mod producer;
mod queue;
mod rate;
mod sink;
mod subscribe;
mod table;
mod tenure;
mod transport;
mod trie;

pub use actor::EventBusActor;
pub use bus::{BusConfig, EventBus};
pub use client::BusClient;
pub use error::{PayloadError, PublishError, RequestError, SubscribeError};
pub use event::{Delivery, Event, EventId, Header, Request};
pub use feed::{Feed, OpenFeed};
pub use local::{Local, Published, Refusal};
pub use log::LogActor;
pub use meters::{BusStats, Counts, SubscriptionStats};
pub(crate) use ms_core::subject;
pub use ms_core::subject::{Filter, MAX_BYTES, MAX_TOKENS, Subject, SubjectError};
pub use partition::Partition;
pub use payload::{AnyEvent, Payload, Replies};
pub use producer::Producer;
pub use subscribe::{Subscribe, Subscription};
pub use transport::{InProcess, Interest, Transport};
