//! The sorts of problem: failures as doors other than the control socket report them.
//!
//! HTTP sends one as problem details (RFC 9457), gRPC as a status, a WebSocket as the reason of a
//! close. Sorts that only a listener of HTTP gives, about the form of a request, stand in the same
//! table, so that no name is taken twice.

/// A sort of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Sort {
    /// Its name, for programs; never given another meaning.
    pub name: &'static str,
    /// The status over HTTP.
    pub status: u16,
    /// One line.
    pub title: &'static str,
    /// Advice for the caller.
    pub next: &'static str,
    /// The status over gRPC.
    pub grpc: Grpc,
    /// The code with which a WebSocket is closed, where it is closed at all.
    pub close: Option<u16>,
}

/// The names of gRPC for a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are gRPC's own")]
#[non_exhaustive]
pub enum Grpc {
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    Unimplemented,
    Internal,
    Unavailable,
    Unauthenticated,
}

impl Grpc {
    /// Returns the name as gRPC writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// The peer breaks the rules of the protocol (RFC 6455, 7.4.1).
const VIOLATION: Option<u16> = Some(1008);
/// A message that is too large for the peer (RFC 6455, 7.4.1).
const TOO_BIG: Option<u16> = Some(1009);
/// The node fails (RFC 6455, 7.4.1).
const FAILED: Option<u16> = Some(1011);
/// The node takes no more for now (registered with IANA).
const LATER: Option<u16> = Some(1013);
/// 4000 and the HTTP status: a range that is free for applications.
const NOT_KNOWN: Option<u16> = Some(4401);
const FORBIDDEN: Option<u16> = Some(4403);

macro_rules! sorts {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $grpc:ident, $close:expr,
       $title:literal, $next:literal;)*) => {
        $($(#[$doc])* pub static $name: Sort = Sort {
            name: $code, status: $status, title: $title, next: $next,
            grpc: Grpc::$grpc, close: $close,
        };)*
        /// Every sort of problem.
        pub static SORTS: &[&Sort] = &[$(&$name),*];
    };
}

sorts! {
    /// The body is no JSON, or not of the right shape.
    MALFORMED = "malformed-body", 400, InvalidArgument, VIOLATION, "the body is not valid for this path",
        "see /api/v1/openapi.json for the schema";
    /// The request line or a header field is not what HTTP allows, or could be read in two ways.
    MALFORMED_REQUEST = "malformed-request", 400, InvalidArgument, VIOLATION, "the request is not well-formed HTTP",
        "send one Host, one length, and each of the other header fields once; see RFC 9112";
    /// A value in path or query is out of its bounds.
    BAD_PARAMETER = "bad-parameter", 400, InvalidArgument, VIOLATION, "a parameter is not valid",
        "see /api/v1/openapi.json for the parameters";
    /// No or wrong credentials.
    UNAUTHENTICATED = "unauthenticated", 401, Unauthenticated, NOT_KNOWN, "the caller is not authenticated",
        "send `Authorization: Bearer TOKEN` with the token of this node's token file";
    /// A browser of somebody else's page, or a name that is not ours.
    FOREIGN = "foreign-origin", 403, PermissionDenied, FORBIDDEN, "the request comes from another origin",
        "call the API from the node's own origin, or without an Origin header";
    /// Nothing at that path.
    NO_SUCH_PATH = "no-such-path", 404, NotFound, None, "there is nothing at this path",
        "see /api/v1/openapi.json for the paths";
    /// No such thing.
    NOT_FOUND = "not-found", 404, NotFound, None, "not found",
        "check the id; finished tasks are kept for a limited time";
    /// No budget for a path.
    NO_BUDGET = "no-such-budget", 404, NotFound, None, "there is no budget for this path",
        "GET /api/v1/budgets lists the budgets of this node, and their units";
    /// Wrong method.
    METHOD = "method-not-allowed", 405, Unimplemented, None, "this path does not allow that method",
        "see the Allow header";
    /// The body did not arrive in time.
    SLOW_BODY = "body-too-slow", 408, DeadlineExceeded, None, "the body did not arrive in time",
        "send it faster, or in smaller parts";
    /// It contradicts what is there.
    CONFLICT = "conflict", 409, Aborted, None, "the request conflicts with the current state",
        "look at the task's state, or use another idempotency key";
    /// There is no result yet.
    NOT_FINISHED = "not-finished", 409, FailedPrecondition, None, "the task has no result yet",
        "ask again later, or follow /api/v1/events";
    /// Body too large.
    TOO_LARGE = "body-too-large", 413, ResourceExhausted, TOO_BIG, "the body is over its limit",
        "send less; keep large data in a store, and put its address into the task";
    /// Not JSON.
    MEDIA_TYPE = "unsupported-media-type", 415, InvalidArgument, VIOLATION, "this path does not accept that media type",
        "send `Content-Type: application/json`, plain or with `Content-Encoding: gzip`";
    /// More of a head than is read.
    HEAD_TOO_LARGE = "head-too-large", 431, ResourceExhausted, None, "the head of the request is too large",
        "send fewer or shorter header fields and a shorter path";
    /// A transfer coding that is not chunked.
    CODING = "unsupported-transfer-coding", 501, Unimplemented, None, "this transfer coding is not supported",
        "send the body with its length, or chunked; gzip goes into Content-Encoding";
    /// Another major version of HTTP.
    VERSION = "http-version", 505, Unimplemented, None, "this version of HTTP is not supported",
        "use HTTP/1.1";
    /// It is of the right shape, and contradicts itself or this node.
    UNPROCESSABLE = "unprocessable", 422, InvalidArgument, None, "the request cannot be carried out here",
        "change what `detail` names; the same request would be refused again";
    /// It has items and no answer.
    STREAMED = "streamed", 422, InvalidArgument, None, "this operation is answered by a stream",
        "ask by a door that has streams: `msctl events`, `msctl tree` or `msctl trace`";
    /// Too many requests for a limit of the caller's own.
    TOO_MANY = "too-many", 429, ResourceExhausted, LATER, "too many at a time",
        "close what is not needed and try again";
    /// A bug.
    INTERNAL = "internal", 500, Internal, FAILED, "a fault inside the node",
        "the node goes on; its log has the cause, report it with the request id";
    /// Full, busy.
    OVERLOADED = "overloaded", 503, Unavailable, LATER, "the node is overloaded",
        "try again after the time in Retry-After";
    /// The queue is at its bound.
    QUEUE_FULL = "queue-full", 503, Unavailable, LATER, "the queue is full",
        "try again after the time in Retry-After; nothing was stored";
    /// Not yet, or not any more.
    NOT_SERVING = "not-serving", 503, Unavailable, LATER, "the node is starting or stopping",
        "try another node, or again after the time in Retry-After";
    /// Storage is refused: full disk and the like.
    UNAVAILABLE = "storage-unavailable", 503, Unavailable, LATER, "the storage is unavailable",
        "nothing was stored; /health/ready says what is wrong";
    /// Not done in time.
    TIMED_OUT = "timed-out", 504, DeadlineExceeded, None, "not done in time",
        "it may still be carried out: look, or repeat it with the same idempotency key";
    /// The caller may not.
    REFUSED = "refused", 403, PermissionDenied, FORBIDDEN, "the node does not permit this",
        "ask over the control socket as the node's user: `msctl call --help`";
    /// No part of this node does it.
    NOT_BUILT_IN = "not-built-in", 501, Unimplemented, None, "not built into this node",
        "ask another node, or add the part that `detail` names to the program";
}
