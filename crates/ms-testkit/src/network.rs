//! A network that can be cut: a proxy on loopback between clients and a service.
//!
//! Kernel filters need rights that a test seldom has; what a client sees of a partition is
//! made here of plain sockets: connections that end, bytes that do not come, answers that
//! are lost, answers that are late.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No connection outlives a silence of this length, and no thread of the proxy waits longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes that are on their way in one direction of a connection; behind them the sender waits.
const CHUNK: usize = 16 << 10;

/// What the network does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Every byte passes, this much later.
    Up {
        /// For each chunk, in each direction.
        delay: Duration,
    },
    /// Connections are ended, and new ones as soon as they are made.
    Cut,
    /// Connections stay, and no byte passes. What was sent arrives when it is restored, as with
    /// TCP.
    Silent,
    /// What clients send arrives; what is answered does not.
    HalfOpen,
}

impl Link {
    /// An undisturbed network.
    pub const CLEAR: Self = Self::Up { delay: Duration::ZERO };

    /// The delay with which bytes may pass this way, if they may at all.
    fn passes(self, way: Way) -> Option<Duration> {
        match (self, way) {
            (Self::Up { delay }, _) => Some(delay),
            (Self::HalfOpen, Way::There) => Some(Duration::ZERO),
            (Self::HalfOpen, Way::Back) | (Self::Silent | Self::Cut, _) => None,
        }
    }
}

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

/// A TCP proxy on a free port of loopback. Dropped, it ends its connections and its threads.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::{TcpListener, TcpStream};
/// use ms_testkit::network::Proxy;
///
/// let service = TcpListener::bind("127.0.0.1:0").unwrap();
/// let proxy = Proxy::to(service.local_addr().unwrap()).unwrap();
/// let mut client = TcpStream::connect(proxy.addr()).unwrap();
/// let (mut served, _) = service.accept().unwrap();
/// client.write_all(b"ping").unwrap();
/// let mut word = [0; 4];
/// served.read_exact(&mut word).unwrap();
/// proxy.inject_network_partition();
/// assert_eq!(client.read(&mut word).unwrap(), 0); // cut off
/// ```
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    accepted: AtomicUsize,
    target: SocketAddr,
}

#[derive(Debug)]
struct State {
    link: Link,
    over: bool,
    next: u64,
    /// Both ends of each connection, to be shut from outside.
    open: BTreeMap<u64, [TcpStream; 2]>,
}

impl Proxy {
    /// A clear way to this address.
    ///
    /// # Errors
    /// No port of loopback could be bound.
    pub fn to(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let state = State { link: Link::CLEAR, over: false, next: 0, open: BTreeMap::new() };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            accepted: AtomicUsize::new(0),
            target,
        });
        let accepts = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accepts.accept(&listener));
        Ok(Self { addr, shared, acceptor: Some(acceptor) })
    }

    /// Where clients connect to.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Has the network be so from now on.
    pub fn set(&self, link: Link) {
        let mut state = self.shared.lock();
        state.link = link;
        if link == Link::Cut {
            state.end_all();
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Cuts clients and service off from each other: [`Link::Cut`].
    pub fn inject_network_partition(&self) {
        self.set(Link::Cut);
    }

    /// Undoes whatever was done: [`Link::CLEAR`].
    pub fn restore_network(&self) {
        self.set(Link::CLEAR);
    }

    /// Connections that clients have made so far, those that were cut at once included.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Connections that are open at present.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.lock().open.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.over = true;
        state.end_all();
        drop(state);
        self.shared.changed.notify_all();
        // The acceptor looks again when somebody comes.
        let woken = TcpStream::connect_timeout(&self.addr, PATIENCE).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            drop(acceptor.join());
        }
    }
}

impl State {
    fn end_all(&mut self) {
        for end in std::mem::take(&mut self.open).into_values().flatten() {
            // It may have ended by itself.
            drop(end.shutdown(Shutdown::Both));
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
            let client = listener.accept();
            if self.lock().over {
                return;
            }
            // One that cannot be accepted or connected is one that the network lost.
            if let Ok((client, _)) = client {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                drop(self.join(client));
            }
        }
    }

    /// Connects a client with the service.
    fn join(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        if self.lock().link == Link::Cut {
            return Ok(());
        }
        let service = TcpStream::connect_timeout(&self.target, PATIENCE)?;
        for end in [&client, &service] {
            end.set_nodelay(true)?;
            end.set_read_timeout(Some(PATIENCE))?;
            end.set_write_timeout(Some(PATIENCE))?;
        }
        let (there, back) = (
            (client.try_clone()?, service.try_clone()?),
            (service.try_clone()?, client.try_clone()?),
        );
        let mut state = self.lock();
        if state.over || state.link == Link::Cut {
            return Ok(());
        }
        let id = state.next;
        state.next += 1;
        state.open.insert(id, [client, service]);
        drop(state);
        for (way, (from, to)) in [(Way::There, there), (Way::Back, back)] {
            let shared = Arc::clone(self);
            thread::spawn(move || {
                if shared.pump(id, way, from, to).is_err() {
                    shared.end(id);
                }
            });
        }
        Ok(())
    }

    /// Carries bytes one way until the sender ends; an error ends both ways.
    fn pump(&self, id: u64, way: Way, mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from.read(&mut chunk)?;
            self.wait(id, way)?;
            if read == 0 {
                to.shutdown(Shutdown::Write)?;
                return if way == Way::Back {
                    Err(io::ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(())
                };
            }
            to.write_all(&chunk[..read])?;
        }
    }

    /// Waits until bytes may pass.
    fn wait(&self, id: u64, way: Way) -> io::Result<()> {
        let came = Instant::now();
        let mut state = self.lock();
        loop {
            if state.over || !state.open.contains_key(&id) {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            let waited = came.elapsed();
            let rest = match state.link.passes(way) {
                Some(delay) if waited >= delay => return Ok(()),
                Some(delay) => delay.saturating_sub(waited),
                None if waited >= PATIENCE => return Err(io::ErrorKind::TimedOut.into()),
                None => PATIENCE.saturating_sub(waited),
            };
            let woken = self.changed.wait_timeout(state, rest);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn end(&self, id: u64) {
        for end in self.lock().open.remove(&id).into_iter().flatten() {
            drop(end.shutdown(Shutdown::Both));
        }
    }
}
