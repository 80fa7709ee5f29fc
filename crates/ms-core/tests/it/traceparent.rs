use std::num::{NonZeroU64, NonZeroU128};

use ms_core::traceparent::*;
use proptest::prelude::*;

const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn parse(text: &str) -> Result<String, TraceparentError> {
    text.parse::<TraceContext>().map(|context| context.to_string())
}

/// S3.4-08: the cases of the specification's sections 2.2 and 2.2.4.
#[test]
fn what_the_specification_takes_and_refuses() {
    assert_eq!(parse(GOOD), Ok(GOOD.to_owned()));
    let unsampled = GOOD.replace("-01", "-00");
    assert_eq!(parse(&unsampled), Ok(unsampled.clone()));
    assert_eq!(parse(&GOOD.replace("-01", "-ff")), Ok(GOOD.replace("-01", "-03")));
    // Of a later version the known part, told in ours.
    for later in ["cc", "01", "fe"] {
        let same = format!("{later}{}", &GOOD[2..]);
        assert_eq!(parse(&same), Ok(GOOD.to_owned()));
        assert_eq!(parse(&format!("{same}-what-comes")), Ok(GOOD.to_owned()));
        assert_eq!(parse(&format!("{same}.what-comes")), Err(TraceparentError::Form));
    }
    assert_eq!(parse(&format!("ff{}", &GOOD[2..])), Err(TraceparentError::Version));
    let zero = [
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    ];
    for text in zero {
        assert_eq!(parse(text), Err(TraceparentError::Zero), "{text}");
    }
    let bad = [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        &GOOD.to_uppercase(),
        &format!("{GOOD}-more"),
        &format!("{GOOD}0"),
        &GOOD.replace('-', "_"),
        &GOOD.replace("00f0", "00g0"),
        &format!(" {GOOD}"),
        "00-4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7-01------------",
    ];
    for text in bad {
        assert_eq!(parse(text), Err(TraceparentError::Form), "{text}");
    }
}

#[test]
fn a_child_is_of_the_same_trace() {
    let parent: TraceContext = GOOD.parse().unwrap();
    let child = parent.child(SpanId::new(NonZeroU64::MAX));
    assert_eq!(child.trace_id(), parent.trace_id());
    assert_eq!(child.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-ffffffffffffffff-01");
    let json = serde_json::to_string(&child).unwrap();
    assert_eq!(serde_json::from_str::<TraceContext>(&json).unwrap(), child);
    assert!(serde_json::from_str::<TraceContext>("\"00-\"").is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read(trace in 1_u128.., span in 1_u64.., sampled: bool) {
        let begun = TraceContext::begin(
            TraceId::new(NonZeroU128::new(trace).unwrap()),
            SpanId::new(NonZeroU64::new(span).unwrap()),
        );
        let mut text = begun.to_string();
        prop_assert_eq!(text.parse::<TraceContext>(), Ok(begun));
        text.replace_range(53.., if sampled { "01" } else { "00" });
        let context = text.parse::<TraceContext>().unwrap();
        prop_assert_eq!(context.to_string(), text);
        prop_assert_eq!((context.trace_id(), context.span_id()), (begun.trace_id(), begun.span_id()));
        prop_assert_eq!(context.is_sampled(), sampled);
    }

    /// Whatever comes, it is taken as it is or refused: no panic, and nothing is made up.
    #[test]
    fn any_text_is_refused_or_read_back(text in ".{0,80}") {
        match text.parse::<TraceContext>() {
            Ok(context) => prop_assert_eq!(&context.to_string()[2..53], &text[2..53]),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    /// One character changed: another valid context, or a refusal.
    #[test]
    fn a_changed_character_is_seen(at in 0..55_usize, to in "[ -~]") {
        let mut text = GOOD.to_owned();
        text.replace_range(at..=at, &to);
        match text.parse::<TraceContext>() {
            Ok(context) => prop_assert_eq!(&context.to_string()[3..52], &text[3..52]),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
