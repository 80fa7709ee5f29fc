//! The table of operations, from which every door that goes by name is made.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::codes;
use crate::desk::{Prepared, once, ongoing};
use crate::error::OpError;
use crate::operation::{Kind, Once, Ongoing, Operation};
use crate::policy::Action;

/// A field of an operation, for documents and help.
#[derive(Debug)]
pub struct FieldInfo {
    /// Its name.
    pub name: &'static str,
    /// Its documentation.
    pub doc: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
    /// Its JSON schema.
    pub schema: Value,
}

/// An operation that has a row in a [`Table`].
pub trait Listed: Operation {
    /// Returns its row.
    fn row() -> Row;
}

/// An operation as seen by a door that goes by name.
#[derive(Clone)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Its documentation.
    pub doc: &'static str,
    /// What a caller must be permitted.
    pub action: Action,
    /// Its effect on the system.
    pub kind: Kind,
    /// The version of the schema in which it appeared.
    pub since: u16,
    /// The name of the answer's type.
    pub answer: &'static str,
    fields: fn() -> Vec<FieldInfo>,
    pub(crate) operation: TypeId,
    read: fn(Value) -> Result<Box<dyn Prepared>, OpError>,
}

impl Row {
    /// Creates the row of an operation that is answered once.
    #[must_use]
    pub fn once<O: Once>(fields: fn() -> Vec<FieldInfo>, answer: &'static str) -> Self {
        Self::of::<O>(fields, answer, |fields| Ok(once(read::<O>(fields)?)))
    }

    /// Creates the row of an operation that is answered item by item.
    #[must_use]
    pub fn ongoing<O: Ongoing>(fields: fn() -> Vec<FieldInfo>, answer: &'static str) -> Self {
        Self::of::<O>(fields, answer, |fields| Ok(ongoing(read::<O>(fields)?)))
    }

    fn of<O: Operation>(
        fields: fn() -> Vec<FieldInfo>,
        answer: &'static str,
        read: fn(Value) -> Result<Box<dyn Prepared>, OpError>,
    ) -> Self {
        Self {
            name: O::NAME,
            doc: O::DOC.trim(),
            action: O::ACTION,
            kind: O::KIND,
            since: O::SINCE,
            answer,
            fields,
            operation: TypeId::of::<O>(),
            read,
        }
    }

    /// Returns the part of the node that it belongs to: `tasks` of `tasks.cancel`.
    #[must_use]
    pub fn part(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(part, _)| part)
    }

    /// Returns the first line of its documentation.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        self.doc.lines().next().unwrap_or_default().trim()
    }

    /// Returns its fields.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldInfo> {
        (self.fields)()
    }

    /// Returns the JSON schema of a request.
    #[must_use]
    pub fn schema(&self) -> Value {
        let fields = self.fields();
        let required: Vec<_> =
            fields.iter().filter(|field| !field.optional).map(|field| field.name).collect();
        let properties: Map<_, _> = fields.into_iter().map(described).collect();
        let mut schema = json!({
            // As `operation!` derives it: unknown fields are refused.
            "type": "object", "properties": properties, "additionalProperties": false,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }
}

fn described(field: FieldInfo) -> (String, Value) {
    let FieldInfo { name, doc, mut schema, .. } = field;
    if let Value::Object(object) = &mut schema {
        // Where a comment wraps is the source's business, not the document's.
        let doc = doc.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        object.insert("description".to_owned(), doc.into());
    }
    (name.to_owned(), schema)
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("name", &self.name).field("kind", &self.kind).finish()
    }
}

fn read<O: DeserializeOwned>(fields: Value) -> Result<O, OpError> {
    Ok(ms_json::from_value(fields)?)
}

/// Most names that are offered in place of one that does not exist.
const NEAR: usize = 8;

/// The operations that doors offer by name.
#[derive(Debug, Clone, Default)]
// Ordered, so that help, the document and the golden file of the schemas list it the same way.
pub struct Table(BTreeMap<&'static str, Row>);

impl Table {
    /// Creates a table without operations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation, in place of one of the same name.
    #[must_use]
    pub fn with<O: Listed>(mut self) -> Self {
        self.0.insert(O::NAME, O::row());
        self
    }

    /// Iterates over the rows, by name.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.values()
    }

    /// Returns the row of a name.
    ///
    /// # Errors
    /// `NO_OPERATION`, when there is none.
    pub fn row(&self, name: &str) -> Result<&Row, OpError> {
        self.0.get(name).ok_or_else(|| {
            let what = format!("there is no operation {name:?}");
            let missing = OpError::new(&codes::NO_OPERATION, what);
            let missing = match self.near(name).as_slice() {
                [] => missing,
                names => missing.why(format!("names like it are {}", names.join(", "))),
            };
            missing.next("`msctl call --help` lists the names")
        })
    }

    /// Returns the names that have a half in common with this one, by which most slips are found: the
    /// right part of the node with a wrong verb, or the other way round.
    fn near(&self, name: &str) -> Vec<&'static str> {
        let halves = |name: &str| name.split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned()));
        let Some((part, verb)) = halves(name) else { return Vec::new() };
        let is_near =
            |other: &&str| halves(other).is_some_and(|(of, does)| of == part || does == verb);
        self.0.keys().copied().filter(is_near).take(NEAR).collect()
    }

    /// Reads an operation out of its name and its fields.
    ///
    /// # Errors
    /// `NO_OPERATION`, or a `BAD_REQUEST` that names the place.
    pub fn read(&self, name: &str, fields: Value) -> Result<Box<dyn Prepared>, OpError> {
        (self.row(name)?.read)(fields)
    }

    /// Returns the schemas of all operations, for a document or to compare versions.
    #[must_use]
    pub fn schemas(&self) -> Value {
        let of = |row: &Row| {
            json!({
                "kind": row.kind, "action": row.action.name(), "since": row.since,
                "request": row.schema(), "answer": row.answer, "doc": row.doc,
            })
        };
        self.rows().map(|row| (row.name.to_owned(), of(row))).collect::<Map<_, _>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_exist_is_answered_with_those_like_it() {
        let table = Table::standard();
        let why = |name: &str| {
            let error = table.row(name).expect_err("no such name");
            let parts = error.into_parts();
            assert_eq!(parts.code.number(), "MS0032");
            parts.why
        };
        assert!(why("names.look").contains("names.lookup"), "{}", why("names.look"));
        assert!(why("actor.steer").contains("actors.steer"), "{}", why("actor.steer"));
        assert!(!why("shutdown").contains("names like it"), "{}", why("shutdown"));
    }
}
