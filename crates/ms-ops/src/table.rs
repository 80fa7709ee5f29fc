//! The table of operations: what every door that goes by name is made from.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::caller::Caller;
use crate::codes;
use crate::desk::{Desk, Watching};
use crate::error::OpError;
use crate::operation::{Kind, Once, Ongoing, Operation};
use crate::policy::Action;
use crate::written::Written;

/// A field of an operation, for documents and help.
#[derive(Debug)]
pub struct FieldInfo {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
    /// Its JSON schema.
    pub schema: Value,
}

/// An operation as doors see it that go by name.
#[derive(Clone)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// What it does, as far as permission is concerned.
    pub action: Action,
    /// What it does to the system.
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
    /// Makes the row of an operation that is answered once.
    #[must_use]
    pub fn once<O: Once>(fields: fn() -> Vec<FieldInfo>, answer: &'static str) -> Self {
        Self::of::<O>(fields, answer, |fields| Ok(Box::new(OnceAs(read::<O>(fields)?))))
    }

    /// Makes the row of an operation that is answered item by item.
    #[must_use]
    pub fn ongoing<O: Ongoing>(fields: fn() -> Vec<FieldInfo>, answer: &'static str) -> Self {
        Self::of::<O>(fields, answer, |fields| Ok(Box::new(OngoingAs(read::<O>(fields)?))))
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

/// The operations that doors offer by name.
#[derive(Debug, Clone, Default)]
pub struct Table(BTreeMap<&'static str, Row>);

impl Table {
    /// Makes a table without operations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation. One of the same name takes the place of the other.
    #[must_use]
    pub fn with<O: Operation>(mut self) -> Self {
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
            OpError::new(&codes::NO_OPERATION, what).next("`msctl call --help` lists the names")
        })
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

/// An operation of some type, read and not asked yet.
pub trait Prepared: Send + fmt::Debug {
    /// Returns what it does to the system.
    fn kind(&self) -> Kind;

    /// Returns the time it takes by its nature.
    fn takes(&self) -> Duration;

    /// Checks what needs no provider.
    ///
    /// # Errors
    /// As [`Operation::check`].
    fn check(&self) -> Result<(), OpError>;

    /// Asks the desk for its answer.
    fn call(
        self: Box<Self>,
        desk: Desk,
        caller: Caller,
        within: Duration,
    ) -> BoxFuture<'static, Result<Written, OpError>>;

    /// Asks the desk for its items.
    ///
    /// # Errors
    /// As [`Desk::watch`]; one that has no items is a `BAD_REQUEST`.
    fn watch(
        self: Box<Self>,
        desk: &Desk,
        caller: Caller,
        within: Duration,
    ) -> Result<Watching<Written>, OpError>;
}

#[derive(Debug)]
struct OnceAs<O>(O);

impl<O: Once> Prepared for OnceAs<O> {
    fn kind(&self) -> Kind {
        O::KIND
    }

    fn takes(&self) -> Duration {
        self.0.takes()
    }

    fn check(&self) -> Result<(), OpError> {
        self.0.check()
    }

    fn call(
        self: Box<Self>,
        desk: Desk,
        caller: Caller,
        within: Duration,
    ) -> BoxFuture<'static, Result<Written, OpError>> {
        Box::pin(async move { desk.call(caller, within, self.0).await.map(Written::new) })
    }

    fn watch(
        self: Box<Self>,
        _: &Desk,
        _: Caller,
        _: Duration,
    ) -> Result<Watching<Written>, OpError> {
        Err(OpError::bad_request("this request has no stream"))
    }
}

#[derive(Debug)]
struct OngoingAs<O>(O);

impl<O: Ongoing> Prepared for OngoingAs<O> {
    fn kind(&self) -> Kind {
        O::KIND
    }

    fn takes(&self) -> Duration {
        self.0.takes()
    }

    fn check(&self) -> Result<(), OpError> {
        self.0.check()
    }

    fn call(
        self: Box<Self>,
        _: Desk,
        _: Caller,
        _: Duration,
    ) -> BoxFuture<'static, Result<Written, OpError>> {
        Box::pin(async { Err(OpError::bad_request("this request is answered by a stream")) })
    }

    fn watch(
        self: Box<Self>,
        desk: &Desk,
        caller: Caller,
        within: Duration,
    ) -> Result<Watching<Written>, OpError> {
        Ok(desk.watch(caller, within, self.0)?.map_items(Written::new))
    }
}
