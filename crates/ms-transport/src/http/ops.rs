//! `POST /api/v1/ops/NAME`: every operation of the node by its name.
//!
//! The body has the fields of the operation, and the answer is its answer. Nothing here knows an
//! operation: the paths of the document are made from the table of the desk.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use ms_ops::{OpKind, Row, Table};
use serde_json::{Value, json};
use utoipa::openapi::path::PathItem;
use utoipa::openapi::{OpenApi, extensions::Extensions};

use super::asker::Asker;
use super::body::Json;
use super::problem::{INTERNAL, NO_SUCH_PATH, PROBLEM_JSON, Problem, STREAMED};
use super::query::NoQuery;
use super::routes::{ROUTES, Route};
use super::tasks::without_key;

/// The path of operations by name.
pub(super) const PATH: &str = "/api/v1/ops/{name}";

/// Asks for an operation.
pub(super) async fn call(
    asker: Asker,
    name: Result<Path<String>, PathRejection>,
    _: NoQuery,
    headers: HeaderMap,
    Json(fields): Json<Value>,
) -> Result<Response, Problem> {
    without_key(
        &headers,
        "not taken here; a task may have one in its body, and a steering a `request_id`",
    )?;
    let Path(name) = name.map_err(|error| Problem::new(&NO_SUCH_PATH, error.body_text()))?;
    // Before its fields are read: no fields would give it a single answer.
    if asker.kind_of(&name) == Some(OpKind::Watch) {
        return Err(streamed(&name));
    }
    let answer = asker.ask_named(&name, fields).await?;
    let mut body = Vec::new();
    answer.write(&mut body).map_err(|error| {
        tracing::error!(%error, name, "an answer cannot be written as JSON");
        Problem::new(&INTERNAL, "the answer cannot be written")
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Refuses an operation that has items in place of an answer, and names the way to them.
fn streamed(name: &str) -> Problem {
    let what = format!("{name} is answered by a stream; operations by their name have one answer");
    let problem = Problem::new(&STREAMED, what);
    let instead = STREAMS.iter().find(|(operation, _)| *operation == name);
    match instead {
        Some((_, way)) => problem.next(*way),
        // One of the program's own.
        None => problem.next("ask over the control socket, which has streams"),
    }
}

/// The ways to what operations with items have.
const STREAMS: [(&str, &str); 3] = [
    ("events.follow", "GET /api/v1/events, which is a stream of server-sent events"),
    ("tree.walk", "GET /api/v1/tree, which has the whole tree in one answer"),
    ("actors.trace", "ask over the control socket as the node's user: `msctl trace PATH`"),
];

/// Adds every operation to a document, and to each route the name of its operation.
pub(super) fn describe(document: &mut OpenApi, table: &Table) {
    for Route { method, path, operation } in ROUTES {
        let Some(item) = document.paths.paths.get_mut(*path) else { continue };
        let described = if *method == "GET" { &mut item.get } else { &mut item.post };
        let name = Extensions::builder().add("x-operation", json!(operation)).build();
        if let Some(described) = described {
            described.extensions.get_or_insert_default().merge(name);
        }
    }
    // Operations that go on have no single answer: `GET /api/v1/events` is a route of its own.
    for row in table.rows().filter(|row| row.kind != OpKind::Watch) {
        match serde_json::from_value::<PathItem>(item(row)) {
            Ok(item) => drop(document.paths.paths.insert(PATH.replace("{name}", row.name), item)),
            Err(error) => tracing::error!(%error, name = row.name, "not described"),
        }
    }
}

/// Makes the document of one operation.
fn item(row: &Row) -> Value {
    let problem = |why: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        json!({ "description": why, "content": { PROBLEM_JSON: { "schema": schema } } })
    };
    let doc = row.doc.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    json!({ "post": {
        "tags": ["operations"],
        "summary": row.summary(),
        "description": doc,
        "operationId": row.name,
        "x-operation": row.name,
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": row.schema() } },
        },
        "responses": {
            "200": {
                "description": format!("its answer, a {}", row.answer),
                "content": { "application/json": {} },
            },
            "403": problem("it is for the node's user, over the control socket"),
            "404": problem("what it is aimed at is not there"),
            "409": problem("what it is aimed at does not allow it"),
            "422": problem("a value that cannot be carried out"),
            "501": problem("not built into this node"),
        },
    } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_document() {
        let table = Table::standard();
        for row in table.rows() {
            let item = serde_json::from_value::<PathItem>(item(row)).expect(row.name);
            let described = item.post.expect("posted");
            assert!(described.request_body.is_some(), "{}", row.name);
            let back = serde_json::to_value(&described).expect("written");
            let properties =
                &back["requestBody"]["content"]["application/json"]["schema"]["properties"];
            let named = properties.as_object().map_or(0, serde_json::Map::len);
            assert_eq!(named, row.fields().len(), "{back}");
        }
    }

    #[test]
    fn every_operation_with_items_has_a_way_to_them() {
        let watched = Table::standard();
        let watched = watched.rows().filter(|row| row.kind == OpKind::Watch).map(|row| row.name);
        let mut watched: Vec<_> = watched.collect();
        let mut named = STREAMS.map(|(operation, _)| operation);
        watched.sort_unstable();
        named.sort_unstable();
        assert_eq!(watched, named);
    }

    #[test]
    fn every_route_is_an_operation_of_the_table() {
        let table = Table::standard();
        for route in ROUTES {
            assert!(table.row(route.operation).is_ok(), "{}", route.operation);
        }
    }
}
