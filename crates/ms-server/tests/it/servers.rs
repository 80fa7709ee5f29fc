//! Shutdown beside real databases, which the test starts: connections are closed, and what is
//! kept there is left alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::System;
use ms_core::lifecycle::Phase;
use ms_runtime::{
    Builder, CleanupError, CleanupFuture, CleanupOutcome, Component, ComponentContext,
    ComponentFailure, ComponentSpec, ConnectionPool, ControlEndpoint, DatabaseCleanupHandler,
    RunConfig, Settings, ShutdownReason,
};
use ms_testkit::servers::{NatsServer, PostgresServer, RedisServer, Servers};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::{Instant, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(180);
/// What the servers know this program's connections by.
const OURS: &str = "ms-framework-test";

/// The connections of the component below; the handler closes them.
#[derive(Default)]
struct Postgres(Mutex<Option<PgPool>>);

impl Postgres {
    fn pool(&self) -> Option<PgPool> {
        self.0.lock().unwrap().clone()
    }
}

impl ConnectionPool for Postgres {
    fn name(&self) -> &str {
        "postgres"
    }
    fn close(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        Box::pin(async {
            if let Some(pool) = self.pool() {
                pool.close().await;
            }
            Ok(())
        })
    }
    fn is_closed(&self) -> bool {
        self.pool().is_none_or(|pool| pool.is_closed())
    }
}

#[derive(Default)]
struct Redis(Mutex<Option<MultiplexedConnection>>);

impl ConnectionPool for Redis {
    fn name(&self) -> &str {
        "redis"
    }
    fn close(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        // Dropped, it is closed.
        drop(self.0.lock().unwrap().take());
        Box::pin(async { Ok(()) })
    }
    fn is_closed(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }
}

/// A component that works with both.
struct Data {
    postgres: Arc<Postgres>,
    redis: Arc<Redis>,
    urls: [String; 2],
}

impl Component for Data {
    async fn init(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
        let [postgres, redis] = &self.urls;
        let options: PgConnectOptions = postgres.parse()?;
        let pool = PgPoolOptions::new().min_connections(3).max_connections(3);
        let pool = pool.connect_with(options.application_name(OURS)).await?;
        pool.execute("CREATE TABLE kept (n INT)").await?;
        pool.execute("INSERT INTO kept VALUES (42)").await?;
        *self.postgres.0.lock().unwrap() = Some(pool);
        let mut cache =
            redis::Client::open(redis.as_str())?.get_multiplexed_async_connection().await?;
        redis::cmd("CLIENT").arg("SETNAME").arg(OURS).exec_async(&mut cache).await?;
        cache.set::<_, _, ()>("ours:key", 1).await?;
        *self.redis.0.lock().unwrap() = Some(cache);
        Ok(())
    }
}

/// How many connections of ours Postgres sees.
async fn sessions(watcher: &mut PgConnection) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    sqlx::query_scalar(sql).bind(OURS).fetch_one(watcher).await.unwrap()
}

/// Whether Redis sees a connection of ours.
async fn is_connected(watcher: &mut MultiplexedConnection) -> bool {
    let list: String = redis::cmd("CLIENT").arg("LIST").query_async(watcher).await.unwrap();
    list.contains(&format!("name={OURS} "))
}

/// S5.2-05, S5.2-06, S6.1-02, S6.1-06: with a real Postgres and a real Redis: after the shutdown
/// `pg_stat_activity` has no connection of ours, and every key in Redis is still there.
#[test]
fn a_shutdown_closes_every_connection_and_empties_nothing() {
    let (postgres, redis) = (PostgresServer::start().unwrap(), RedisServer::start().unwrap());
    let urls = [postgres.url(), redis.url()];
    let test = async {
        let mut in_postgres = PgConnection::connect(&urls[0]).await.unwrap();
        let client = redis::Client::open(urls[1].as_str()).unwrap();
        let mut in_redis = client.get_multiplexed_async_connection().await.unwrap();
        in_redis.set::<_, _, ()>("another's:key", "kept").await.unwrap();

        let (pool, cache) = (Arc::<Postgres>::default(), Arc::<Redis>::default());
        let made = (pool.clone(), cache.clone(), urls.clone());
        let data = ComponentSpec::new("data", move || Data {
            postgres: made.0.clone(),
            redis: made.1.clone(),
            urls: made.2.clone(),
        });
        let run = RunConfig::new("test").arbiters(2).control(ControlEndpoint::Off);
        let service = Builder::new(Settings::of(run))
            .component(data.phase(Phase::Data))
            .cleanup(DatabaseCleanupHandler::new(vec![pool, cache]))
            .start()
            .await
            .unwrap();
        assert_eq!(sessions(&mut in_postgres).await, 3);
        assert!(is_connected(&mut in_redis).await);

        let end = service.shut_down(ShutdownReason::Signal("SIGTERM")).await;
        assert_eq!(end.code(), 0);
        let cleanup = end.shutdown.as_ref().and_then(|summary| summary.cleanup.as_ref());
        let (name, outcome) = &cleanup.expect("ran").handlers[0];
        assert_eq!(name, DatabaseCleanupHandler::NAME);
        assert!(matches!(outcome, CleanupOutcome::Success(_)), "{outcome:?}");

        // A server notices an end when it reads: soon, and by no event to wait for.
        let end = Instant::now() + PATIENCE;
        while sessions(&mut in_postgres).await > 0 || is_connected(&mut in_redis).await {
            assert!(Instant::now() < end, "connections are left");
            sleep(Duration::from_millis(10)).await;
        }
        let kept: i32 =
            sqlx::query_scalar("SELECT n FROM kept").fetch_one(&mut in_postgres).await.unwrap();
        assert_eq!(kept, 42);
        let foreign: String = in_redis.get("another's:key").await.unwrap();
        assert_eq!(foreign, "kept");
        let ours: u32 = in_redis.get("ours:key").await.unwrap();
        assert_eq!(ours, 1);
    };
    System::new().block_on(async { timeout(PATIENCE, test).await.expect("in time") });
}

/// S6.1-02, S6.1-03: the harness starts Postgres, Redis and NATS at once, with a schema and a service of
/// somebody else's; each serves, and all are gone when it is dropped.
#[test]
fn the_harness_starts_all_servers_and_ends_them() {
    let migrations = ["CREATE TABLE first (n INT)", "INSERT INTO first VALUES (1), (2)"];
    let servers = Servers::start(&migrations).unwrap();
    servers.outside.answer("/rates", 200, "[7]");
    let addresses = [
        servers.postgres.addr(),
        servers.redis.addr(),
        servers.nats.addr(),
        servers.outside.addr(),
    ];
    // What is wrong with a migration is told, and nothing of it stays.
    let wrong = servers.postgres.run("INSERT INTO first VALUES (3); SELECT none FROM first");
    let told = wrong.expect_err("no such column").to_string();
    assert!(told.contains("\"none\" does not exist"), "{told}");
    let test = async {
        let mut database = PgConnection::connect(&servers.postgres.url()).await.unwrap();
        let sum: i64 =
            sqlx::query_scalar("SELECT sum(n) FROM first").fetch_one(&mut database).await.unwrap();
        assert_eq!(sum, 3);
        database.close().await.unwrap();
        let client = redis::Client::open(servers.redis.url()).unwrap();
        let mut cache = client.get_multiplexed_async_connection().await.unwrap();
        assert_eq!(cache.incr::<_, _, u32>("count", 2).await.unwrap(), 2);
        assert_eq!(published(&servers.nats).await, "MSG a.b 1 5");
        assert!(asked(servers.outside.addr()).await.ends_with("[7]"));
        assert_eq!(servers.outside.asked(1, PATIENCE)[0].path, "/rates");
    };
    System::new().block_on(async { timeout(PATIENCE, test).await.expect("in time") });
    drop(servers);
    for addr in addresses {
        assert!(std::net::TcpStream::connect(addr).is_err(), "{addr} is served still");
    }
}

/// The answer of a service over HTTP.
async fn asked(addr: std::net::SocketAddr) -> String {
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"GET /rates HTTP/1.1\r\nHost: outside\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// What NATS tells a subscriber when something is published, in its own protocol.
async fn published(nats: &NatsServer) -> String {
    let mut stream = BufReader::new(tokio::net::TcpStream::connect(nats.addr()).await.unwrap());
    let say = b"CONNECT {\"verbose\":false}\r\nSUB a.* 1\r\nPUB a.b 5\r\nhello\r\n";
    stream.get_mut().write_all(say).await.unwrap();
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).await.unwrap() > 0, "it hung up");
        if line.starts_with("MSG") {
            return line.trim().to_owned();
        }
    }
}
