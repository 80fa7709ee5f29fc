//! Connections up to the limits, pauses, and the end, on a listener that follows a script.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use ms_net::{
    Accept, AcceptBackoff, ConnectionService, Connections, Drained, Full, Limits, Pauses, Stop,
    WhenFull, accept,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How a connection of the script ends. One with a capital name does not heed a drain.
enum End {
    Closed,
    Panics,
}

/// A connection of the script; its serving lasts until the other half says how it ends.
struct Scripted {
    name: char,
    heeds_drain: bool,
    end: oneshot::Receiver<End>,
}

type Step = io::Result<(Scripted, Ipv4Addr)>;

/// A listener that gives what a test sends it.
struct Script {
    steps: mpsc::Receiver<Step>,
    any: File,
}

impl AsFd for Script {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.any.as_fd()
    }
}

impl Accept for Script {
    type Stream = Scripted;
    type Peer = Ipv4Addr;

    async fn accept(&mut self) -> Step {
        match self.steps.recv().await {
            Some(step) => step,
            None => std::future::pending().await,
        }
    }

    fn address(peer: &Ipv4Addr) -> Option<IpAddr> {
        Some((*peer).into())
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Served(char),
    Finished(char),
    Refused(char, Full),
    Paused(Duration),
    Panicked(String),
}

use Seen::{Finished, Panicked, Paused, Refused, Served};

struct Recorder(mpsc::UnboundedSender<Seen>);

impl Recorder {
    fn saw(&self, seen: Seen) {
        // A test that looks no more has gone.
        drop(self.0.send(seen));
    }
}

impl ConnectionService for Recorder {
    type Listener = Script;
    type Caller = ();
    type Refusal = Full;

    fn identify(&self, _: &Scripted, peer: Ipv4Addr) -> Result<(), Full> {
        // A stranger, whatever the room.
        if peer.is_broadcast() { Err(Full::OfAddress { limit: 0 }) } else { Ok(()) }
    }

    async fn serve(self: Arc<Self>, stream: Scripted, (): (), stop: Stop) {
        self.saw(Served(stream.name));
        tokio::select! {
            end = stream.end => assert!(!matches!(end, Ok(End::Panics)), "on purpose"),
            () = stop.drain.cancelled(), if stream.heeds_drain => {}
        }
        self.saw(Finished(stream.name));
    }

    fn refuse(&self, stream: Scripted, refusal: Full) {
        self.saw(Refused(stream.name, refusal));
    }

    fn paused(&self, _: &io::Error, pause: Duration) {
        self.saw(Paused(pause));
    }

    fn panicked(&self, message: &str) {
        self.saw(Panicked(message.to_owned()));
    }
}

/// A loop on a script.
struct Bench {
    steps: mpsc::Sender<Step>,
    seen: mpsc::UnboundedReceiver<Seen>,
    connections: Connections,
    accepting: JoinHandle<()>,
}

const GRANTED: Limits = Limits {
    connections: 2,
    per_address: None,
    spare_descriptors: 0,
    when_full: WhenFull::Refuse,
    pauses: Pauses::InFull,
};
const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

impl Bench {
    fn new(limits: Limits) -> Self {
        let (steps, script) = mpsc::channel(16);
        let (record, seen) = mpsc::unbounded_channel();
        let any = File::open("/dev/null").expect("opens");
        let listener = Script { steps: script, any };
        let connections = Connections::default();
        let service = Arc::new(Recorder(record));
        let accepting = tokio::spawn(accept(listener, service, limits, connections.clone()));
        Self { steps, seen, connections, accepting }
    }

    async fn connects(&self, name: char) -> oneshot::Sender<End> {
        self.connects_from(HERE, name).await
    }

    async fn connects_from(&self, peer: Ipv4Addr, name: char) -> oneshot::Sender<End> {
        let (ends, end) = oneshot::channel();
        let stream = Scripted { name, heeds_drain: name.is_lowercase(), end };
        self.steps.send(Ok((stream, peer))).await.expect("is accepting");
        ends
    }

    async fn fails(&self, error: io::Error) {
        self.steps.send(Err(error)).await.expect("is accepting");
    }

    async fn sees(&mut self, expected: Seen) {
        assert_eq!(self.seen.recv().await, Some(expected));
    }

    /// Loop and connections are over, and nothing more came of them.
    async fn sees_nothing_more(&mut self) {
        assert_eq!(self.seen.recv().await, None);
    }

    /// Nothing comes, however long one waits.
    async fn sees_nothing(&mut self) {
        let more = tokio::time::timeout(Duration::from_secs(3600), self.seen.recv());
        more.await.expect_err("nothing is seen");
    }
}

/// Runs a test on a clock that jumps to the next timer when there is nothing else to do.
fn virtually(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().expect("a runtime").block_on(test);
}

fn none_left() -> io::Error {
    // EMFILE
    io::Error::from_raw_os_error(24)
}

#[test]
fn failures_are_paused_for_and_one_lost_connection_is_not() {
    virtually(async {
        let mut bench = Bench::new(GRANTED);
        bench.fails(none_left()).await;
        bench.fails(none_left()).await;
        bench.fails(io::ErrorKind::ConnectionReset.into()).await;
        let _open = bench.connects('a').await;
        let began = Instant::now();
        bench.sees(Paused(AcceptBackoff::FIRST)).await;
        bench.sees(Paused(2 * AcceptBackoff::FIRST)).await;
        bench.sees(Served('a')).await;
        assert_eq!(began.elapsed(), 3 * AcceptBackoff::FIRST);
        bench.fails(none_left()).await;
        bench.sees(Paused(AcceptBackoff::FIRST)).await;
    });
}

#[test]
fn a_drain_is_heard_before_the_next_connection_and_during_a_pause() {
    virtually(async {
        for fails in [true, false] {
            let mut bench = Bench::new(GRANTED);
            if fails {
                bench.fails(none_left()).await;
                bench.sees(Paused(AcceptBackoff::FIRST)).await;
            }
            bench.connections.stop().drain.cancel();
            let _late = bench.connects('a').await;
            let began = Instant::now();
            (&mut bench.accepting).await.expect("ends in order");
            assert_eq!(began.elapsed(), Duration::ZERO);
            bench.sees_nothing_more().await;
        }
    });
}

#[test]
fn what_has_no_room_hears_so_or_waits_until_there_is_some() {
    virtually(async {
        let mut bench = Bench::new(GRANTED);
        let first = bench.connects('a').await;
        let _second = bench.connects('b').await;
        bench.sees(Served('a')).await;
        bench.sees(Served('b')).await;
        let _third = bench.connects('c').await;
        bench.sees(Refused('c', Full::InTotal { limit: 2 })).await;
        drop(first);
        bench.sees(Finished('a')).await;

        let mut bench = Bench::new(Limits { when_full: WhenFull::Wait, ..GRANTED });
        let first = bench.connects('a').await;
        let _second = bench.connects('b').await;
        bench.sees(Served('a')).await;
        bench.sees(Served('b')).await;
        let _third = bench.connects('c').await;
        bench.sees_nothing().await;
        drop(first);
        bench.sees(Finished('a')).await;
        bench.sees(Served('c')).await;
    });
}

#[test]
fn a_stranger_is_turned_away_as_such_even_where_there_is_no_room() {
    virtually(async {
        let mut bench = Bench::new(Limits { connections: 0, ..GRANTED });
        let _stranger = bench.connects_from(Ipv4Addr::BROADCAST, 'a').await;
        bench.sees(Refused('a', Full::OfAddress { limit: 0 })).await;
    });
}

/// It gave a descriptor back.
#[test]
fn an_end_during_a_pause_cuts_it_short_where_that_is_wanted() {
    virtually(async {
        for (pauses, paused) in
            [(Pauses::UntilOneEnds, Duration::ZERO), (Pauses::InFull, AcceptBackoff::FIRST)]
        {
            let mut bench = Bench::new(Limits { pauses, ..GRANTED });
            let first = bench.connects('a').await;
            bench.sees(Served('a')).await;
            bench.fails(none_left()).await;
            let _second = bench.connects('b').await;
            bench.sees(Paused(AcceptBackoff::FIRST)).await;
            let began = Instant::now();
            drop(first);
            bench.sees(Finished('a')).await;
            bench.sees(Served('b')).await;
            // A timer fires at a millisecond, and not before it.
            assert_eq!(began.elapsed().as_millis(), paused.as_millis());
        }
    });
}

#[test]
fn a_panic_costs_its_own_connection_and_gives_the_place_back() {
    virtually(async {
        let mut bench = Bench::new(Limits { connections: 1, when_full: WhenFull::Wait, ..GRANTED });
        let first = bench.connects('a').await;
        bench.sees(Served('a')).await;
        drop(first.send(End::Panics));
        bench.sees(Panicked("on purpose".to_owned())).await;
        let second = bench.connects('b').await;
        bench.sees(Served('b')).await;
        drop(second.send(End::Closed));
        bench.sees(Finished('b')).await;
    });
}

/// A connection keeps its place until it is closed, and one beyond the limit is closed at once.
#[test]
fn a_connection_has_its_place_for_as_long_as_it_is_open() {
    virtually(async {
        let mut bench = Bench::new(Limits { connections: 10, per_address: Some(2), ..GRANTED });
        let first = bench.connects('a').await;
        let second = bench.connects('b').await;
        bench.sees(Served('a')).await;
        bench.sees(Served('b')).await;
        let _third = bench.connects('c').await;
        bench.sees(Refused('c', Full::OfAddress { limit: 2 })).await;
        let _elsewhere = bench.connects_from(Ipv4Addr::new(192, 0, 2, 2), 'd').await;
        bench.sees(Served('d')).await;
        drop(first);
        bench.sees(Finished('a')).await;
        let _fourth = bench.connects('e').await;
        bench.sees(Served('e')).await;
        bench.connections.cut();
        drop(second);
        bench.accepting.await.expect("ends in order");
    });
}

#[test]
fn a_drain_lets_connections_finish_and_cuts_those_that_do_not() {
    virtually(async {
        let within = Duration::from_secs(5);
        for (second, cut) in [('b', 0), ('B', 1)] {
            let mut bench = Bench::new(GRANTED);
            let _first = bench.connects('a').await;
            let _second = bench.connects(second).await;
            bench.sees(Served('a')).await;
            bench.sees(Served(second)).await;
            assert_eq!(bench.connections.drain(within).await, Drained { cut });
            bench.sees(Finished('a')).await;
            if cut == 0 {
                bench.sees(Finished(second)).await;
            }
            // One that is cut is dropped where it stands, and says no more.
            bench.sees_nothing_more().await;
            assert!(bench.connections.is_empty());
            bench.accepting.await.expect("ends in order");
        }
    });
}
