//! The messages of the bus actor and of its outlets.

use std::sync::Arc;

use actix::Message;

use crate::error::SubscribeError;
use crate::queue::Buffer;
use crate::sink::Sink;
use crate::subject::Filter;
use crate::subscription::Offer;

/// Asks the bus actor for a subscription.
pub(crate) struct NewSubscription {
    pub(crate) filter: Filter,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) buffer: Buffer,
}

impl Message for NewSubscription {
    type Result = Result<Offer, SubscribeError>;
}

/// Tells the bus actor that the subscription of this number has ended.
pub(crate) struct Unsubscribe(pub(crate) u64);

impl Message for Unsubscribe {
    type Result = ();
}

/// Tells an outlet that its queue is no longer empty.
pub(crate) struct Wake;

impl Message for Wake {
    type Result = ();
}
