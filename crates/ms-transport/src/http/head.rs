//! Checks of the head of a request before anything acts on it (RFC 9112).
//!
//! A second request is smuggled past a proxy when two readers cut a message apart differently, and two
//! `Host` lines take a request to another site than it was checked for. Whatever could be read in two
//! ways is refused here, so that no handler has to consider it.

use axum::http::Uri;
use axum::http::uri::Authority;

use super::problem::{CODING, HEAD_TOO_LARGE, MALFORMED_REQUEST, Problem, VERSION};

/// Most header lines that can be read; [`super::HttpLimits::header_lines`] may set fewer.
const LINES_MAX: usize = 128;

/// The bounds of a head.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLimits {
    pub(super) bytes: usize,
    pub(super) lines: usize,
}

/// The way the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyLength {
    Known(u64),
    Chunked,
}

/// The verdict on the bytes of a head so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// More bytes are needed.
    Partial,
    /// It is well-formed, and this many bytes long.
    Whole { bytes: usize, body: BodyLength },
    /// It must not be acted on, nor anything behind it.
    Refused(Refusal),
}

/// The reason why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed(&'static str),
    TooLarge(&'static str),
    Version,
    Coding,
}

impl Refusal {
    /// Returns the answer to the caller. It ends the connection, because nobody knows where the next
    /// request begins.
    pub(super) fn problem(self) -> Problem {
        let problem = match self {
            Self::Malformed(what) => Problem::new(&MALFORMED_REQUEST, what),
            Self::TooLarge(what) => Problem::new(&HEAD_TOO_LARGE, what),
            Self::Version => Problem::new(&VERSION, "the request is not HTTP/1.0 or HTTP/1.1"),
            Self::Coding => {
                Problem::new(&CODING, "the body has a transfer coding other than chunked")
            }
        };
        problem.closing()
    }
}

/// Checks the head at the beginning of `input`.
pub(super) fn judge(input: &[u8], limits: HeadLimits) -> Judged {
    match parse(input, limits) {
        Ok(Some((bytes, body))) => Judged::Whole { bytes, body },
        Ok(None) => Judged::Partial,
        Err(refusal) => Judged::Refused(refusal),
    }
}

fn parse(input: &[u8], limits: HeadLimits) -> Result<Option<(usize, BodyLength)>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; LINES_MAX];
    let lines = limits.lines.min(LINES_MAX);
    let mut request = httparse::Request::new(&mut headers[..lines]);
    let too_long = Refusal::TooLarge("the head of the request is longer than this node reads");
    let parsed = request.parse(input).map_err(|error| match error {
        httparse::Error::Version => Refusal::Version,
        httparse::Error::TooManyHeaders => {
            Refusal::TooLarge("the request has more header lines than this node reads")
        }
        _ => Refusal::Malformed("the request line or a header line is not well-formed"),
    })?;
    let bytes = match parsed {
        httparse::Status::Complete(bytes) if bytes <= limits.bytes => bytes,
        httparse::Status::Partial if input.len() <= limits.bytes => return Ok(None),
        _ => return Err(too_long),
    };
    let head = Head { request: &request };
    head.host()?;
    Ok(Some((bytes, head.body()?)))
}

/// A head whose lines are well-formed.
struct Head<'a, 'h, 'b> {
    request: &'a httparse::Request<'h, 'b>,
}

impl Head<'_, '_, '_> {
    fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        let named = self.request.headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value)
    }

    /// Returns the one value of a header, and refuses more than one with `twice`.
    fn one(&self, name: &'static str, twice: &'static str) -> Result<Option<&[u8]>, Refusal> {
        let mut values = self.values(name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(Refusal::Malformed(twice)),
            None => Ok(first),
        }
    }

    fn is_1_1(&self) -> bool {
        self.request.version == Some(1)
    }

    /// Checks that there is one `Host`, well-formed and not at odds with the target (RFC 9112, 3.2).
    fn host(&self) -> Result<(), Refusal> {
        let bad = Refusal::Malformed("the Host header is not a name or address with a port");
        let target = self.request.path.unwrap_or_default();
        let target = Uri::try_from(target)
            .map_err(|_| Refusal::Malformed("the target of the request is not well-formed"))?;
        let host = match self.one("host", "there is more than one Host header")? {
            Some(host) => std::str::from_utf8(host).map_err(|_| bad)?.trim(),
            None if self.is_1_1() => {
                return Err(Refusal::Malformed("there is no Host header"));
            }
            None => return Ok(()),
        };
        // The grammar allows an empty one, which names nobody.
        if !host.is_empty() && (host.contains('@') || host.parse::<Authority>().is_err()) {
            return Err(bad);
        }
        let absolute = target.scheme().and_then(|_| target.authority());
        match absolute {
            Some(named) if !named.as_str().eq_ignore_ascii_case(host) => {
                Err(Refusal::Malformed("the target and the Host header name different machines"))
            }
            _ => Ok(()),
        }
    }

    /// Returns how the body ends (RFC 9112, 6.1 to 6.3).
    fn body(&self) -> Result<BodyLength, Refusal> {
        let length = self.one("content-length", "there is more than one Content-Length header")?;
        let mut codings = self.values("transfer-encoding");
        let Some(coding) = codings.next() else {
            return length.map_or(Ok(BodyLength::Known(0)), |length| {
                number(length)
                    .map(BodyLength::Known)
                    .ok_or(Refusal::Malformed("the Content-Length is not a number"))
            });
        };
        if length.is_some() {
            return Err(Refusal::Malformed("both Content-Length and Transfer-Encoding"));
        }
        if !self.is_1_1() {
            return Err(Refusal::Malformed("HTTP/1.0 has no Transfer-Encoding"));
        }
        match codings.next() {
            None if coding.trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(BodyLength::Chunked),
            _ => Err(Refusal::Coding),
        }
    }
}

/// Reads digits alone: a sign, a space or a list is no length.
fn number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 1_024, lines: 10 };

    fn judged(head: &str) -> Judged {
        judge(format!("{head}\r\n\r\n").as_bytes(), LIMITS)
    }

    fn why(head: &str) -> (u16, String) {
        match judged(head) {
            Judged::Refused(refusal) => {
                let problem = refusal.problem();
                (problem.status(), problem.detail().to_owned())
            }
            other => panic!("{head:?}: {other:?}"),
        }
    }

    #[test]
    fn a_whole_head_says_how_its_body_ends() {
        for (head, body) in [
            ("GET / HTTP/1.1\r\nHost: a", BodyLength::Known(0)),
            ("GET / HTTP/1.0", BodyLength::Known(0)),
            ("GET http://a:1/x HTTP/1.1\r\nHost: A:1", BodyLength::Known(0)),
            ("POST / HTTP/1.1\r\nHost:\r\nContent-Length: 17", BodyLength::Known(17)),
            (
                "POST / HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: Chunked",
                BodyLength::Chunked,
            ),
        ] {
            let bytes = head.len() + 4;
            assert_eq!(judged(head), Judged::Whole { bytes, body }, "{head:?}");
        }
        assert_eq!(judge(b"GET / HTTP/1.1\r\nHost: a\r\n", LIMITS), Judged::Partial);
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let post = "POST / HTTP/1.1\r\nHost: a\r\n";
        for (head, status, hint) in [
            ("GET / HTTP/1.1".to_owned(), 400, "no Host"),
            ("GET / HTTP/1.1\r\nHost: a\r\nhost: a".to_owned(), 400, "more than one Host"),
            ("GET / HTTP/1.1\r\nHost: a b".to_owned(), 400, "Host"),
            ("GET / HTTP/1.1\r\nHost: me@a".to_owned(), 400, "Host"),
            ("GET http://b/ HTTP/1.1\r\nHost: a".to_owned(), 400, "different machines"),
            ("GET /\u{7f} HTTP/1.1\r\nHost: a".to_owned(), 400, "not well-formed"),
            (format!("{post}Content-Length: +5"), 400, "not a number"),
            (format!("{post}Content-Length: 5, 5"), 400, "not a number"),
            (format!("{post}Content-Length: 5\r\nContent-Length: 5"), 400, "more than one"),
            (format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked"), 400, "both"),
            (format!("{post}Transfer-Encoding: gzip, chunked"), 501, "transfer coding"),
            (format!("{post}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), 501, "coding"),
            (format!("{post}Transfer-Encoding: chunked, chunked"), 501, "coding"),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked".to_owned(), 400, "HTTP/1.0"),
            ("GET / HTTP/2.0\r\nHost: a".to_owned(), 505, "HTTP/1.0 or HTTP/1.1"),
            ("G@T / HTTP/1.1\r\nHost: a\r\nno colon".to_owned(), 400, "not well-formed"),
            (format!("{post}{}", "X: y\r\n".repeat(10).trim_end()), 431, "header lines"),
            (format!("{post}X: {}", "y".repeat(1_024)), 431, "longer"),
        ] {
            let (found, detail) = why(&head);
            assert_eq!(found, status, "{head:?}: {detail}");
            assert!(detail.contains(hint), "{head:?}: {detail}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = judge(&bytes, LIMITS);
        }
    }
}
