//! What is used of budgets, beside the tasks.

use ms_core::ActorPath;
use ms_task::StoreFuture;
use ms_task::budget::{BudgetStore, KeptUsage};
use sqlx::{Row, SqliteConnection};

use crate::handle::SqliteTasks;
use crate::messages::{Read, Write};
use crate::rows::json;

const KEEP: &str = "INSERT INTO budgets (account, unit, used, raised) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1) WHERE true \
    ON CONFLICT (account, unit) DO UPDATE SET used = excluded.used, raised = excluded.raised";
const KEPT: &str = "SELECT account, unit, used, raised FROM budgets";

/// Writes these, each in place of what was kept of its unit; how many rows that changed.
pub(crate) async fn keep(
    conn: &mut SqliteConnection,
    usage: &[KeptUsage],
) -> Result<u64, sqlx::Error> {
    let row = |one: &KeptUsage| {
        (one.account.to_string(), one.unit.clone(), fits(one.used), fits(one.raised))
    };
    let rows: Vec<_> = usage.iter().map(row).collect();
    Ok(sqlx::query(KEEP).bind(json(&rows)?).execute(conn).await?.rows_affected())
}

/// All that is kept; what is no path any more is nobody's.
pub(crate) async fn kept(conn: &mut SqliteConnection) -> Result<Vec<KeptUsage>, sqlx::Error> {
    let rows = sqlx::query(KEPT).fetch_all(conn).await?;
    let mut kept = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Ok(account) = ActorPath::new(row.try_get::<&str, _>(0)?) {
            kept.push(KeptUsage {
                account,
                unit: row.try_get(1)?,
                used: row.try_get::<i64, _>(2)?.cast_unsigned(),
                raised: row.try_get::<i64, _>(3)?.cast_unsigned(),
            });
        }
    }
    Ok(kept)
}

/// SQLite's integers have 63 bits beside the sign.
fn fits(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

impl BudgetStore for SqliteTasks {
    fn kept(&self) -> StoreFuture<Vec<KeptUsage>> {
        self.call(Read::Budgets)
    }

    fn keep(&self, usage: Vec<KeptUsage>) -> StoreFuture<()> {
        self.call(|reply| Write::Budgets(usage, reply))
    }
}
