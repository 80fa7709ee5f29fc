//! A stand-in for an external HTTP service: it gives the answers that the test sets, and records its
//! requests.

use ms_core::time::later;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longest wait for a caller to send or take bytes.
const CALLER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest line of a request's head, and longest body, in bytes.
const HEAD_MAX: u64 = 16 << 10;
const BODY_MAX: u64 = 1 << 20;
/// Most requests that are recorded. Later ones are answered all the same.
const KEPT: usize = 10_000;

/// A request that the service got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// The lines of the head after the first.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

/// An HTTP service on a free port of loopback. It answers 404 to a path without an answer, and closes
/// the connection after each answer. Dropping it ends it.
///
/// ```
/// use std::io::{Read, Write};
/// use std::time::Duration;
/// use ms_testkit::OutsideService;
///
/// let payments = OutsideService::start().unwrap();
/// payments.answer("/pay", 202, "{}");
/// let mut caller = std::net::TcpStream::connect(payments.addr()).unwrap();
/// caller.write_all(b"POST /pay HTTP/1.1\r\nContent-Length: 2\r\n\r\n17").unwrap();
/// let mut answer = String::new();
/// caller.read_to_string(&mut answer).unwrap();
/// assert!(answer.starts_with("HTTP/1.1 202 "));
/// assert_eq!(payments.asked(1, Duration::from_secs(5))[0].body, "17");
/// ```
#[doc(alias = "mock_servers")]
#[derive(Debug)]
pub struct OutsideService {
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    answers: BTreeMap<String, (u16, String)>,
    asked: Vec<Request>,
    over: bool,
}

impl OutsideService {
    /// Starts a service without any answers.
    ///
    /// # Errors
    /// If no port of loopback can be bound.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let serves = Arc::clone(&shared);
        let acceptor = thread::spawn(move || serves.accept(&listener));
        Ok(Self { addr, shared, acceptor: Some(acceptor) })
    }

    /// Returns the address it listens on.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sets the answer to requests for this path, whatever their method.
    pub fn answer(&self, path: &str, status: u16, body: &str) {
        self.shared.lock().answers.insert(path.to_owned(), (status, body.to_owned()));
    }

    /// Waits until there were `count` requests, but no longer than `within`, and returns all so far in
    /// the order of their answers.
    #[must_use]
    pub fn asked(&self, count: usize, within: Duration) -> Vec<Request> {
        let end = later(Instant::now(), within);
        let mut state = self.shared.lock();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if state.asked.len() >= count || left.is_zero() {
                return state.asked.clone();
            }
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for OutsideService {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        // `accept` has no deadline: a connection of our own wakes the thread, which then sees that it
        // is over.
        let woken = TcpStream::connect_timeout(&self.addr, CALLER_TIMEOUT).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            drop(acceptor.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the state half changed, so a poisoned lock is fine.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let caller = listener.accept();
            if self.lock().over {
                return;
            }
            if let Ok((caller, _)) = caller {
                let shared = Arc::clone(self);
                // A caller that breaks the protocol gets no answer.
                thread::spawn(move || drop(shared.serve(&caller)));
            }
        }
    }

    fn serve(&self, mut caller: &TcpStream) -> io::Result<()> {
        caller.set_read_timeout(Some(CALLER_TIMEOUT))?;
        caller.set_write_timeout(Some(CALLER_TIMEOUT))?;
        let request = read(caller)?;
        let (status, body) = {
            let mut state = self.lock();
            let answer = state.answers.get(&request.path).cloned();
            if state.asked.len() < KEPT {
                state.asked.push(request);
            }
            answer.unwrap_or((404, String::new()))
        };
        self.changed.notify_all();
        let head = "Content-Type: application/json\r\nConnection: close\r\nContent-Length:";
        write!(caller, "HTTP/1.1 {status} Told\r\n{head} {}\r\n\r\n{body}", body.len())
    }
}

fn read(caller: &TcpStream) -> io::Result<Request> {
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    let mut lines = BufReader::new(caller);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if (&mut lines).take(HEAD_MAX).read_line(&mut line)? == 0 || head.len() > 100 {
            return Err(odd());
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let mut first = head.first().ok_or_else(odd)?.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (first.next(), first.next()) else { return Err(odd()) };
    let headers = head.split_off(1);
    let mut fields = headers.iter().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.map_or(Ok(0), |(_, value)| value.trim().parse().map_err(|_| odd()))?;
    let mut body = String::new();
    lines.take(u64::min(length, BODY_MAX)).read_to_string(&mut body)?;
    Ok(Request { method, path, headers, body })
}
