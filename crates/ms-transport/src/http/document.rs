//! The answers that all paths have in common, added to the OpenAPI document.
//!
//! Each handler documents its own answers. Those of `guard.rs`, `head.rs` and `body.rs` are added
//! here to every path, so that no path can forget them.

use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder,
};

use super::bind::Access;
use super::problem::PROBLEM_JSON;

/// An answer that a path may give whatever its handler.
struct Common {
    status: &'static str,
    why: &'static str,
    on: On,
}

/// The paths that give it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    All,
    /// Those that do work. Probes are answered before credentials are checked.
    Work,
    /// Those with a body.
    Body,
}

const COMMON: [Common; 12] = [
    Common { status: "400", why: "not well-formed, or a value out of its bounds", on: On::All },
    Common { status: "401", why: "the token is missing or wrong", on: On::Work },
    Common { status: "403", why: "the request comes from another origin", on: On::Work },
    Common { status: "408", why: "the body did not arrive in time", on: On::Body },
    Common { status: "413", why: "the body is over its limit", on: On::Body },
    Common { status: "415", why: "not JSON in UTF-8, plain or gzip", on: On::Body },
    Common { status: "431", why: "the head of the request is too large", on: On::All },
    Common { status: "500", why: "a fault inside the node", on: On::All },
    Common { status: "501", why: "a transfer coding other than chunked", on: On::All },
    Common { status: "503", why: "no room, no storage, or the node is not serving", on: On::Work },
    Common { status: "504", why: "not done in time; it may still be carried out", on: On::Work },
    Common { status: "505", why: "not HTTP/1.0 or HTTP/1.1", on: On::All },
];

/// The name of the security scheme.
const BEARER: &str = "bearer";

/// Completes the document that was made from the handlers, for a listener with this access.
pub(super) fn complete(document: &mut OpenApi, access: &Access) {
    let token = matches!(access, Access::Token(_));
    for (path, item) in &mut document.paths.paths {
        let work = !path.starts_with("/health/");
        let operations = [&mut item.get, &mut item.post].into_iter().flatten();
        for operation in operations {
            answers(operation, work, token);
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter {
                    never_null(parameter);
                }
            }
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                left_out_never_null(body);
            }
            if token && !work {
                // Probes show no token.
                operation.security = Some(Vec::new());
            }
        }
    }
    if token {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme(BEARER, scheme);
        document.security = Some(vec![SecurityRequirement::new::<_, _, String>(BEARER, [])]);
    }
}

fn answers(operation: &mut Operation, work: bool, token: bool) {
    let body = operation.request_body.is_some();
    let applies = |common: &&Common| match (common.on, common.status) {
        (_, "401") => work && token,
        // `guard.rs` checks origins only where there is no token.
        (_, "403") => work && !token,
        (On::All, _) => true,
        (On::Work, _) => work,
        (On::Body, _) => body,
    };
    let responses = &mut operation.responses.responses;
    for Common { status, why, .. } in COMMON.iter().filter(applies) {
        responses.entry((*status).to_owned()).or_insert_with(|| RefOr::T(problem(status, why)));
    }
}

fn problem(status: &str, why: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let answer = ResponseBuilder::new().description(why).content(PROBLEM_JSON, content);
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    match status {
        "503" => {
            let after =
                HeaderBuilder::new().schema(Some(number)).description(Some("seconds to wait"));
            answer.header("Retry-After", after.build()).build()
        }
        _ => answer.build(),
    }
}

/// Removes null from the types of a parameter: a URL or a header can only leave it out.
fn never_null(parameter: &mut Parameter) {
    if let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema
        && let SchemaType::Array(types) = &mut object.schema_type
    {
        types.retain(|one| *one != Type::Null);
        if let [only] = &types[..] {
            object.schema_type = SchemaType::Type(only.clone());
        }
    }
}

/// Removes null from a body that may be left out: a body that says null is one, and is refused.
fn left_out_never_null(body: &mut RequestBody) {
    let is_null = |item: &RefOr<Schema>| match item {
        RefOr::T(Schema::Object(object)) => object.schema_type == SchemaType::Type(Type::Null),
        _ => false,
    };
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        if let Some(RefOr::T(Schema::OneOf(one_of))) = &mut content.schema {
            one_of.items.retain(|item| !is_null(item));
            if let [only] = &one_of.items[..] {
                content.schema = Some(only.clone());
            }
        }
    }
}
