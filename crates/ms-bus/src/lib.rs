//! The event bus. Publishers and subscribers do not know each other: an event is published under a
//! subject, and a subscription names the subjects it wants.
//!
//! This crate owns typed events and their headers, subjects with wildcards, queue groups,
//! partitions by key, bounded buffers between publisher and subscriber, request and reply, and
//! the counts of what happened to each event. It does *not* leave the process: a [`Transport`]
//! does, behind the same client. It stores no event: a subscriber that is not there does not get
//! it later.
//!
//! `ms-router` sends messages by their type, straight into the mailboxes of actors that are wired
//! up by one program. Here subjects are data, the types may differ on both sides, each slow
//! subscriber has a buffer of its own, and the other side may be another process.
//!
//! The way of an event: [`Producer::publish`] gives it a header and passes it to the transport
//! (`transport.rs`). Within one process that is [`Local::deliver`] (`local.rs`), which looks into
//! the published table (`table.rs`, `logic/`), chooses the members of queue groups, and puts the
//! event into the queue of each subscriber (`queue.rs`), all in the publisher's own task. A
//! subscriber has one queue, whatever the number of its subscriptions, so that events reach it in
//! the order they were published. An actor (`outlet.rs`) empties the queue: it asks the
//! subscriber (`sink.rs`) to handle one event after the other. The bus actor (`actor.rs`) is not
//! on that way; it only changes the table.
//!
//! ```
//! use std::time::Duration;
//! use actix::prelude::*;
//! use ms_actor::Context;
//! use ms_bus::{BusConfig, Delivery, Event, EventBus, Request};
//! use ms_supervisor::SupervisorSpec;
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
//!     t.start(SupervisorSpec::one_for_one("root").child(bus.child("event-bus"))).await;
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
mod config;
mod error;
mod event;
mod feed;
mod handle;
mod interest;
mod links;
mod local;
mod log;
mod logic;
mod messages;
mod meters;
mod outlet;
mod ownership;
mod parts;
mod payload;
mod producer;
mod queue;
mod reply;
#[cfg(feature = "config")]
pub mod section;
mod sink;
mod state;
mod subscribe;
mod subscription;
mod table;
mod transport;

pub use bus::EventBus;
pub use config::BusConfig;
pub use error::{PayloadError, PublishError, Refusal, RequestError, SubscribeError};
pub use event::{AnyEvent, Delivery, Event, EventId, Header, Request};
pub use feed::{Feed, OpenFeed};
pub use handle::BusClient;
pub use interest::Interest;
pub use local::{Local, Published};
pub use logic::partition::Partition;
pub use meters::{BusStats, Counts, SubscriptionStats};
pub(crate) use ms_core::subject;
pub use ms_core::subject::{Filter, MAX_BYTES, MAX_TOKENS, Subject, SubjectError};
pub use payload::Payload;
pub use producer::Producer;
pub use reply::Replies;
pub use subscribe::Subscribe;
pub use subscription::Subscription;
pub use transport::{InProcess, Transport};
