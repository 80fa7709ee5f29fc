//! The operation of each route.

/// A route and its operation.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) operation: &'static str,
}

macro_rules! routes {
    ($($method:literal $path:literal => $operation:literal;)*) => {
        /// The routes of the API with paths of their own. Every operation has one more, by its
        /// name: see `ops.rs`.
        pub(super) const ROUTES: &[Route] = &[
            $(Route { method: $method, path: $path, operation: $operation }),*
        ];
    };
}

routes! {
    "POST" "/api/v1/tasks" => "tasks.submit";
    "GET" "/api/v1/tasks" => "tasks.list";
    "POST" "/api/v1/tasks/batch" => "tasks.submit_batch";
    "GET" "/api/v1/tasks/{id}" => "tasks.get";
    "GET" "/api/v1/tasks/{id}/result" => "tasks.result";
    "POST" "/api/v1/tasks/{id}/cancel" => "tasks.cancel";
    "POST" "/api/v1/tasks/{id}/retry" => "tasks.retry";
    "GET" "/api/v1/budgets" => "budgets.list";
    "POST" "/api/v1/budgets/raise" => "budgets.raise";
    "GET" "/api/v1/tree" => "tree.show";
    "GET" "/api/v1/services" => "names.list";
    "GET" "/api/v1/resources" => "node.resources";
    "GET" "/api/v1/metrics/integration" => "node.interactions";
    "GET" "/api/v1/events" => "events.follow";
    "GET" "/health/startup" => "node.probe";
    "GET" "/health/live" => "node.probe";
    "GET" "/health/ready" => "node.probe";
}
