//! The limits of one listener.

use std::time::Duration;

/// The limits of an HTTP listener. The defaults suit a small node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections open at a time; more wait in the kernel's queue until one closes.
    pub connections: usize,
    /// Connections open at a time from one address that is not loopback.
    pub connections_per_ip: usize,
    /// Requests in progress at a time; more are answered 503 with `Retry-After`.
    pub requests: usize,
    /// Time for the head of a request, an idle connection's next one included.
    pub head_within: Duration,
    /// Bytes of a body, compressed or not.
    pub body_bytes: usize,
    /// Time for a body to arrive.
    pub body_within: Duration,
    /// Time for an answer, once the body is there. Streams are not bound by it.
    pub answer_within: Duration,
    /// Header lines of a request; more than 128 are never read.
    pub header_lines: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Nesting of a JSON body.
    pub json_depth: usize,
    /// Event streams open at a time.
    pub streams: usize,
    /// File descriptors that its connections leave to the rest of the process: probes, the
    /// store, the control endpoint. Connections that would take one of these wait in the kernel's
    /// queue. At most an eighth of what the process may have.
    pub spare_descriptors: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            connections_per_ip: 64,
            requests: 1_024,
            head_within: Duration::from_secs(5),
            body_bytes: 1024 * 1024,
            body_within: Duration::from_secs(30),
            answer_within: Duration::from_secs(30),
            header_lines: 100,
            head_bytes: 64 * 1024,
            json_depth: ms_json::MAX_DEPTH,
            streams: 64,
            spare_descriptors: 32,
        }
    }
}
