//! From a value to a type: objects for structs and nothing else, and each error with its path.

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, map};

use super::error::{Fault, Step};

/// Whole numbers up to 2^53 are exact as doubles.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads each of these kinds of whole numbers as [`Node::whole`] does.
macro_rules! forward_to_whole {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.whole(visitor)
        })*
    };
}

/// A value that is read.
pub(super) struct Node(pub(super) Value);

impl Node {
    fn wrong(&self, wanted: &dyn Expected) -> Fault {
        let found = match &self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), ..) => Unexpected::Unsigned(value),
                (_, Some(value), _) => Unexpected::Signed(value),
                (.., Some(value)) => Unexpected::Float(value),
                _ => Unexpected::Other("a number"),
            },
            Value::String(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        };
        Fault::invalid_type(found, wanted)
    }

    /// Reads a whole number, also one that is written as `1.0`: JSON Schema calls that an integer.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and below 2^53"
    )]
    fn whole<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let written = match &self.0 {
            Value::Number(number) if number.is_f64() => number.as_f64(),
            _ => None,
        };
        match written {
            Some(value) if value.fract() == 0.0 && (0.0..=EXACT).contains(&value) => {
                visitor.visit_u64(value as u64)
            }
            Some(value) if value.fract() == 0.0 && (-EXACT..0.0).contains(&value) => {
                visitor.visit_i64(value as i64)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn object<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Object(fields) => visitor.visit_map(Fields::new(fields)),
            _ => Err(self.wrong(&visitor)),
        }
    }

    fn array<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Value::Array(items) = self.0 else { return Err(self.wrong(&visitor)) };
        let mut items = Items { length: items.len(), rest: items.into_iter(), at: 0 };
        let read = visitor.visit_seq(&mut items)?;
        // serde's visitors of tuples stop at their own length and ignore the rest.
        match items.rest.len() {
            0 => Ok(read),
            _ => Err(Fault::invalid_length(items.length, &"fewer items")),
        }
    }
}

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), ..) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (.., Some(value)) => visitor.visit_f64(value),
                _ => Err(Fault::custom("the number cannot be read")),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(_) => self.array(visitor),
            Value::Object(_) => self.object(visitor),
        }
    }

    forward_to_whole! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.object(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(Choice { name, content: None }),
            Value::Object(fields) if fields.len() == 1 => match fields.into_iter().next() {
                Some((name, content)) => {
                    visitor.visit_enum(Choice { name, content: Some(Self(content)) })
                }
                None => Err(Fault::custom("an object without a key")),
            },
            _ => Err(self.wrong(&visitor)),
        }
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// The items of an array.
struct Items {
    length: usize,
    rest: std::vec::IntoIter<Value>,
    at: usize,
}

impl<'de> SeqAccess<'de> for &mut Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.rest.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Node(item)).map(Some).map_err(|fault| fault.below(Step::Item(at)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The fields of an object.
struct Fields {
    rest: map::IntoIter,
    next: Option<(String, Value)>,
}

impl Fields {
    fn new(fields: Map<String, Value>) -> Self {
        Self { rest: fields.into_iter(), next: None }
    }
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.next = self.rest.next();
        let Some((key, _)) = &self.next else { return Ok(None) };
        // Cloned: the value's fault needs the key for its path.
        seed.deserialize(super::key::Key(key.clone())).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, value) = self.next.take().unwrap_or_default();
        seed.deserialize(Node(value)).map_err(|fault| fault.below(Step::Key(key)))
    }
}

/// A value of an enum: its name alone, or with what belongs to it.
struct Choice {
    name: String,
    content: Option<Node>,
}

impl<'de> EnumAccess<'de> for Choice {
    type Error = Fault;
    type Variant = Content;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content), Fault> {
        let name: StringDeserializer<Fault> = self.name.clone().into_deserializer();
        let variant = seed.deserialize(name)?;
        Ok((variant, Content { name: self.name, content: self.content }))
    }
}

/// What belongs to a value of an enum.
struct Content {
    name: String,
    content: Option<Node>,
}

impl Content {
    fn with<T>(self, read: impl FnOnce(Node) -> Result<T, Fault>) -> Result<T, Fault> {
        let Self { name, content } = self;
        match content {
            Some(content) => read(content).map_err(|fault| fault.below(Step::Key(name))),
            None => Err(Fault::custom(format!("`{name}` must be an object with this one key"))),
        }
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            // serde_json takes `{"Name": null}` for a bare name as well.
            None | Some(Node(Value::Null)) => Ok(()),
            Some(_) => Err(Fault::custom(format!("`{}` has nothing below it", self.name))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.with(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.with(|content| content.array(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.with(|content| content.object(visitor))
    }
}
