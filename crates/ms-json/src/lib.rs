//! JSON from strangers, read the same way by every server: bounded depth, no key twice, an object
//! and never an array for a struct, every mistake with its place and in words of JSON.
//!
//! serde's derived readers accept more than the API documents: a struct is read from an array by
//! the order of its fields, the last of two equal keys wins, and errors name Rust's types. Start
//! reading at [`from_slice`].
//!
//! [`to_value`] and [`to_vec`] write what is to be read back later, and refuse values that JSON
//! cannot express. Doubles come back bit for bit because the workspace turns on the feature
//! `float_roundtrip` of `serde_json`.

mod error;
mod finite;
mod key;
mod numbers;
mod read;
mod strict;
mod write;

pub use error::{EncodeError, JsonError};
pub use write::{to_value, to_vec};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Deepest nesting that the servers of the framework take by default.
pub const MAX_DEPTH: usize = 64;

/// Reads a `T`.
///
/// # Errors
/// The text is not JSON (`NaN`, `1e400`, lone surrogates, bytes that are not UTF-8, anything behind
/// the value), is nested deeper than `depth`, names a key twice, has a whole number of more than
/// 64 bits, which would become the nearest float, or is not a `T`.
pub fn from_slice<T: DeserializeOwned>(text: &[u8], depth: usize) -> Result<T, JsonError> {
    from_value(parse(text, depth)?)
}

/// Reads any value, as strictly as [`from_slice`].
///
/// # Errors
/// The text is not JSON, is nested too deeply, names a key twice, or has too wide a number.
pub fn parse(text: &[u8], depth: usize) -> Result<Value, JsonError> {
    strict::parse(text, depth)
}

/// Reads a `T` out of a value.
///
/// # Errors
/// It is not a `T`.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, JsonError> {
    T::deserialize(read::Node(value)).map_err(error::Fault::into_error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use ms_core::task::NewTask;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        name: String,
        n: Option<u8>,
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(default)]
        choice: Option<Choice>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        x: f64,
        y: bool,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Choice {
        Plain,
        With { x: u64 },
        Pair(u8, u8),
        Boxed(Box<Inner>),
    }

    fn read(text: &str) -> Result<Shape, JsonError> {
        from_slice(text.as_bytes(), 8)
    }

    fn wrong(text: &str) -> JsonError {
        read(text).expect_err(text)
    }

    #[test]
    fn odd_json_is_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let bodies: &[&[u8]] = &[
            b"",
            b"{",
            b"nul",
            b"{} {}",
            b"{\"name\":\"a\",}",
            deep.as_bytes(),
            br#"{"name":"a","name":"b"}"#,
            br#"{"name":NaN}"#,
            br#"{"name":1e400}"#,
            br#"{"name":"\ud800"}"#,
            b"{\"name\":\"\xff\"}",
            br#"{"name":Infinity}"#,
        ];
        for body in bodies {
            assert!(from_slice::<Value>(body, 8).is_err(), "{body:?}");
        }
        assert!(wrong(r#"{"x":{"y":1,"y":2}}"#).to_string().contains("\"y\" appears twice"));
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(8).as_bytes(), 8).is_ok());
        assert!(parse(nested(9).as_bytes(), 8).is_err());
    }

    #[test]
    fn keys_that_are_numbers_names_or_wrapped_come_back_as_they_were() {
        use std::collections::BTreeMap;

        #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
        struct Id(u64);
        #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
        enum Side {
            Left,
        }
        fn back<K, V>(map: BTreeMap<K, V>)
        where
            K: Ord + DeserializeOwned + serde::Serialize + std::fmt::Debug,
            V: PartialEq + DeserializeOwned + serde::Serialize + std::fmt::Debug,
        {
            let written = to_value(&map).expect("written");
            assert_eq!(from_value::<BTreeMap<K, V>>(written).expect("read"), map);
        }
        back(BTreeMap::from([(Id(u64::MAX), 1)]));
        back(BTreeMap::from([(i64::MIN, 1), (7, 2)]));
        back(BTreeMap::from([(true, 1)]));
        back(BTreeMap::from([(Side::Left, 1)]));
        back(BTreeMap::from([("a".to_owned(), 1)]));
        let wrong = from_value::<BTreeMap<u8, u8>>(serde_json::json!({ "300": 1 }));
        assert!(wrong.expect_err("too large").to_string().contains("300"));
        let wrong = from_value::<BTreeMap<u8, u8>>(serde_json::json!({ "x": 1 }));
        assert!(wrong.expect_err("no number").to_string().contains("\"x\""));
    }

    #[test]
    fn a_whole_number_of_more_than_64_bits_is_refused_with_its_place() {
        let refused = parse(b"{\"n\":\n 18446744073709551616}", 8).expect_err("wide");
        assert!(refused.to_string().contains("line 2 column 2"), "{refused}");
        let kept = parse(b"[18446744073709551615,-9223372036854775808]", 8).expect("fits");
        assert_eq!(kept, serde_json::json!([u64::MAX, i64::MIN]));
    }

    #[test]
    fn an_array_is_no_object_at_any_depth() {
        for text in [
            r#"["a",1,[],null]"#,
            r#"{"name":"a","list":[[1.0,true]]}"#,
            r#"{"name":"a","choice":{"with":[1]}}"#,
            r#"{"name":"a","choice":{"boxed":[1.0,true]}}"#,
        ] {
            let text = wrong(text).to_string();
            assert!(text.contains("expected an object, found an array"), "{text}");
        }
        let task = from_slice::<NewTask>(br#"["default","echo",1]"#, 8).expect_err("refused");
        assert!(task.to_string().contains("expected an object"), "{task}");
        let retry = br#"{"kind":"echo","retry":[1,2,3,0.5]}"#;
        assert_eq!(from_slice::<NewTask>(retry, 8).expect_err("refused").at(), "retry");
    }

    #[test]
    fn mistakes_are_reported_with_their_place_in_words_of_json() {
        for (text, at, what) in [
            (r#"{"name":"a","n":300}"#, "n", "expected a whole number from 0 to 255, found 300"),
            (r#"{"name":"a","n":"x"}"#, "n", "expected a whole number from 0 to 255, found \"x\""),
            (r#"{"name":null}"#, "name", "expected a string, found null"),
            (r#"{"name":"a","m":1}"#, ".", "unknown field `m`"),
            (r#"{"n":1}"#, ".", "missing field `name`"),
            (r#"{"name":"a","list":{}}"#, "list", "expected an array, found an object"),
            (
                r#"{"name":"a","list":[{"x":1,"y":1}]}"#,
                "list[0].y",
                "expected true or false, found 1",
            ),
            (r#"{"name":"a","list":[{"x":"1","y":true}]}"#, "list[0].x", "expected a number"),
            (r#"{"name":"a","choice":"other"}"#, "choice", "unknown value `other`"),
            (r#"{"name":"a","choice":{"pair":[1]}}"#, "choice.pair", "has 1 item"),
        ] {
            let error = wrong(text);
            assert_eq!(error.at(), at, "{text}: {error}");
            assert!(error.what().contains(what), "{text}: {error}");
            for word in ["struct", "u8", "i16", "f64", "enum", "map", "sequence"] {
                assert!(!error.what().contains(word), "{word}: {error}");
            }
        }
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_nothing() {
        assert_eq!(read(r#"{"name":"a","n":7.0}"#).expect("whole").n, Some(7));
        for text in
            [r#"{"name":"a","n":7.5}"#, r#"{"name":"a","n":-1.0}"#, r#"{"name":"a","n":1e30}"#]
        {
            assert!(
                wrong(text).what().starts_with("expected a whole number from 0 to 255"),
                "{text}"
            );
        }
        assert_eq!(from_slice::<i64>(b"-9007199254740992.0", 8).expect("exact"), -(1 << 53));
    }

    #[test]
    fn good_values_are_read_as_serde_json_reads_them() {
        for text in [
            r#"{"name":"a"}"#,
            r#"{"name":"a","n":null,"list":[{"x":1,"y":true}],"choice":"plain"}"#,
            r#"{"name":"ä","n":7,"choice":{"with":{"x":1}}}"#,
            r#"{"name":"","choice":{"pair":[1,2]}}"#,
            r#"{"name":"","choice":{"boxed":{"x":0.5,"y":false}}}"#,
        ] {
            let plain: Shape = serde_json::from_str(text).expect(text);
            assert_eq!(read(text).expect(text), plain);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let read = from_slice::<Shape>(&body, 8).map(drop);
            for read in [read, parse(&body, 8).map(drop)] {
                prop_assert!(read.map_err(|error| error.to_string()) != Err(String::new()));
            }
        }

        #[test]
        fn what_serde_json_writes_is_read_back(
            text in "\\PC*",
            n in any::<i64>(),
            b in any::<bool>(),
        ) {
            let value = serde_json::json!({ "text": text, "n": [n, b, null], "o": { "p": {} } });
            let body = serde_json::to_vec(&value).expect("a value");
            prop_assert_eq!(&parse(&body, 8).expect("read back"), &value);
            prop_assert_eq!(from_slice::<Value>(&body, 8).expect("read back"), value);
        }
    }
}
