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

use crate::error::{PublishError, RequestError};
use crate::event::{AnyEvent, Event, EventId, Header, Request};
use crate::local::{Local, Published};
use crate::logic::partition::partition_of;
use crate::parts::Parts;
use crate::payload::Payload;
use crate::reply::{FirstReply, Replies};
use crate::state::Shared;
use crate::subject::{Filter, Subject};

/// Publishes numbered events under a name.
///
/// Events of one producer reach a subscriber in the order they were published, over all its
/// subscriptions. Publishing takes `&mut self` so that there is one such order. An actor that
/// restarts makes a new producer, with another [`Header::life`].
pub struct Producer {
    parts: Arc<Parts>,
    within: Duration,
    name: Arc<str>,
    life: Uuid,
    sequence: u64,
    cause: Option<EventId>,
    /// The last subject and the type's `SUBJECT` it was checked against. Most producers publish
    /// under one subject, and need not parse it again for each event.
    last: Option<(Subject, &'static str)>,
}

impl Producer {
    pub(crate) fn new(parts: Arc<Parts>, within: Duration, name: Arc<str>) -> Self {
        Self { parts, within, name, life: Uuid::now_v7(), sequence: 0, cause: None, last: None }
    }

    /// Sets the event that caused the events published after this call; `None` for no cause.
    pub fn caused_by(&mut self, cause: Option<EventId>) -> &mut Self {
        self.cause = cause;
        self
    }

    /// Returns the name of the producer.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of the latest event, 0 before the first.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Publishes an event without waiting. The result names the subscribers that refused it; a
    /// full buffer refuses here, also one that blocks.
    ///
    /// # Errors
    /// [`PublishError`] when the subject is invalid, or outside the type's `SUBJECT`. The event
    /// has reached nobody then.
    pub fn publish<E: Event>(&mut self, event: E) -> Result<Published, PublishError> {
        let event = self.wrap(event, None)?;
        Ok(self.send(&event))
    }

    /// Publishes an event, and waits for room in buffers that block, for at most the deadline of
    /// the [`BusClient`](crate::BusClient) this producer came from.
    ///
    /// # Errors
    /// [`PublishError`], in the cases of [`Producer::publish`].
    ///
    /// # Cancel safety
    /// Dropped while it waits, the subscribers that still had no room do not get the event; the
    /// others have it.
    pub async fn publish_waiting<E: Event>(&mut self, event: E) -> Result<Published, PublishError> {
        let event = self.wrap(event, None)?;
        let Parts { shared, transport, .. } = &*self.parts;
        let local = Local(Arc::clone(shared));
        let published = transport.send_waiting(&event, &local, self.within).await;
        count(shared, &published);
        Ok(published)
    }

    /// Publishes a request at once, and returns a future of the first answer. The future does not
    /// borrow the producer, which can publish meanwhile.
    ///
    /// # Errors
    /// [`RequestError`] when nobody subscribes, nobody takes the request, nobody answers it, or
    /// no answer comes within `within`.
    pub fn request<E: Request>(
        &mut self,
        event: E,
        within: Duration,
    ) -> impl Future<Output = Result<Arc<E::Reply>, RequestError>> + Send + use<E> {
        let (first, answer) = FirstReply::new();
        let sent = self.wrap(event, Some(first)).map(|event| {
            let published = self.send(&event);
            (event.header.subject.clone(), published)
        });
        async move {
            let (subject, published) = sent?;
            // A request that reached nobody would otherwise end as `NoReply`, which blames a
            // responder.
            match (published.matched, published.accepted) {
                (0, _) => return Err(RequestError::NoResponders { subject }),
                (matched, 0) => return Err(RequestError::NotTaken { subject, matched }),
                _ => {}
            }
            match timeout(within, answer).await {
                Ok(Ok(answer)) => answer.read().map_err(RequestError::Reply),
                Ok(Err(_)) => Err(RequestError::NoReply { subject }),
                Err(_) => Err(RequestError::TimedOut { subject, within }),
            }
        }
    }

    fn send(&self, event: &AnyEvent) -> Published {
        let Parts { shared, transport, .. } = &*self.parts;
        let published = transport.send(event, &Local(Arc::clone(shared)));
        count(shared, &published);
        published
    }

    /// Gives an event its header. A refused event uses up no number, so that a subscriber can
    /// tell from a gap that it missed something.
    fn wrap<E: Event>(
        &mut self,
        event: E,
        replies: Option<Arc<FirstReply>>,
    ) -> Result<AnyEvent, PublishError> {
        let subject = self.subject_of(&event)?;
        let key: Option<Arc<str>> = event.key().map(Arc::from);
        let shared = &self.parts.shared;
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
            // The text alone does not prove it: another event type may publish under this subject
            // too, outside of its own `SUBJECT`.
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
