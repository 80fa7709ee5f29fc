//! The server that one would write by hand: axum, sqlx, one insert for each request, one transaction
//! for each batch.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor, SqliteConnection, SqlitePool};
use std::time::Duration;

/// The first argument that makes this program the plain server.
pub const FLAG: &str = "--plain-server";

pub fn serve(database: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(database)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(60));
        // SQLite has one writer: more connections would only wait for each other.
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = pool.acquire_timeout(Duration::from_secs(60)).connect_with(options).await;
        let pool = pool.expect("opens");
        let table = "CREATE TABLE tasks (id TEXT PRIMARY KEY, state INTEGER NOT NULL, \
                     kind TEXT NOT NULL, payload TEXT NOT NULL)";
        pool.execute(table).await.expect("made");
        let app = axum::Router::new()
            .route("/health/startup", get(async || StatusCode::OK))
            .route("/api/v1/tasks", post(one))
            .route("/api/v1/tasks/batch", post(many))
            .with_state(pool);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let at = listener.local_addr().expect("bound");
        say(&format!("listening at={at}"));
        axum::serve(listener, app).await.expect("serves");
    });
}

#[allow(clippy::print_stderr, reason = "a benchmark")]
fn say(text: &str) {
    eprintln!("{text}");
}

async fn insert(connection: &mut SqliteConnection, task: &Value) -> Result<String, StatusCode> {
    let id = uuid::Uuid::now_v7().to_string();
    let kind = task["kind"].as_str().ok_or(StatusCode::BAD_REQUEST)?;
    sqlx::query("INSERT INTO tasks (id, state, kind, payload) VALUES (?1, 0, ?2, ?3)")
        .bind(&id)
        .bind(kind)
        .bind(task["payload"].to_string())
        .execute(connection)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(id)
}

async fn one(
    State(pool): State<SqlitePool>,
    Json(task): Json<Value>,
) -> Result<(StatusCode, Json<String>), StatusCode> {
    let mut connection = pool.acquire().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let id = insert(&mut connection, &task).await?;
    Ok((StatusCode::CREATED, Json(id)))
}

async fn many(
    State(pool): State<SqlitePool>,
    Json(tasks): Json<Vec<Value>>,
) -> Result<(StatusCode, Json<Vec<String>>), StatusCode> {
    let failed = |_| StatusCode::SERVICE_UNAVAILABLE;
    let mut transaction = pool.begin().await.map_err(failed)?;
    let mut ids = Vec::new();
    for task in &tasks {
        ids.push(insert(&mut transaction, task).await?);
    }
    transaction.commit().await.map_err(failed)?;
    Ok((StatusCode::CREATED, Json(ids)))
}
