//! The schema and its versions.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use ms_core::task::StoreError;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqliteConnection};

use crate::error::classify;

/// All versions, oldest first. A released one is never changed: add another.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "tasks", include_str!("../migrations/0001_tasks.sql")),
    (2, "order", include_str!("../migrations/0002_order.sql")),
    (3, "budgets", include_str!("../migrations/0003_budgets.sql")),
];

/// Brings the database to the newest version known here.
pub(crate) async fn migrate(conn: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let migrations = MIGRATIONS.iter().map(|&(version, name, sql)| {
        let kind = MigrationType::Simple;
        Migration::new(version, Cow::Borrowed(name), kind, sql.into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    let known = MIGRATIONS.last().map_or(0, |&(version, ..)| version);
    migrator.run(conn).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) => StoreError::NewerSchema { found, known },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            classify(error, path)
        }
        MigrateError::VersionMismatch(version) => StoreError::Corrupt {
            path: path.display().to_string(),
            what: format!("its schema version {version} is not the one this program made"),
        },
        other => StoreError::Other(Arc::new(other)),
    })
}
