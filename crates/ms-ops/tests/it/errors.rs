//! The texts of an error have a bound.

use ms_ops::OpError;

#[test]
fn a_text_of_any_length_is_cut_at_the_bound_and_says_so() {
    let long = "\u{e4}".repeat(50_000);
    let error = OpError::bad_request(long.clone()).why(long.clone()).next(&long).at(&long, &long);
    let place = &error.places[0];
    for text in [&error.what, &error.why, &error.next, &place.at, &place.detail] {
        assert_eq!((text.chars().count(), text.chars().next_back()), (2_001, Some('\u{2026}')));
    }
    let short = "\u{e4}".repeat(2_000);
    assert_eq!(OpError::bad_request(short.clone()).what, short);
}
