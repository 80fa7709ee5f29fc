//! `/api/v1/budgets`: lists and raises the budgets of agents.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use ms_core::budget::AccountView;
use ms_ops::ops::{ListBudgets, RaiseBudget};
use utoipa::ToSchema;

use super::asker::Asker;
use super::body::Json;
use super::problem::{Problem, ProblemDetails};
use super::query::NoQuery;
use super::tasks::without_key;

/// A budget, and what is used of it.
#[derive(ToSchema)]
#[schema(as = Budget)]
#[allow(dead_code, reason = "described, never made: the values are ms-core's")]
struct BudgetSchema {
    /// The path it is for: the agents at and below it use it together.
    account: String,
    /// Used and permitted, by unit: `messages`, `wall_us`, or one of the program's own.
    units: BTreeMap<String, UsageSchema>,
}

/// How much of a unit is used and permitted.
#[derive(ToSchema)]
#[schema(as = Usage)]
#[allow(dead_code, reason = "described, never made: the values are ms-core's")]
struct UsageSchema {
    used: u64,
    limit: u64,
}

/// All budgets with what is used of them, by path. None, where the program sets none.
#[utoipa::path(get, path = "/api/v1/budgets", tag = "budgets",
    responses((status = 200, body = Vec<BudgetSchema>)))]
pub(super) async fn list(
    asker: Asker,
    _: NoQuery,
) -> Result<axum::Json<Vec<AccountView>>, Problem> {
    asker.ask(ListBudgets {}).await.map(axum::Json)
}

const ID_IN_BODY: &str =
    "leave the header out, and send a `request_id` in the body: with it a raise can be sent again";

/// How much more is permitted, and why.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Raise)]
#[allow(dead_code, reason = "described, never made: the operation is ms-ops's")]
struct RaiseSchema {
    /// The path that the budget is for.
    #[schema(pattern = "^(/[a-z0-9][a-z0-9_-]{0,63}){1,64}$", max_length = 1024)]
    account: String,
    /// Of which unit.
    unit: String,
    /// How much more than was permitted until now.
    // 2^53 - 1: readers of JSON do not agree on larger numbers (RFC 8259, 6).
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    more: u64,
    /// Why, for the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// The id of this request: sent again with it, the request is answered as the first was, and is
    /// not carried out again.
    #[schema(pattern = "^[!-~]{1,128}$", max_length = 128)]
    request_id: Option<String>,
}

/// Permits more of a budget: agents that it holds go on at once. Where budgets are kept, it is on
/// disk when this is answered, and outlives restarts. It is on record as an event, whatever comes of it.
/// Sent again it permits as much again, unless it is sent with its `request_id`. An `Idempotency-Key`
/// is refused with 400.
#[utoipa::path(post, path = "/api/v1/budgets/raise", tag = "budgets", request_body = RaiseSchema,
    responses((status = 200, description = "the budget as it is now", body = BudgetSchema),
        (status = 404, description = "no budget for that path", body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 422, description = "that unit is not limited", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn raise(
    asker: Asker,
    _: NoQuery,
    headers: HeaderMap,
    Json(raise): Json<RaiseBudget>,
) -> Result<axum::Json<AccountView>, Problem> {
    without_key(&headers, "a raise has none, but may have a `request_id` in its body")
        .map_err(|problem| problem.next(ID_IN_BODY))?;
    asker.ask(raise).await.map(axum::Json)
}
