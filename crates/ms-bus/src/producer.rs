//! Publishing.

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::timeout;
use uuid::Uuid;

use crate::client::{BusClient, Shared};
use crate::error::{PublishError, RequestError};
use crate::event::{Event, EventId, Header, Request};
use crate::local::{Local, Published};
use crate::partition::partition_of;
use crate::payload::{AnyEvent, FirstReply, Payload, Replies};
use crate::subject::{Filter, Subject};

/// Publishes events under a name, numbered.
///
/// Events of one producer reach a subscriber in the order they were published, over all its
/// subscriptions, which is why publishing takes `&mut self`: there is one order. An actor that restarts makes a new
/// one; [`Header::life`] tells them apart.
pub struct Producer {
    bus: BusClient,
    name: Arc<str>,
    life: Uuid,
    sequence: u64,
    cause: Option<EventId>,
    /// The subject published on last: most producers have one.
    last: Option<(Subject, &'static str)>,
}

impl Producer {
    pub(crate) fn new(bus: BusClient, name: Arc<str>) -> Self {
        Self { bus, name, life: Uuid::now_v7(), sequence: 0, cause: None, last: None }
    }

    /// The events published from now on, until told otherwise, are told to be led to by this one.
    pub fn caused_by(&mut self, cause: Option<EventId>) -> &mut Self {
        self.cause = cause;
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of its latest event; 0 before the first.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Publishes without waiting, and says who has it in the buffer and who refused it. A full
    /// buffer that blocks refuses here.
    ///
    /// # Errors
    /// [`PublishError`]: its subject is none, or not one of its type. Nobody got it then.
    pub fn publish<E: Event>(&mut self, event: E) -> Result<Published, PublishError> {
        let event = self.wrap(event, None)?;
        Ok(self.send(&event))
    }

    /// As [`Producer::publish`], waiting for room in buffers that block, at most the client's
    /// deadline.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropped before it is done, those it waited for do not get the event.
    pub async fn publish_waiting<E: Event>(&mut self, event: E) -> Result<Published, PublishError> {
        let event = self.wrap(event, None)?;
        let shared = self.shared();
        let local = Local(Arc::clone(shared));
        let published = shared.transport.send_waiting(&event, &local, self.bus.within).await;
        count(shared, &published);
        Ok(published)
    }

    /// Publishes at once, and waits for the first answer. Who waits does not hold the producer.
    ///
    /// # Errors
    /// [`RequestError`]: nobody there, nobody took it, nobody answered, no answer in time.
    pub fn request<E: Request>(
        &mut self,
        event: E,
        within: Duration,
    ) -> impl Future<Output = Result<Arc<E::Reply>, RequestError>> + Send + use<E> {
        let (first, told) = FirstReply::new();
        let sent = self.wrap(event, Some(first)).map(|event| {
            let published = self.send(&event);
            (event.header.subject.clone(), published)
        });
        async move {
            let (subject, published) = sent?;
            match (published.matched, published.accepted) {
                (0, _) => return Err(RequestError::NoResponders { subject }),
                (matched, 0) => return Err(RequestError::NotTaken { subject, matched }),
                _ => {}
            }
            match timeout(within, told).await {
                Ok(Ok(answer)) => answer.read().map_err(RequestError::Reply),
                Ok(Err(_)) => Err(RequestError::NoReply { subject }),
                Err(_) => Err(RequestError::TimedOut { subject, within }),
            }
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.bus.shared
    }

    fn send(&self, event: &AnyEvent) -> Published {
        let shared = self.shared();
        let published = shared.transport.send(event, &Local(Arc::clone(shared)));
        count(shared, &published);
        published
    }

    /// Gives an event its header. A number is used up only by what is published.
    fn wrap<E: Event>(
        &mut self,
        event: E,
        replies: Option<Arc<FirstReply>>,
    ) -> Result<AnyEvent, PublishError> {
        let subject = self.subject_of(&event)?;
        let key: Option<Arc<str>> = event.key().map(Arc::from);
        let shared = &self.bus.shared;
        let partition = key.as_ref().map(|key| partition_of(key, shared.config.partitions));
        let unix_ms = (shared.clock)();
        self.sequence += 1;
        let header = Header {
            id: EventId::of(unix_ms, self.life.as_u128(), self.sequence),
            subject,
            producer: Arc::clone(&self.name),
            life: self.life,
            sequence: self.sequence,
            unix_ms,
            cause: self.cause,
            key,
            partition,
        };
        let replies = replies.map(|first| first as Arc<dyn Replies>);
        Ok(AnyEvent { header: Arc::new(header), payload: Payload::of(event), replies })
    }

    fn subject_of<E: Event>(&mut self, event: &E) -> Result<Subject, PublishError> {
        let text: Cow<'static, str> = event.subject();
        if let Some((last, of_type)) = &self.last
            && *of_type == E::SUBJECT
            && last.as_str() == text
        {
            return Ok(last.clone());
        }
        let name = type_name::<E>();
        let no_subject = |source| PublishError::Subject { event: name, source };
        let subject = Subject::new(&text).map_err(no_subject)?;
        let of_type = Filter::new(E::SUBJECT).map_err(no_subject)?;
        if !of_type.matches(&subject) {
            return Err(PublishError::OutsideType { event: name, subject, of_type });
        }
        self.last = Some((subject.clone(), E::SUBJECT));
        Ok(subject)
    }
}

fn count(shared: &Shared, published: &Published) {
    shared.totals.published.fetch_add(1, Relaxed);
    if published.matched == 0 {
        shared.totals.unmatched.fetch_add(1, Relaxed);
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("name", &self.name)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}
