//! What a user of the framework has outside of its workspace: an event, who publishes it and who
//! hears of it.

use actix::prelude::*;
use ms_actor::Context;
use ms_bus::{Delivery, Event, Producer};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Message)]
#[rtype(result = "()")]
pub struct TestEvent {
    pub id: u64,
    pub payload: String,
}

impl Event for TestEvent {
    const SUBJECT: &'static str = "test.event";
}

/// Has so many events published.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Produce(pub u64);

pub struct TestEventProducer(pub Producer);

impl Actor for TestEventProducer {
    type Context = Context<Self>;
}

impl Handler<Produce> for TestEventProducer {
    type Result = ();

    fn handle(&mut self, Produce(count): Produce, _: &mut Self::Context) {
        for id in 0..count {
            let event = TestEvent { id, payload: format!("event {id}") };
            let sent = self.0.publish(event).expect("the bus takes it");
            assert_eq!(sent.accepted, 1, "the consumer");
        }
    }
}

/// Told of what was heard: `(received_count, get_received_events)`.
#[derive(Message)]
#[rtype(result = "(usize, Vec<TestEvent>)")]
pub struct Received;

#[derive(Default)]
pub struct TestEventConsumer(Vec<TestEvent>);

impl Actor for TestEventConsumer {
    type Context = Context<Self>;
}

impl Handler<Delivery<TestEvent>> for TestEventConsumer {
    type Result = ();

    fn handle(&mut self, heard: Delivery<TestEvent>, _: &mut Self::Context) {
        self.0.push(TestEvent::clone(&heard.event));
    }
}

impl Handler<Received> for TestEventConsumer {
    type Result = MessageResult<Received>;

    fn handle(&mut self, _: Received, _: &mut Self::Context) -> Self::Result {
        MessageResult((self.0.len(), self.0.clone()))
    }
}
