//! Requests that two readers could cut apart differently.
//!
//! A request with both `Content-Length` and `Transfer-Encoding` is how a second one is
//! smuggled past a proxy. hyper follows RFC 9112, drops the length and reads chunks, so a handler
//! cannot see it any more: the bytes are looked at on their way in.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Set when such a request came in on a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Smuggled(Arc<AtomicBool>);

impl Smuggled {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Follows heads and bodies of a connection as far as their lengths are known.
#[derive(Debug)]
struct Scanner {
    state: State,
    limit: usize,
}

#[derive(Debug)]
enum State {
    Head(Vec<u8>),
    Body(u64),
    /// What follows cannot be told apart: chunks (the connection ends after them) or no HTTP.
    Blind,
}

impl Scanner {
    /// Heads are followed up to `limit` bytes; hyper refuses longer ones.
    const fn new(limit: usize) -> Self {
        Self { state: State::Head(Vec::new()), limit }
    }

    /// Takes the next bytes; true when they end a head that has both.
    fn feed(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Blind => return false,
                State::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= here as u64;
                    bytes = &bytes[here..];
                    if *left == 0 {
                        self.state = State::Head(Vec::new());
                    }
                }
                State::Head(head) => {
                    let had = head.len();
                    head.extend_from_slice(bytes);
                    match parse(head) {
                        Parsed::Partial if head.len() > self.limit => self.state = State::Blind,
                        Parsed::Partial => return false,
                        Parsed::Both => {
                            self.state = State::Blind;
                            return true;
                        }
                        Parsed::Chunks => self.state = State::Blind,
                        Parsed::Length { head: whole, body } => {
                            bytes = &bytes[whole.saturating_sub(had)..];
                            self.state = match body {
                                0 => State::Head(Vec::new()),
                                _ => State::Body(body),
                            };
                        }
                    }
                }
            }
        }
        false
    }
}

enum Parsed {
    Partial,
    Both,
    /// Chunks, or nothing that can be followed.
    Chunks,
    Length {
        head: usize,
        body: u64,
    },
}

fn parse(head: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut headers);
    let whole = match request.parse(head) {
        Ok(httparse::Status::Complete(whole)) => whole,
        Ok(httparse::Status::Partial) => return Parsed::Partial,
        // hyper says no to it as well.
        Err(_) => return Parsed::Chunks,
    };
    let value = |name: &str| {
        let named = |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
        request.headers.iter().find(named).map(|header| header.value)
    };
    match (value("content-length"), value("transfer-encoding")) {
        (Some(_), Some(_)) => Parsed::Both,
        (None, Some(_)) => Parsed::Chunks,
        (None, None) => Parsed::Length { head: whole, body: 0 },
        (Some(length), None) => {
            let length = std::str::from_utf8(length).ok().and_then(|text| text.trim().parse().ok());
            length.map_or(Parsed::Chunks, |body| Parsed::Length { head: whole, body })
        }
    }
}

/// A connection whose incoming bytes are looked at.
pub(super) struct Watched<T> {
    inner: T,
    scanner: Scanner,
    smuggled: Smuggled,
}

impl<T> Watched<T> {
    pub(super) fn new(inner: T, head_bytes: usize) -> (Self, Smuggled) {
        let smuggled = Smuggled::default();
        let scanner = Scanner::new(head_bytes);
        (Self { inner, scanner, smuggled: smuggled.clone() }, smuggled)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        // Before hyper sees the bytes, so that the request they make is known for what it is.
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        if self.scanner.feed(fresh) {
            self.smuggled.0.store(true, Ordering::Release);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
    const GET: &str = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    const BOTH: &str =
        "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n";
    /// A body that looks like a head.
    const DECOY: &str = "POST /d HTTP/1.1\r\nContent-Length: 60\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n";

    proptest! {
        #[test]
        fn however_the_bytes_arrive_both_is_seen_and_nothing_else(
            parts in proptest::collection::vec(0_usize..3, 0..6),
            ends_with_both: bool,
            cuts in proptest::collection::vec(1_usize..40, 1..100),
        ) {
            let mut bytes: String = parts.iter().map(|&part| [PLAIN, GET, DECOY][part]).collect();
            if ends_with_both {
                bytes.push_str(BOTH);
            }
            let mut scanner = Scanner::new(64 * 1024);
            let (mut rest, mut seen) = (bytes.as_bytes(), false);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                seen |= scanner.feed(now);
                rest = later;
            }
            prop_assert_eq!(seen, ends_with_both);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            Scanner::new(100).feed(&bytes);
        }
    }

    #[test]
    fn the_decoy_is_as_long_as_it_says() {
        let (_, body) = DECOY.split_once("\r\n\r\n").expect("a head");
        assert_eq!(body.len(), 60);
    }
}
