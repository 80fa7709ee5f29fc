//! JSON from strangers: bounded depth, no key twice, every mistake with its place.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::problem::{MALFORMED, Problem};

/// Reads a body as `T`.
///
/// # Errors
/// [`MALFORMED`] for what is no JSON (`NaN`, `1e400`, lone surrogates and bytes that are no
/// UTF-8 included), is nested deeper than `depth`, names a key twice, or is not a `T`.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], depth: usize) -> Result<T, Problem> {
    let value = parse(body, depth)?;
    serde_path_to_error::deserialize(value).map_err(|error| {
        let at = error.path().to_string();
        let cause = error.into_inner().to_string();
        Problem::new(&MALFORMED, format!("{cause} at {at}")).at(at, cause)
    })
}

fn parse(body: &[u8], depth: usize) -> Result<Value, Problem> {
    let malformed = |error: serde_json::Error| Problem::new(&MALFORMED, error.to_string());
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Strict { left: depth }.deserialize(&mut reader).map_err(malformed)?;
    reader.end().map_err(malformed)?;
    Ok(value)
}

/// A JSON value with so many levels left.
#[derive(Clone, Copy)]
struct Strict {
    left: usize,
}

impl Strict {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left }),
            None => Err(E::custom("nested too deeply")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut fields = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let value = access.next_value_seed(inner)?;
            if fields.contains_key(&key) {
                return Err(serde::de::Error::custom(format_args!("the key {key:?} stands twice")));
            }
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        name: String,
        n: Option<u8>,
    }

    fn problem(body: &[u8]) -> Problem {
        read::<Shape>(body, 8).expect_err("refused")
    }

    /// RELIABILITY 5 and 6.
    #[test]
    fn odd_json_is_refused_and_named() {
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
            let problem = problem(body);
            assert_eq!((problem.status(), problem.code()), (400, "malformed-body"), "{body:?}");
        }
        assert!(problem(br#"{"x":{"y":1,"y":2}}"#).detail().contains("\"y\" stands twice"));
    }

    #[test]
    fn a_wrong_type_and_an_unknown_field_are_named_with_their_place() {
        let wrong = problem(br#"{"name":"a","n":300}"#);
        assert_eq!(wrong.errors()[0].at, "n");
        assert!(problem(br#"{"name":"a","m":1}"#).detail().contains("unknown field `m`"));
        assert!(problem(br#"{"n":1}"#).detail().contains("missing field `name`"));
    }

    #[test]
    fn depth_is_counted_in_levels() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(8).as_bytes(), 8).is_ok());
        assert!(parse(nested(9).as_bytes(), 8).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Value>(&body, 8);
        }

        #[test]
        fn what_serde_json_writes_is_read_back(text in "\\PC*", n in any::<i64>(), b in any::<bool>()) {
            let value = serde_json::json!({ "text": text, "n": [n, b, null], "o": { "p": {} } });
            let body = serde_json::to_vec(&value).expect("a value");
            prop_assert_eq!(read::<Value>(&body, 8).expect("read back"), value);
        }
    }
}
