//! A network that can be cut: a proxy on loopback between clients and a service.
//!
//! Packet filters of the kernel would be closer to a real partition, but they need rights that a test
//! seldom has. The proxy shows clients what they would see: connections that end, bytes that do not
//! come, answers that are lost or late.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A connection that is silent for this long is ended, and no thread of the proxy waits longer.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// Bytes that the proxy holds in one direction of a connection. The sender waits when there are more.
const CHUNK: usize = 16 << 10;

/// The present behaviour of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Every byte passes after a delay.
    Up {
        /// The delay of each chunk, in each direction.
        delay: Duration,
    },
    /// Connections are ended, and new ones are ended at once.
    Cut,
    /// Connections stay open, and no byte passes. What was sent arrives when the network is restored,
    /// as with TCP.
    Silent,
    /// Requests arrive, answers do not.
    HalfOpen,
}

impl Link {
    /// An undisturbed network.
    pub const CLEAR: Self = Self::Up { delay: Duration::ZERO };

    /// Returns the delay of bytes in this direction; `None` if they may not pass.
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

/// A TCP proxy on a free port of loopback. Dropping it ends its connections and its threads.
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
    /// Both sockets of each connection, to shut them down from another thread.
    open: BTreeMap<u64, [TcpStream; 2]>,
}

impl Proxy {
    /// Starts a proxy to this address, with an undisturbed network.
    ///
    /// # Errors
    /// If no port of loopback can be bound.
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

    /// Returns the address that clients connect to.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sets what the network does from now on.
    pub fn set(&self, link: Link) {
        let mut state = self.shared.lock();
        state.link = link;
        if link == Link::Cut {
            state.end_all();
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Cuts clients and service off from each other; see [`Link::Cut`].
    pub fn inject_network_partition(&self) {
        self.set(Link::Cut);
    }

    /// Restores an undisturbed network; see [`Link::CLEAR`].
    pub fn restore_network(&self) {
        self.set(Link::CLEAR);
    }

    /// Counts the connections that clients have made so far, including those that were cut at once.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Counts the open connections.
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
        // `accept` has no deadline: a connection of our own wakes the thread, which then sees that it
        // is over.
        let woken = TcpStream::connect_timeout(&self.addr, LONGEST_SILENCE).is_ok();
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
        // A panic cannot leave the state half changed, so a poisoned lock is fine.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let client = listener.accept();
            if self.lock().over {
                return;
            }
            // To a client, a failure here looks like a lost connection, which is what a network may do.
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
        let service = TcpStream::connect_timeout(&self.target, LONGEST_SILENCE)?;
        for end in [&client, &service] {
            end.set_nodelay(true)?;
            end.set_read_timeout(Some(LONGEST_SILENCE))?;
            end.set_write_timeout(Some(LONGEST_SILENCE))?;
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

    /// Copies bytes in one direction until the sender ends. The caller ends both directions on an error.
    fn pump(&self, id: u64, way: Way, mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from.read(&mut chunk)?;
            self.wait(id, way)?;
            if read == 0 {
                to.shutdown(Shutdown::Write)?;
                // A client that has ended its side still waits for answers. When the service has
                // ended, the connection is over, and the error ends both directions.
                return if way == Way::Back {
                    Err(io::ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(())
                };
            }
            to.write_all(&chunk[..read])?;
        }
    }

    /// Waits until bytes may pass in this direction.
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
                None if waited >= LONGEST_SILENCE => return Err(io::ErrorKind::TimedOut.into()),
                None => LONGEST_SILENCE.saturating_sub(waited),
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
