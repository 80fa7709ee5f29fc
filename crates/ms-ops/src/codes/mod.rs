//! The table of codes: the name of each failure at each door.
//!
//! A [`Code`] joins a numbered explanation ([`explained`]: `MS0nnn`, the exit code of `msctl`)
//! with a sort of problem ([`problem`]: HTTP, gRPC, WebSocket). There are two axes because the
//! numbers came first and are coarser: a full queue and a key of another request are both `MS0025`
//! to an operator, but 503 and 409 to a program. Everything that names a failure is made from these
//! rows: `msctl explain`, problem details, exit codes, statuses.

pub mod explained;
pub mod problem;

use serde::{Deserialize, Serialize};

pub use explained::{ALL as EXPLANATIONS, Explanation, find};
pub use problem::{Grpc, SORTS, Sort};

/// The kind of a failure, which decides the exit code of `msctl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// There is no such actor, code or record.
    NotFound,
    /// The node, or a missing confirmation, says no.
    Refused,
    /// No node answers there.
    Unreachable,
    /// The node was not done in time.
    TimedOut,
    /// The request makes no sense.
    BadRequest,
    /// A frame or an answer is over its limit.
    TooLarge,
    /// The two sides speak different versions.
    VersionMismatch,
    /// A fault inside the node or the tool.
    Internal,
}

impl Kind {
    /// Returns the exit code of `msctl` for it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            // 8 is left to configurations: `msctl config validate` ends with it.
            Self::Internal | Self::TooLarge => 1,
            Self::BadRequest => 2,
            Self::Unreachable => 3,
            Self::NotFound => 4,
            Self::Refused => 5,
            Self::TimedOut => 6,
            Self::VersionMismatch => 9,
        }
    }
}

/// One failure with its names at every door.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Its number, its kind and its explanation.
    pub explanation: &'static Explanation,
    /// Its sort, for HTTP, gRPC and WebSocket.
    pub sort: &'static Sort,
    /// Advice over HTTP, where that of the sort does not fit.
    pub advice: Option<&'static str>,
}

impl Code {
    /// Returns the number, `MS0nnn`.
    #[must_use]
    pub const fn number(&self) -> &'static str {
        self.explanation.code
    }

    /// Returns the kind of failure.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.explanation.kind
    }

    /// Returns the advice for a caller over HTTP.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self.advice {
            Some(advice) => advice,
            None => self.sort.next,
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $explanation:ident $sort:ident $($advice:literal)?;)*) => {
        $($(#[$doc])* pub static $name: Code = Code {
            explanation: &explained::$explanation,
            sort: &problem::$sort,
            advice: codes!(@advice $($advice)?),
        };)*
        /// Every row of the table.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
    (@advice $advice:literal) => { Some($advice) };
    (@advice) => { None };
}

codes! {
    /// No actor at a path.
    NOT_FOUND = NOT_FOUND NOT_FOUND
        "GET /api/v1/tree without `path` lists the paths of all actors";
    /// The node says no.
    REFUSED = REFUSED REFUSED;
    /// No node, or no tree of it, answers.
    UNREACHABLE = UNREACHABLE NOT_SERVING;
    /// Not done in time; it may still be carried out.
    TIMED_OUT = TIMED_OUT TIMED_OUT;
    /// A supervisor or an actor did not answer in time; nothing was changed.
    NO_ANSWER = TIMED_OUT TIMED_OUT "ask again; /health/live says whether the node is alive";
    /// A request that makes no sense.
    BAD_REQUEST = BAD_REQUEST MALFORMED;
    /// A request of the right shape with a value that cannot be carried out.
    UNFIT = BAD_REQUEST UNPROCESSABLE;
    /// It is answered by a stream, where one answer was asked for.
    STREAMED = BAD_REQUEST STREAMED;
    /// A field, or two of them, that cannot be carried out.
    UNFIT_FIELD = BAD_REQUEST UNPROCESSABLE "change the field that `errors` names as it says there";
    /// Over a limit.
    TOO_LARGE = TOO_LARGE TOO_LARGE;
    /// Different versions.
    VERSION_MISMATCH = VERSION_MISMATCH UNPROCESSABLE;
    /// A bug.
    INTERNAL = INTERNAL INTERNAL;
    /// The control socket is taken.
    IN_USE = IN_USE CONFLICT;
    /// The control socket cannot live at a path.
    BAD_PATH = BAD_PATH UNPROCESSABLE;
    /// More than one node.
    AMBIGUOUS = AMBIGUOUS UNPROCESSABLE;
    /// Nobody confirmed.
    UNCONFIRMED = UNCONFIRMED REFUSED;
    /// Too many connections or streams.
    TOO_MANY = TOO_MANY TOO_MANY;
    /// The control socket is another user's.
    NOT_YOU = NOT_YOU REFUSED;
    /// No task of an id.
    NO_TASK = NO_TASK NOT_FOUND;
    /// The task is not in a state that allows it, or contradicts another.
    TASK_REFUSED = TASK_REFUSED CONFLICT;
    /// The task has not ended.
    NOT_FINISHED = TASK_REFUSED NOT_FINISHED;
    /// The queue is at its bound.
    QUEUE_FULL = TASK_REFUSED QUEUE_FULL;
    /// No such queue.
    NO_QUEUE = TASK_REFUSED UNPROCESSABLE
        "`ms_framework_tasks` in /metrics lists the queues of this node; without `queue` it is `default`";
    /// No such kind of agent.
    NO_AGENT = TASK_REFUSED UNPROCESSABLE "`msctl tree` shows the kinds of agents of this node";
    /// The node keeps no tasks.
    NO_TASK_STORE = NO_TASK_STORE NOT_BUILT_IN;
    /// Nobody has a name.
    NO_NAME = NO_NAME NOT_FOUND "GET /api/v1/services lists all names";
    /// The store cannot be used.
    STORE_FAILED = STORE_FAILED UNAVAILABLE;
    /// The store is overloaded.
    STORE_BUSY = STORE_FAILED OVERLOADED;
    /// The store gave no answer: it may have been carried out.
    STORE_SILENT = STORE_FAILED TIMED_OUT;
    /// What the store holds cannot be read.
    STORE_UNREADABLE = STORE_FAILED INTERNAL;
    /// No budget of a path.
    NO_BUDGET = NO_BUDGET NO_BUDGET;
    /// A budget that does not limit a unit.
    NO_UNIT = NO_BUDGET UNPROCESSABLE "GET /api/v1/budgets lists the units that each budget limits";
    /// The budgets gave no answer: a raise may have been carried out.
    BUDGETS_SILENT = TIMED_OUT TIMED_OUT
        "it may still be carried out: look at GET /api/v1/budgets before it is raised again";
    /// Nobody counts how the components interact.
    NOT_WATCHED = REFUSED NOT_SERVING;
    /// The counter of interactions gave no answer.
    WATCHER_SILENT = TIMED_OUT NOT_SERVING;
    /// Credentials are missing.
    UNAUTHENTICATED = UNAUTHENTICATED UNAUTHENTICATED;
    /// No part of the node carries it out.
    NOT_BUILT_IN = NOT_BUILT_IN NOT_BUILT_IN;
    /// There is no such operation.
    NO_OPERATION = NO_OPERATION NO_SUCH_PATH;
    /// All room for operations is taken.
    BUSY = BUSY OVERLOADED;
    /// It contradicts what is there: another incarnation lives, or another request has the id.
    CONFLICT = CONFLICT CONFLICT
        "look at what `detail` names, and ask again as it is now, with a request id of its own";
}

/// Returns the row with this number and this sort of problem.
#[must_use]
pub fn row(number: &str, sort: &str) -> Option<&'static Code> {
    // A search will do: it is done for errors inside an answer, such as those of a batch.
    ALL.iter().copied().find(|code| code.number() == number && code.sort.name == sort)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sorts that a listener of HTTP gives before the desk is asked.
    const OF_THE_LISTENER: [&str; 9] = [
        "malformed-request",
        "bad-parameter",
        "foreign-origin",
        "method-not-allowed",
        "body-too-slow",
        "unsupported-media-type",
        "head-too-large",
        "unsupported-transfer-coding",
        "http-version",
    ];

    #[test]
    fn every_explanation_and_every_sort_has_a_row() {
        for info in EXPLANATIONS {
            assert!(ALL.iter().any(|code| code.explanation == *info), "{}", info.code);
        }
        for sort in SORTS {
            let used = ALL.iter().any(|code| code.sort == *sort);
            assert!(used || OF_THE_LISTENER.contains(&sort.name), "{}", sort.name);
        }
    }

    #[test]
    fn names_are_unique_and_every_sort_says_what_to_do() {
        for (at, sort) in SORTS.iter().enumerate() {
            assert!(SORTS[..at].iter().all(|other| other.name != sort.name), "{}", sort.name);
            assert!(!sort.next.is_empty() && (400..600).contains(&sort.status), "{}", sort.name);
        }
    }

    /// No failure is the caller's mistake at one door and the node's fault at another.
    #[test]
    fn the_kind_of_a_code_agrees_with_its_status() {
        for code in ALL {
            let (number, status) = (code.number(), code.sort.status);
            let agree = match code.kind() {
                Kind::NotFound => matches!(status, 404 | 422),
                Kind::BadRequest => matches!(status, 400 | 404 | 422),
                Kind::Refused => (400..500).contains(&status) || matches!(status, 501 | 503),
                Kind::Unreachable => status == 503,
                Kind::TimedOut => matches!(status, 503 | 504),
                Kind::TooLarge => status == 413,
                Kind::VersionMismatch => status == 422,
                Kind::Internal => status >= 500,
            };
            assert!(agree, "{number} is {:?} and {status}", code.kind());
        }
    }
}
