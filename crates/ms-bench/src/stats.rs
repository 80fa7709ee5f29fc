//! The median and range of a few values.

use serde::{Deserialize, Serialize};

/// The median and range of a figure over all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) rounds: usize,
}

/// Summarises values. Returns `None` if there are none.
pub(crate) fn summary(values: &[f64]) -> Option<Summary> {
    let sorted = sorted(values);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    // The median and not the mean, which would follow the one round in which the machine was busy.
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    Some(Summary { median: f64::midpoint(low, high), min, max, rounds: sorted.len() })
}

/// Returns the value that `share` (0.0 to 1.0) of the values do not exceed, by nearest rank; 0 if there
/// are no values.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank within a short list"
)]
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let sorted = sorted(values);
    let rank = (share.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let four = summary(&[4.0, 1.0, 3.0, 2.0]).expect("values");
        assert_eq!(four, Summary { median: 2.5, min: 1.0, max: 4.0, rounds: 4 });
        assert_eq!(summary(&[7.0]).expect("a value").median, 7.0);
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 50.0);
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile(&values, 1.0), 100.0);
        assert_eq!(percentile(&values, 0.0), 1.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    proptest! {
        #[test]
        fn the_median_lies_within_the_range_and_order_does_not_matter(
            mut values in prop::collection::vec(-1e9..1e9_f64, 1..40),
        ) {
            let one = summary(&values).expect("values");
            prop_assert!(one.min <= one.median && one.median <= one.max);
            values.reverse();
            prop_assert_eq!(Some(one), summary(&values));
            let below = values.iter().filter(|value| **value <= one.median).count();
            prop_assert!(below * 2 >= values.len());
        }
    }
}
