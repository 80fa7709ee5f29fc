//! `/api/v1/budgets`: what agents may use, shown and raised.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use ms_actor::Node;
use ms_core::ActorPath;
use ms_core::budget::{AccountView, Budget};
use ms_core::view::EventKind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::accept::Peer;
use super::body::Json;
use super::gateway::Shared;
use super::ports::{BudgetRefusal, BudgetsPort};
use super::problem::{
    INTERNAL, MALFORMED, NO_BUDGET, Problem, ProblemDetails, TIMED_OUT, UNPROCESSABLE,
};
use super::query::NoQuery;
use super::tasks::without_key;

/// Longest reason for the record, in characters: so the document counts as well.
const REASON_MAX: usize = 500;

#[derive(Clone)]
pub(super) struct BudgetRoutes {
    pub(super) shared: Arc<Shared>,
    pub(super) node: Node,
    /// None where the node has no budgets.
    pub(super) port: Option<Arc<dyn BudgetsPort>>,
}

impl FromRef<BudgetRoutes> for Arc<Shared> {
    fn from_ref(routes: &BudgetRoutes) -> Self {
        Self::clone(&routes.shared)
    }
}

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
    State(routes): State<BudgetRoutes>,
    _: NoQuery,
) -> Result<axum::Json<Vec<AccountView>>, Problem> {
    let Some(port) = &routes.port else { return Ok(axum::Json(Vec::new())) };
    port.usage().await.map(axum::Json).map_err(refused)
}

const UNITS: &str = "GET /api/v1/budgets has the units that each budget limits";
const LOOK_FIRST: &str =
    "leave the header out; GET /api/v1/budgets says whether an earlier raise was carried out";
const MAYBE_RAISED: &str =
    "it may still be carried out: look at GET /api/v1/budgets before it is raised again";

/// How much more is permitted, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Raise {
    /// The path that the budget is for.
    #[schema(value_type = String, pattern = "^(/[a-z0-9][a-z0-9_-]{0,63}){1,64}$", max_length = 1024)]
    account: ActorPath,
    /// Of which unit.
    unit: String,
    /// How much more than was permitted until now.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    more: u64,
    /// Why, for the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// Permits more of a budget: agents that it holds go on at once. Where budgets are kept, it is on
/// disk when this is answered, and outlives restarts. It is on record as an event, whatever comes of it.
/// Sent again it permits as much again, and an `Idempotency-Key` is refused with 400.
#[utoipa::path(post, path = "/api/v1/budgets/raise", tag = "budgets", request_body = Raise,
    responses((status = 200, description = "the budget as it is now", body = BudgetSchema),
        (status = 404, description = "no budget for that path", body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 422, description = "that unit is not limited", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn raise(
    State(routes): State<BudgetRoutes>,
    Extension(Peer(peer)): Extension<Peer>,
    _: NoQuery,
    headers: HeaderMap,
    Json(raise): Json<Raise>,
) -> Result<axum::Json<AccountView>, Problem> {
    without_key(&headers, "a raise has none: sent again, it permits as much again")
        .map_err(|problem| problem.next(LOOK_FIRST))?;
    check(&raise)?;
    let by = format!("http {}", peer.ip());
    // In a task of its own: who hangs up does not keep it from being put on record.
    let raised = tokio::spawn(carry_out(routes, raise, by)).await;
    let raised = raised.map_err(|_| Problem::new(&INTERNAL, "the raise of the budget panicked"))?;
    raised.map(axum::Json).map_err(refused)
}

fn check(raise: &Raise) -> Result<(), Problem> {
    let wrong = |at: &str, what: String| Problem::new(&MALFORMED, what.clone()).at(at, what);
    let length = raise.reason.as_ref().map_or(0, |reason| reason.chars().count());
    match () {
        () if raise.more == 0 => Err(wrong("more", "more must be at least 1".to_owned())),
        () if length > REASON_MAX => Err(wrong(
            "reason",
            format!("the reason may have {REASON_MAX} characters, not {length}"),
        )),
        () => Ok(()),
    }
}

async fn carry_out(
    routes: BudgetRoutes,
    raise: Raise,
    by: String,
) -> Result<AccountView, BudgetRefusal> {
    let Raise { account, unit, more, reason } = raise;
    let verb = format!("budget raise {unit} by {more}");
    let raised = match &routes.port {
        Some(port) => port.raise(account.clone(), Budget::new().unit(unit, more)).await,
        None => Err(BudgetRefusal::NoBudget("this node has no budgets".to_owned())),
    };
    let outcome = raised.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
    routes.node.publish(EventKind::Steered { path: account, verb, by, reason, outcome });
    raised
}

fn refused(refusal: BudgetRefusal) -> Problem {
    let told = refusal.to_string();
    match refusal {
        BudgetRefusal::NoBudget(_) => Problem::new(&NO_BUDGET, told),
        BudgetRefusal::NoUnit(_) => {
            Problem::new(&UNPROCESSABLE, told.clone()).at("unit", told).next(UNITS)
        }
        BudgetRefusal::NoAnswer(_) => Problem::new(&TIMED_OUT, told).next(MAYBE_RAISED),
    }
}
