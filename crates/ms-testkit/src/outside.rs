//! A service of somebody else's, played by the test: it answers as it is told and writes down what it
//! was asked.

use ms_core::time::later;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longest wait for bytes of a caller.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest head of a request, and longest body, in bytes.
const HEAD_MAX: u64 = 16 << 10;
const BODY_MAX: u64 = 1 << 20;
/// Requests that are written down; later ones are answered only.
const KEPT: usize = 10_000;

/// What it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// The lines of the head behind the first.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

/// An HTTP service on a free port of loopback. What it was told no answer for is 404; each answer
/// closes its connection. Dropped, it is gone.
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
    /// Starts it; it knows no path yet.
    ///
    /// # Errors
    /// No port of loopback could be bound.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let serves = Arc::clone(&shared);
        let acceptor = thread::spawn(move || serves.accept(&listener));
        Ok(Self { addr, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on this path is answered so, whatever the method.
    pub fn answer(&self, path: &str, status: u16, body: &str) {
        self.shared.lock().answers.insert(path.to_owned(), (status, body.to_owned()));
    }

    /// What it was asked so far, in the order of the answers; waits until there are so many, and
    /// no longer than `within`.
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
        // The acceptor looks again when somebody comes.
        let woken = TcpStream::connect_timeout(&self.addr, PATIENCE).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            drop(acceptor.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in it can be left half done.
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
                // A caller that does not keep to the protocol gets no answer.
                thread::spawn(move || drop(shared.serve(&caller)));
            }
        }
    }

    fn serve(&self, mut caller: &TcpStream) -> io::Result<()> {
        caller.set_read_timeout(Some(PATIENCE))?;
        caller.set_write_timeout(Some(PATIENCE))?;
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
