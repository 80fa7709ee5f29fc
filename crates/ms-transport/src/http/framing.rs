//! Inspection of the bytes of a connection on their way in, and its end.
//!
//! hyper gets a head only when [`super::head`] has found nothing wrong with it. In place of a refused
//! head it gets a stand-in, so that the refusal passes the same middleware as any other answer and
//! becomes a problem with a request id, not a bare status line.
//!
//! A client that has closed its sending half still waits for its answer, and one that goes on sending
//! while it is refused must not lose the answer to a reset (RFC 9112, 9.6).

use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Method;
use bytes::{Buf, BytesMut};
use futures_util::task::AtomicWaker;
use ms_core::time::later;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::head::{BodyLength, HeadLimits, Judged, Refusal, judge};

/// The head that hyper reads in place of a refused one. A client gains nothing by sending it.
const STAND_IN: &[u8] = b"REFUSED / HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// Bytes that are read at a time.
const CHUNK: usize = 8 * 1024;
/// Longest time a refused client may go on sending.
const LINGER: Duration = Duration::from_secs(10);
/// Longest silence of a refused client.
const LINGER_SILENT: Duration = Duration::from_secs(2);

/// Follows heads and bodies of a connection as far as their lengths are known.
#[derive(Debug)]
struct Inspector {
    state: State,
    limits: HeadLimits,
}

#[derive(Debug)]
enum State {
    Head(Vec<u8>),
    Body(u64),
    /// The connection ends after them, so what follows is not inspected.
    Chunks,
    Refused,
}

impl Inspector {
    const fn new(limits: HeadLimits) -> Self {
        Self { state: State::Head(Vec::new()), limits }
    }

    /// Takes the next bytes, and puts those into `out` that may be passed on.
    fn take(&mut self, mut bytes: &[u8], out: &mut BytesMut) -> Option<Refusal> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Refused => return None,
                State::Chunks => {
                    out.extend_from_slice(bytes);
                    return None;
                }
                State::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    out.extend_from_slice(&bytes[..here]);
                    bytes = &bytes[here..];
                    *left -= here as u64;
                    if *left == 0 {
                        self.state = State::Head(Vec::new());
                    }
                }
                State::Head(held) => {
                    held.extend_from_slice(bytes);
                    match judge(held, self.limits) {
                        Judged::Partial => return None,
                        Judged::Refused(refusal) => {
                            self.state = State::Refused;
                            out.extend_from_slice(STAND_IN);
                            return Some(refusal);
                        }
                        Judged::Whole { bytes: head, body } => {
                            out.extend_from_slice(&held[..head]);
                            // `held` ends with `bytes`, so what lies behind the head is the end of
                            // `bytes`.
                            bytes = &bytes[bytes.len() - (held.len() - head)..];
                            self.state = match body {
                                BodyLength::Known(0) => State::Head(Vec::new()),
                                BodyLength::Known(body) => State::Body(body),
                                BodyLength::Chunked => State::Chunks,
                            };
                        }
                    }
                }
            }
        }
        None
    }

    /// Returns whether only whole requests came in so far.
    fn is_between(&self) -> bool {
        matches!(&self.state, State::Head(held) if held.is_empty())
    }
}

/// The state that the requests of a connection and its bytes share.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    refusal: OnceLock<Refusal>,
    /// A request is being answered.
    answering: AtomicBool,
    /// Its body is read to its end.
    arrived: AtomicBool,
    reader: AtomicWaker,
    hung_up: CancellationToken,
}

impl Exchange {
    /// Returns the refusal, for the request that stands in for a refused head.
    pub(super) fn refusal(&self, method: &Method) -> Option<Refusal> {
        // By the stand-in's method: a request before it on the same connection may still be in
        // progress, and must not get the refusal.
        self.refusal.get().copied().filter(|_| method.as_str() == "REFUSED")
    }

    /// Resolves when the client has closed its sending half, after which a stream has no reader.
    pub(super) fn hung_up(&self) -> WaitForCancellationFutureOwned {
        self.hung_up.clone().cancelled_owned()
    }

    pub(super) fn arrived(&self) {
        self.arrived.store(true, Ordering::Release);
    }

    /// Begins a request, which is being answered until the value is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Answering {
        self.arrived.store(false, Ordering::Release);
        self.answering.store(true, Ordering::Release);
        Answering(Arc::clone(self))
    }
}

/// An answer in progress.
#[derive(Debug)]
pub(super) struct Answering(Arc<Exchange>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answering.store(false, Ordering::Release);
        // The end of the input may have been held back until now.
        self.0.reader.wake();
    }
}

/// A connection whose incoming bytes are inspected.
pub(super) struct Watched<T> {
    inner: T,
    inspector: Inspector,
    exchange: Arc<Exchange>,
    /// Bytes that hyper may read.
    passed: BytesMut,
    ended: bool,
    drain: CancellationToken,
    lingering: Option<Pin<Box<Lingering>>>,
}

impl<T> Watched<T> {
    /// Wraps a connection. `drain` ends the wait for refused clients that go on sending.
    pub(super) fn new(
        inner: T,
        limits: HeadLimits,
        drain: CancellationToken,
    ) -> (Self, Arc<Exchange>) {
        let exchange = Arc::<Exchange>::default();
        let watched = Self {
            inner,
            inspector: Inspector::new(limits),
            exchange: Arc::clone(&exchange),
            passed: BytesMut::new(),
            ended: false,
            drain,
            lingering: None,
        };
        (watched, exchange)
    }

    /// Returns whether everything has been read that the client sent so far, as far as is known.
    fn is_drained(&self) -> bool {
        self.ended
            || self.inspector.is_between()
            || matches!(self.inspector.state, State::Chunks)
                && self.exchange.arrived.load(Ordering::Acquire)
    }

    /// Returns whether to keep the end of the input from hyper, which takes it for the end of the
    /// connection: the whole request has arrived, and its answer is in progress.
    fn holds_end(&self) -> bool {
        self.exchange.answering.load(Ordering::Acquire)
            && (self.inspector.is_between() || self.exchange.arrived.load(Ordering::Acquire))
    }
}

impl<T: AsyncRead + Unpin> Watched<T> {
    /// Reads once. `Ok(0)` is the end.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut chunk = [0; CHUNK];
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer))?;
        let fresh = buffer.filled();
        if let Some(refusal) = self.inspector.take(fresh, &mut self.passed) {
            // There is at most one, because what follows it is not inspected.
            let _ = self.exchange.refusal.set(refusal);
        }
        Poll::Ready(Ok(fresh.len()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if !this.passed.is_empty() {
                let many = this.passed.len().min(buffer.remaining());
                buffer.put_slice(&this.passed[..many]);
                this.passed.advance(many);
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                // Registered before it is checked, or an answer that ends in between would wake
                // nobody.
                this.exchange.reader.register(cx.waker());
                return if this.holds_end() { Poll::Pending } else { Poll::Ready(Ok(())) };
            }
            if ready!(this.poll_more(cx))? == 0 {
                this.ended = true;
                this.exchange.hung_up.cancel();
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<T> {
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

    /// Ends the sending half, then reads what the client still sends for a while: a connection that
    /// is closed over unread bytes is reset, and the answer is lost with it.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            this.lingering = Some(Box::pin(Lingering::new(this.drain.clone())));
        }
        loop {
            match this.inner_discard(cx) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(Ok(())),
                Poll::Pending if this.is_drained() => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        match &mut this.lingering {
            Some(lingering) => lingering.as_mut().poll_over(cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<T: AsyncRead + Unpin> Watched<T> {
    /// Reads once and discards it. Returns false at the end, and after too much.
    fn inner_discard(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.ended {
            return Poll::Ready(false);
        }
        let read = ready!(self.poll_more(cx));
        // Nobody reads them: hyper has shut the connection down.
        self.passed.clear();
        let goes_on = matches!(read, Ok(bytes) if bytes > 0);
        match &mut self.lingering {
            Some(lingering) if goes_on => Poll::Ready(lingering.as_mut().heard()),
            _ => Poll::Ready(false),
        }
    }
}

/// The wait for a refused client that goes on sending.
struct Lingering {
    silent: Pin<Box<Sleep>>,
    until: Instant,
    drain: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Lingering {
    fn new(drain: CancellationToken) -> Self {
        Self {
            silent: Box::pin(tokio::time::sleep(LINGER_SILENT)),
            until: later(Instant::now(), LINGER),
            drain: Box::pin(drain.cancelled_owned()),
        }
    }

    /// Notes that bytes came, and returns whether more may come.
    fn heard(mut self: Pin<&mut Self>) -> bool {
        let now = Instant::now();
        let until = later(now, LINGER_SILENT).min(self.until);
        self.silent.as_mut().reset(until);
        now < self.until
    }

    fn poll_over(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if pin!(&mut self.drain).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        self.silent.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, lines: 100 };
    const PLAIN: &str = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    const GET: &str = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    const BOTH: &str = "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n";
    /// A body that looks like a head.
    const DECOY: &str = "POST /d HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n";

    proptest! {
        #[test]
        fn however_the_bytes_arrive_good_ones_pass_and_nothing_behind_a_bad_head(
            parts in proptest::collection::vec(0_usize..3, 0..6),
            ends_with_both: bool,
            cuts in proptest::collection::vec(1_usize..40, 1..100),
        ) {
            let good: String = parts.iter().map(|&part| [PLAIN, GET, DECOY][part]).collect();
            let (mut sent, mut expected) = (good.clone(), good.into_bytes());
            if ends_with_both {
                sent.push_str(BOTH);
                sent.push_str(GET);
                expected.extend_from_slice(STAND_IN);
            }
            let mut inspector = Inspector::new(LIMITS);
            let (mut rest, mut seen, mut out) = (sent.as_bytes(), 0, BytesMut::new());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                seen += usize::from(inspector.take(now, &mut out).is_some());
                rest = later;
            }
            prop_assert_eq!(seen, usize::from(ends_with_both));
            prop_assert_eq!(&out[..], &expected[..]);
            prop_assert_eq!(inspector.is_between(), !ends_with_both);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let limits = HeadLimits { bytes: 100, lines: 5 };
            let _ = Inspector::new(limits).take(&bytes, &mut BytesMut::new());
        }
    }

    #[test]
    fn the_decoy_is_as_long_as_it_says() {
        let (_, body) = DECOY.split_once("\r\n\r\n").expect("a head");
        assert_eq!(body.len(), 60);
    }
}
