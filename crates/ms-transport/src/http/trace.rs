//! The trace of a request: that of its caller, or a new one.

use std::num::{NonZeroU64, NonZeroU128};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ms_core::traceparent::{SpanId, TraceContext, TraceId};
use uuid::Uuid;

/// W3C Trace Context; see [`ms_core::traceparent`].
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The place of a request in its trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traced {
    /// The span of the caller.
    pub(super) caller: Option<TraceContext>,
    /// The span of the request, below that of the caller.
    pub(super) own: TraceContext,
}

impl Traced {
    /// Reads the header. One that is malformed or there twice is ignored, as the specification wants.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut all = headers.get_all(&TRACEPARENT).iter();
        let one = all.next().filter(|_| all.next().is_none());
        let caller = one.and_then(|value| value.to_str().ok()?.parse::<TraceContext>().ok());
        let span = SpanId::new(fresh_span());
        let own = match caller {
            Some(caller) => caller.child(span),
            None => TraceContext::begin(TraceId::new(fresh_trace()), span),
        };
        Self { caller, own }
    }

    /// Adds the span of the request to an answer.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.own.to_string()) {
            headers.insert(&TRACEPARENT, value);
        }
    }
}

/// A UUID of version 7 is never zero, and neither is its low half, which has the variant.
fn fresh_trace() -> NonZeroU128 {
    NonZeroU128::new(Uuid::now_v7().as_u128()).unwrap_or(NonZeroU128::MIN)
}

fn fresh_span() -> NonZeroU64 {
    // The low half, which has the random part; the high half is mostly the time.
    NonZeroU64::new(Uuid::now_v7().as_u64_pair().1).unwrap_or(NonZeroU64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn traced(values: &[&'static str]) -> Traced {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&TRACEPARENT, HeaderValue::from_static(value));
        }
        Traced::of(&headers)
    }

    #[test]
    fn a_good_header_is_gone_on_with_and_any_other_is_ignored() {
        let good = traced(&[GOOD]);
        assert_eq!(good.caller.map(|caller| caller.to_string()).as_deref(), Some(GOOD));
        assert_eq!(good.own.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(good.own.span_id().to_string(), "00f067aa0ba902b7");
        assert!(good.own.is_sampled());
        let others = [&[][..], &["00-xyz"], &[GOOD, GOOD]].map(traced);
        for other in &others {
            assert_eq!(other.caller, None);
            assert_ne!(other.own.trace_id(), good.own.trace_id());
        }
        assert_ne!(others[0].own.trace_id(), others[1].own.trace_id(), "each has its own");
    }
}
