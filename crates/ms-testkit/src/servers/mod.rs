//! Real servers for tests, each on a free port of loopback and in a directory of its own.
//!
//! The programs must be installed. A missing one is an error that names its Debian package: a test
//! never passes without its server. Dropping the value ends the server and removes its directory,
//! also if the test panics.
//!
//! ```no_run
//! use ms_testkit::servers::{PostgresServer, RedisServer};
//!
//! let postgres = PostgresServer::start()?;
//! let redis = RedisServer::start()?;
//! println!("{} and {}", postgres.url(), redis.url());
//! # Ok::<(), ms_testkit::servers::ServerError>(())
//! ```
//!
//! A start blocks the calling thread for up to a minute: call it before the runtime of a test runs,
//! not inside it.

mod process;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::thread;

use process::{Account, Process, Program};

use crate::outside::OutsideService;

/// Why a server is not available.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Its program is not installed.
    #[error(
        "`{program}` is neither on PATH nor in Debian's usual directory; install it: apt-get install {package}"
    )]
    Missing {
        /// The program.
        program: &'static str,
        /// The Debian package it is in.
        package: &'static str,
    },
    /// The operating system refused something.
    #[error("`{program}` cannot be run")]
    System {
        /// The program.
        program: &'static str,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// It ended by itself. The log says why.
    #[error("`{program}` ended ({status}); the end of its log:\n{log}")]
    Exited {
        /// The program.
        program: &'static str,
        /// Its exit status.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// It was not ready in time. The log may say why.
    #[error("`{program}` was not ready within a minute; the end of its log:\n{log}")]
    NotReady {
        /// The program.
        program: &'static str,
        /// The end of its log.
        log: String,
    },
}

const INITDB: Program = Program { name: "initdb", package: "postgresql" };
const POSTGRES: Program = Program { name: "postgres", package: "postgresql" };
const PSQL: Program = Program { name: "psql", package: "postgresql-client" };
const REDIS: Program = Program { name: "redis-server", package: "redis-server" };
const NATS: Program = Program { name: "nats-server", package: "nats-server" };

/// A PostgreSQL server with an empty database `postgres` and a superuser of that name, without a
/// password.
#[doc(alias = "TestDatabase")]
#[derive(Debug)]
pub struct PostgresServer(Process);

impl PostgresServer {
    /// Makes a database cluster and starts it. It never waits for the disk: its data need not survive
    /// the test.
    ///
    /// # Errors
    /// [`ServerError`] if it is not ready within a minute.
    pub fn start() -> Result<Self, ServerError> {
        let (initdb, postgres) = (INITDB.find()?, POSTGRES.find()?);
        // PostgreSQL refuses to run as root.
        let account = Account::without_rights().map_err(|source| POSTGRES.failed(source))?;
        let dir = process::directory(account).map_err(|source| POSTGRES.failed(source))?;
        let data = dir.path().join("data");
        let mut init = Command::new(initdb);
        init.args(["--username=postgres", "--auth=trust", "--no-sync", "--no-locale"])
            .args(["--encoding=UTF8", "--pgdata"])
            .arg(&data);
        process::run(INITDB, init, account, dir.path())?;
        let command = |port: u16| {
            let mut server = Command::new(&postgres);
            server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
            for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
                server.args(["-c", setting]);
            }
            server
        };
        process::serve(POSTGRES, account, dir, command, serves_postgres).map(Self)
    }

    /// Returns the address it listens on.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Executes SQL in one transaction, such as a schema or the initial data of a test.
    ///
    /// # Errors
    /// [`ServerError::Exited`] with the message of the server if it refuses the SQL.
    #[doc(alias = "run_migrations")]
    pub fn run(&self, sql: &str) -> Result<(), ServerError> {
        let dir = process::directory(None).map_err(|source| PSQL.failed(source))?;
        let mut psql = Command::new(PSQL.find()?);
        psql.args([
            "--no-psqlrc",
            "--no-password",
            "--set=ON_ERROR_STOP=1",
            "--single-transaction",
        ])
        .args(["--dbname", &self.url(), "--command", sql]);
        process::run(PSQL, psql, None, dir.path())
    }

    /// Returns the URL that clients connect with.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.addr())
    }
}

/// A Redis server that keeps nothing on disk.
#[derive(Debug)]
pub struct RedisServer(Process);

impl RedisServer {
    /// Starts a server.
    ///
    /// # Errors
    /// [`ServerError`] if it is not ready within a minute.
    pub fn start() -> Result<Self, ServerError> {
        let program = REDIS.find()?;
        let dir = process::directory(None).map_err(|source| REDIS.failed(source))?;
        let at = dir.path().to_owned();
        let command = |port: u16| {
            let mut server = Command::new(&program);
            server.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
            server.args(["--appendonly", "no", "--daemonize", "no", "--dir"]).arg(&at);
            server
        };
        process::serve(REDIS, None, dir, command, |stream| answers(stream, "PING\r\n", "+PONG"))
            .map(Self)
    }

    /// Returns the address it listens on.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Returns the URL that clients connect with.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/", self.addr())
    }
}

/// A NATS server with JetStream.
#[derive(Debug)]
pub struct NatsServer(Process);

impl NatsServer {
    /// Starts a server.
    ///
    /// # Errors
    /// [`ServerError`] if it is not ready within a minute.
    pub fn start() -> Result<Self, ServerError> {
        let program = NATS.find()?;
        let dir = process::directory(None).map_err(|source| NATS.failed(source))?;
        let store: PathBuf = dir.path().join("jetstream");
        let command = |port: u16| {
            let mut server = Command::new(&program);
            server.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(&store);
            server
        };
        // NATS sends a greeting first, and answers `PING` only after `CONNECT`.
        process::serve(NATS, None, dir, command, |stream| {
            answers(stream, "CONNECT {\"verbose\":false}\r\nPING\r\n", "PONG")
        })
        .map(Self)
    }

    /// Returns the address it listens on.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Returns the URL that clients connect with.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.addr())
    }
}

/// The surroundings of a service: the three servers, and an external HTTP service.
#[doc(alias = "IntegrationTestHarness")]
#[derive(Debug)]
pub struct Servers {
    /// The database.
    pub postgres: PostgresServer,
    /// The cache.
    pub redis: RedisServer,
    /// The bus.
    pub nats: NatsServer,
    /// The external HTTP service.
    pub outside: OutsideService,
}

impl Servers {
    /// Starts all of them at the same time, and executes these migrations in order.
    ///
    /// # Errors
    /// The error of the first that does not start. The others are ended again.
    ///
    /// # Panics
    /// If the start of one panics.
    pub fn start(migrations: &[&str]) -> Result<Self, ServerError> {
        let outside = OutsideService::start()
            .map_err(|source| ServerError::System { program: "the service outside", source })?;
        thread::scope(|scope| {
            let postgres = scope.spawn(|| migrated(migrations));
            let redis = scope.spawn(RedisServer::start);
            let nats = NatsServer::start();
            let (postgres, redis) = (joined(postgres), joined(redis));
            Ok(Self { postgres: postgres?, redis: redis?, nats: nats?, outside })
        })
    }
}

fn migrated(migrations: &[&str]) -> Result<PostgresServer, ServerError> {
    let postgres = PostgresServer::start()?;
    migrations.iter().try_for_each(|sql| postgres.run(sql))?;
    Ok(postgres)
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Sends `say`, and says whether the server then sends a line that begins with `wanted`.
fn answers(mut stream: &TcpStream, say: &str, wanted: &str) -> io::Result<bool> {
    stream.write_all(say.as_bytes())?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if line.starts_with(wanted) {
            return Ok(true);
        }
    }
}

/// Says whether the server accepts a login. While it starts, it accepts connections and refuses logins.
fn serves_postgres(mut stream: &TcpStream) -> io::Result<bool> {
    // <https://www.postgresql.org/docs/current/protocol-message-formats.html>, StartupMessage.
    let mut hello = 196_608_u32.to_be_bytes().to_vec();
    hello.extend_from_slice(b"user\0postgres\0database\0postgres\0\0");
    let length = u32::try_from(hello.len() + 4).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &hello].concat())?;
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    // `R` asks for or confirms authentication, `E` is an error. `X` ends the session.
    stream.write_all(b"X\0\0\0\x04")?;
    Ok(kind == *b"R")
}
