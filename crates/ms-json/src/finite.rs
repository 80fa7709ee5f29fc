//! Looks through a value for numbers that are not finite: a serializer that writes nothing.

use std::fmt::Display;

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::error::EncodeError;

/// Refuses `NaN` and the infinities, wherever they are in `value`.
pub(super) fn check<T: Serialize + ?Sized>(value: &T) -> Result<(), EncodeError> {
    let mut place = Place::default();
    let looked = value.serialize(Look(&mut place));
    // The error that ends the walk is serde_json's, so that a value's own refusal passes through
    // it; it has no room for a place.
    match place.found.take() {
        Some((at, value)) => Err(EncodeError::NotFinite { at, value }),
        None => Ok(looked?),
    }
}

/// The place in the value that is being looked at.
#[derive(Default)]
struct Place {
    path: Vec<Step>,
    found: Option<(String, String)>,
}

enum Step {
    Field(&'static str),
    Key(Option<String>),
    Item(usize),
}

impl Place {
    fn within<T: Serialize + ?Sized>(&mut self, step: Step, value: &T) -> Outcome {
        self.path.push(step);
        let looked = value.serialize(Look(self));
        self.path.pop();
        looked
    }

    fn float(&mut self, value: f64) -> Outcome {
        // serde_json would write `null` for the others, without an error.
        if value.is_finite() {
            return Ok(());
        }
        let step = |step: &Step| match step {
            Step::Field(name) => format!(".{name}"),
            Step::Key(Some(key)) => format!(".{key}"),
            Step::Key(None) => ".?".to_owned(),
            Step::Item(at) => format!("[{at}]"),
        };
        let at = std::iter::once("$".to_owned()).chain(self.path.iter().map(step)).collect();
        self.found = Some((at, value.to_string()));
        Err(serde_json::Error::custom("not a finite number"))
    }
}

type Outcome = Result<(), serde_json::Error>;

struct Look<'a>(&'a mut Place);

macro_rules! nothing_in {
    ($($name:ident: $kind:ty),* $(,)?) => {
        $(fn $name(self, _: $kind) -> Outcome {
            Ok(())
        })*
    };
}

impl<'a> Serializer for Look<'a> {
    type Ok = ();
    type Error = serde_json::Error;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Keys<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Fields<'a>;

    nothing_in! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_i128: i128, serialize_u8: u8, serialize_u16: u16,
        serialize_u32: u32, serialize_u64: u64, serialize_u128: u128, serialize_char: char,
        serialize_str: &str, serialize_bytes: &[u8], serialize_unit_struct: &'static str,
    }

    fn serialize_f32(self, value: f32) -> Outcome {
        self.0.float(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Outcome {
        self.0.float(value)
    }

    fn serialize_none(self) -> Outcome {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Outcome {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Outcome {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Outcome {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome {
        self.0.within(Step::Field(variant), value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Self::Error> {
        Ok(Items { place: self.0, next: 0 })
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, Self::Error> {
        Ok(Items { place: self.0, next: 0 })
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Self::Error> {
        Ok(Items { place: self.0, next: 0 })
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Items<'a>, Self::Error> {
        Ok(Items { place: self.0, next: 0 })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Keys<'a>, Self::Error> {
        Ok(Keys { place: self.0, key: None })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, Self::Error> {
        Ok(Fields(self.0))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Fields<'a>, Self::Error> {
        Ok(Fields(self.0))
    }

    // Formatting the value would be wasted work: a text holds no float.
    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Outcome {
        Ok(())
    }
}

struct Items<'a> {
    place: &'a mut Place,
    next: usize,
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        self.next += 1;
        self.place.within(Step::Item(self.next - 1), value)
    }
}

struct Fields<'a>(&'a mut Place);

struct Keys<'a> {
    place: &'a mut Place,
    key: Option<String>,
}

impl SerializeMap for Keys<'_> {
    type Ok = ();
    type Error = serde_json::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Outcome {
        // For the place only: a key of a wrong type is refused when it is written.
        self.key = match serde_json::to_value(key) {
            Ok(serde_json::Value::String(key)) => Some(key),
            Ok(other) => Some(other.to_string()),
            Err(_) => None,
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        self.place.within(Step::Key(self.key.take()), value)
    }

    fn end(self) -> Outcome {
        Ok(())
    }
}

macro_rules! items {
    ($($kind:ident: $method:ident),* $(,)?) => {
        $(impl $kind for Items<'_> {
            type Ok = ();
            type Error = serde_json::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
                self.item(value)
            }

            fn end(self) -> Outcome {
                Ok(())
            }
        })*
    };
}

items! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field,
}

macro_rules! fields {
    ($($kind:ident),* $(,)?) => {
        $(impl $kind for Fields<'_> {
            type Ok = ();
            type Error = serde_json::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Outcome {
                self.0.within(Step::Field(key), value)
            }

            fn end(self) -> Outcome {
                Ok(())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::super::to_value;

    #[derive(Serialize)]
    enum Kind {
        Pair(f64, f64),
        One(f64),
        Named { x: Option<f64> },
    }

    #[derive(Serialize)]
    struct All {
        mean: f64,
        kinds: Vec<Kind>,
        by_name: BTreeMap<String, (u8, f32)>,
    }

    fn all() -> All {
        let by_name = BTreeMap::from([("a".to_owned(), (1, 2.0_f32))]);
        let kinds = vec![Kind::Pair(1.0, 2.0), Kind::One(3.0), Kind::Named { x: Some(4.0) }];
        All { mean: 0.5, kinds, by_name }
    }

    #[test]
    fn what_json_cannot_say_is_refused_with_its_place() {
        type Spoil = fn(&mut All);
        let cases: [(&str, Spoil); 5] = [
            ("$.mean is NaN", |all| all.mean = f64::NAN),
            ("$.kinds[0][1] is inf", |all| all.kinds[0] = Kind::Pair(0.0, f64::INFINITY)),
            ("$.kinds[1].One is -inf", |all| all.kinds[1] = Kind::One(f64::NEG_INFINITY)),
            ("$.kinds[2].x is NaN", |all| all.kinds[2] = Kind::Named { x: Some(f64::NAN) }),
            ("$.by_name.b[1] is NaN", |all| {
                all.by_name.insert("b".to_owned(), (1, f32::NAN));
            }),
        ];
        assert!(to_value(&all()).is_ok());
        for (start, spoil) in cases {
            let mut bad = all();
            spoil(&mut bad);
            let error = to_value(&bad).expect_err("refused").to_string();
            assert!(error.starts_with(start), "{error}");
        }
        assert!(to_value(&f64::NAN).expect_err("refused").to_string().starts_with("$ is NaN"));
        assert!(to_value(&u128::MAX).is_err(), "more than 64 bits");
    }
}
