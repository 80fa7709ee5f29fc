//! Events by subject: publishers do not know their subscribers.
//!
//! ```text
//! kitchen: table 4 wants soup
//! 4 delivered, 0 refused
//! nobody wants events on hall.doors.opened
//! table 4 pays 7
//! while the kitchen is shut: 3 delivered
//! books: 2 orders, 0 dropped, 0 lost
//! the door heard of tables 4 5
//! on record: hall.table-4.ordered hall.table-5.ordered
//! ```
#![allow(clippy::print_stdout, reason = "an example")]

use std::borrow::Cow;
use std::time::Duration;

use actix::prelude::*;
use ms_framework::bus::{AnyEvent, Delivery, Event, OpenFeed, Request};
use ms_framework::prelude::{
    BusConfig, ChildSpec, Context, ControlEndpoint, EventBus, Outcome, RunConfig, RunError,
    SupervisorSpec, run_with,
};
use serde::{Deserialize, Serialize};

/// Published on `hall.TABLE.ordered`.
#[derive(Serialize, Deserialize)]
struct Ordered {
    table: u32,
    dish: String,
}

impl Event for Ordered {
    const SUBJECT: &'static str = "hall.*.ordered";
    fn subject(&self) -> Cow<'static, str> {
        format!("hall.table-{}.ordered", self.table).into()
    }
}

#[derive(Serialize, Deserialize)]
struct Doors;

impl Event for Doors {
    const SUBJECT: &'static str = "hall.doors.opened";
}

/// Asked, and answered with a sum.
#[derive(Serialize, Deserialize)]
struct Bill {
    table: u32,
}

impl Event for Bill {
    const SUBJECT: &'static str = "books.bill";
}

impl Request for Bill {
    type Reply = u32;
}

struct Kitchen;

impl Actor for Kitchen {
    type Context = Context<Self>;
}

impl Handler<Delivery<Ordered>> for Kitchen {
    type Result = ();
    fn handle(&mut self, order: Delivery<Ordered>, _: &mut Self::Context) {
        println!("kitchen: table {} wants {}", order.event.table, order.event.dish);
    }
}

#[derive(Default)]
struct Books {
    orders: u32,
}

impl Actor for Books {
    type Context = Context<Self>;
}

impl Handler<Delivery<Ordered>> for Books {
    type Result = ();
    fn handle(&mut self, _: Delivery<Ordered>, _: &mut Self::Context) {
        self.orders += 1;
    }
}

impl Handler<Delivery<Bill>> for Books {
    type Result = ();
    fn handle(&mut self, asked: Delivery<Bill>, _: &mut Self::Context) {
        asked.reply(7 * self.orders);
    }
}

/// Gets the events of a subject, whatever their types.
#[derive(Default)]
struct Record(Vec<String>);

impl Actor for Record {
    type Context = Context<Self>;
}

impl Handler<AnyEvent> for Record {
    type Result = ();
    fn handle(&mut self, event: AnyEvent, _: &mut Self::Context) {
        self.0.push(event.header.subject.to_string());
    }
}

#[derive(Message)]
#[rtype(result = "Vec<String>")]
struct Read;

impl Handler<Read> for Record {
    type Result = Vec<String>;
    fn handle(&mut self, _: Read, _: &mut Self::Context) -> Vec<String> {
        self.0.clone()
    }
}

/// Returns the tables of the next events, for code that is not an actor.
async fn tables(feed: &mut OpenFeed<Delivery<Ordered>>, count: usize) -> String {
    let mut tables = Vec::new();
    while tables.len() < count
        && let Some(order) = feed.next().await
    {
        tables.push(order.event.table.to_string());
    }
    tables.join(" ")
}

fn main() -> Result<Outcome, RunError> {
    let bus = EventBus::new(BusConfig::default());
    let tree = SupervisorSpec::one_for_one("root")
        .child(bus.child("event-bus"))
        .child(ChildSpec::actor("kitchen", || Kitchen))
        .child(ChildSpec::actor("books", Books::default))
        .child(ChildSpec::actor("record", Record::default));
    run_with(
        RunConfig::new("bus").control(ControlEndpoint::Off),
        |_| tree,
        async move |runtime| {
            let (root, bus) = (runtime.root(), bus.client());
            let kitchen = root.get::<Kitchen>("kitchen").await?;
            let books = root.get::<Books>("books").await?;
            // A subscription ends with its handle, unless it is kept: then with its subscriber.
            let cooking = bus.subscribe(kitchen.port::<Delivery<Ordered>>()).await?;
            bus.subscribe(books.port::<Delivery<Ordered>>()).await?.keep();
            bus.subscribe(books.port::<Delivery<Bill>>()).await?.keep();
            let record = root.get::<Record>("record").await?;
            bus.subscribe_any(record.port()).to("hall.*.ordered").await?.keep();
            let mut door = bus.feed::<Ordered>().open().await?;

            let mut waiter = bus.producer("waiter");
            let sent = waiter.publish(Ordered { table: 4, dish: "soup".to_owned() })?;
            // The request is sent after the order, so its answer comes after it.
            let sum = waiter.request(Bill { table: 4 }, Duration::from_secs(5)).await?;
            while bus.stats().counts.pending > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            println!("{} delivered, {} refused", sent.accepted, sent.refused.len());
            if waiter.publish(Doors)?.matched == 0 {
                println!("nobody wants events on {}", Doors::SUBJECT);
            }
            println!("table 4 pays {sum}");
            cooking.end();
            let sent = waiter.publish(Ordered { table: 5, dish: "cake".to_owned() })?;
            println!("while the kitchen is shut: {} delivered", sent.accepted);
            let sum = waiter.request(Bill { table: 5 }, Duration::from_secs(5)).await?;
            let counts = bus.stats().counts;
            println!(
                "books: {} orders, {} dropped, {} lost",
                *sum / 7,
                counts.dropped,
                counts.lost
            );
            println!("the door heard of tables {}", tables(&mut door, 2).await);
            while bus.stats().counts.pending > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            println!("on record: {}", record.ask(Read).await?.join(" "));
            Ok(())
        },
    )
}
