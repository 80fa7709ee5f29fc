//! The network that can be cut.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use ms_testkit::network::{Link, Proxy};

/// Longest wait for a byte that comes.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
/// How long a byte that must not come is waited for.
const SILENCE: Duration = Duration::from_millis(100);

/// A service that sends back what it gets, for any number of connections.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut byte = [0];
                let (mut from, mut to) = (&stream, &stream);
                while from.read_exact(&mut byte).is_ok() && to.write_all(&byte).is_ok() {}
            });
        }
    });
    addr
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect_timeout(&proxy.addr(), ARRIVES_WITHIN).unwrap();
    stream.set_read_timeout(Some(ARRIVES_WITHIN)).unwrap();
    stream
}

fn echoes(mut stream: &TcpStream, byte: u8) -> bool {
    let mut back = [0];
    stream.write_all(&[byte]).is_ok() && stream.read_exact(&mut back).is_ok() && back == [byte]
}

fn is_silent(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    let read = stream.read(&mut [0]);
    stream.set_read_timeout(Some(ARRIVES_WITHIN)).unwrap();
    matches!(read, Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()))
}

/// S6.3-10: a partition ends what is connected, lets nobody in, and is over when it is restored.
#[test]
fn a_partition_ends_connections_until_it_is_restored() {
    let proxy = Proxy::to(echo()).unwrap();
    let before = connect(&proxy);
    assert!(echoes(&before, 1));
    proxy.inject_network_partition();
    assert!(!echoes(&before, 2), "cut off");
    assert!(!echoes(&connect(&proxy), 3), "nobody gets in");
    proxy.restore_network();
    assert!(!echoes(&before, 4), "what was cut stays cut");
    assert!(echoes(&connect(&proxy), 5));
    assert_eq!(proxy.accepted(), 3);
}

/// S6.3-10: without a word nobody learns that the other is gone; what was sent arrives afterwards.
#[test]
fn a_silent_network_keeps_connections_and_delivers_later() {
    let proxy = Proxy::to(echo()).unwrap();
    let mut stream = connect(&proxy);
    assert!(echoes(&stream, 1));
    for link in [Link::Silent, Link::HalfOpen] {
        proxy.set(link);
        stream.write_all(&[2]).unwrap();
        assert!(is_silent(&stream), "{link:?}");
        assert_eq!(proxy.open(), 1);
        proxy.restore_network();
        let mut back = [0];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, [2], "{link:?}");
    }
}

/// S6.3-10: half open: the service hears, and is not heard.
#[test]
fn half_open_the_service_hears_what_it_cannot_answer() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::to(service.local_addr().unwrap()).unwrap();
    let mut client = connect(&proxy);
    let (mut served, _) = service.accept().unwrap();
    served.set_read_timeout(Some(ARRIVES_WITHIN)).unwrap();
    proxy.set(Link::HalfOpen);
    client.write_all(b"heard").unwrap();
    let mut word = [0; 5];
    served.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"heard");
    served.write_all(b"lost?").unwrap();
    assert!(is_silent(&client));
    proxy.inject_network_partition();
    assert!(
        matches!(client.read(&mut word), Ok(0) | Err(_)),
        "the answer went with the connection"
    );
    assert_eq!(proxy.open(), 0);
}

/// S6.3-10: bytes come late and none is lost; the end of a sender comes through as well.
#[test]
fn a_slow_network_delays_every_byte_and_loses_none() {
    let proxy = Proxy::to(echo()).unwrap();
    let delay = Duration::from_millis(50);
    proxy.set(Link::Up { delay });
    let mut stream = connect(&proxy);
    let sent = Instant::now();
    assert!(echoes(&stream, 1));
    assert!(sent.elapsed() >= 2 * delay, "there and back");
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}
