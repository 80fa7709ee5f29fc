//! What a component keeps comes back as it was.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use ms_snapshot::{Persist, decode, encode};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    doubles: Vec<f64>,
    wide: (u64, i64),
    text: String,
}

struct Component(State);

impl Persist for Component {
    const SCHEMA: u32 = 1;
    type State = State;

    fn extract(&self) -> State {
        self.0.clone()
    }
}

fn bits(doubles: &[f64]) -> Vec<u64> {
    doubles.iter().map(|double| double.to_bits()).collect()
}

proptest! {
    #[test]
    fn a_state_comes_back_bit_for_bit_or_is_refused(
        doubles in prop::collection::vec(prop_oneof![any::<f64>(), 0.0..100.0_f64], 0..20),
        wide in any::<(u64, i64)>(),
        text in any::<String>(),
    ) {
        let odd = doubles.iter().position(|double| !double.is_finite());
        match (encode(&Component(State { doubles: doubles.clone(), wide, text: text.clone() })), odd) {
            (Ok(bytes), None) => {
                let state = decode::<Component>(1, &bytes).expect("what was written");
                prop_assert_eq!(bits(&state.doubles), bits(&doubles));
                prop_assert_eq!((state.wide, state.text), (wide, text));
            }
            (Err(error), Some(at)) => {
                let place = format!("$.doubles[{at}] is ");
                prop_assert!(error.to_string().starts_with(&place), "{}", error);
            }
            (encoded, odd) => prop_assert!(false, "{encoded:?} with {odd:?}"),
        }
    }
}

/// `any::<f64>()` makes no odd ones.
#[test]
fn what_json_cannot_say_is_refused_with_its_place() {
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let state = State { doubles: vec![1.0, odd], wide: (0, 0), text: String::new() };
        let error = encode(&Component(state)).expect_err("refused").to_string();
        assert!(error.starts_with(&format!("$.doubles[1] is {odd}")), "{error}");
    }
}
