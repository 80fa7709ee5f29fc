//! The numbered explanations; `msctl explain CODE` prints them offline.

use super::Kind;

/// The explanation of a number.
#[derive(Debug, PartialEq, Eq)]
pub struct Explanation {
    /// `MS0nnn`; never given to another meaning.
    pub code: &'static str,
    /// The sort of failure.
    pub kind: Kind,
    /// One line.
    pub title: &'static str,
    /// The long text: what it means, common causes, what to do.
    pub text: &'static str,
}

macro_rules! catalogue {
    ($($(#[$doc:meta])*
       $name:ident = $code:literal, $kind:ident, $title:literal, $text:literal;)*) => {
        $($(#[$doc])* pub static $name: Explanation =
            Explanation { code: $code, kind: Kind::$kind, title: $title, text: $text };)*
        /// Every explanation, in order.
        pub static ALL: &[&Explanation] = &[$(&$name),*];
    };
}

/// Returns the explanation of `code`, whatever its case.
#[must_use]
pub fn find(code: &str) -> Option<&'static Explanation> {
    ALL.iter().copied().find(|info| info.code.eq_ignore_ascii_case(code))
}

catalogue! {
    /// No actor at a path.
    NOT_FOUND = "MS0010", NotFound, "no actor at that path",
"The node is running, and its supervision tree has no actor at the path you gave.
Paths start at the root and name every supervisor on the way: /root/agents/crawler-3.
A temporary child leaves the tree when it ends; a permanent one stays in it while it
restarts.

What to do: run `msctl tree` and copy the path. `msctl events` shows whether the actor
was there and ended.";
    /// The node says no.
    REFUSED = "MS0011", Refused, "the node refused",
"The node understood the request and does not permit it. Faults can be injected only
into a node that allows it (the demo does; a production node does not), and some actors,
such as the root supervisor, cannot be steered. The refusal is recorded as an event.

What to do: read the sentence after `why`, and start the node with the permission if you
need it.";
    /// No node answers.
    UNREACHABLE = "MS0012", Unreachable, "no node answers",
"Nothing listens on the control socket, or no socket was found, or the node closed the
connection before it answered. A node prints the path of its socket when it starts.

msctl looks in this order: --control PATH, the environment variable MS_CONTROL, and then
the only live socket in $XDG_RUNTIME_DIR/ms-framework/ or, without that variable, in
/tmp/ms-framework-<uid>/. A node in a container or of another user is not found there.

What to do: start the node, or pass the path it printed with --control.";
    /// Not done in time.
    TIMED_OUT = "MS0013", TimedOut, "not done in time",
"The node took the request and did not answer within the deadline (2 seconds unless
--timeout says otherwise). One hung actor cannot cause this for `msctl tree`: it is shown
as unresponsive. A state view or a statistics request to an actor that is blocked inside
a handler can.

What to do: `msctl tree` shows which actors are unresponsive; `msctl inspect PATH` shows
what it handles and for how long.";
    /// A request that makes no sense.
    BAD_REQUEST = "MS0014", BadRequest, "malformed request",
"The node could not read the request: the frame was cut short, was not JSON, named an
unknown request or field, or had a value outside its limits. Nothing was carried out. The
node closes a connection whose framing it cannot trust.

What to do: use the msctl that belongs to the node. If you write a client, the protocol is
described in the documentation of ms_control::proto.";
    /// Over a limit.
    TOO_LARGE = "MS0015", TooLarge, "frame or answer over its limit",
"A request frame may have 320 KiB, an answer 64 MiB; a task, its payload and settings
together, 256 KiB of JSON. Nothing was carried out and nothing was cut silently.

What to do: ask for less. `msctl tree PATH --depth 2`, `msctl ps --top 50`.";
    /// Different versions.
    VERSION_MISMATCH = "MS0016", VersionMismatch, "different protocol versions",
"msctl and the node speak different versions of the control protocol or of the views in
it. Both versions are named in the message. Nothing was carried out.

What to do: use the msctl that was built together with the node.";
    /// A bug.
    INTERNAL = "MS0017", Internal, "a fault inside the node or msctl",
"The handler of the request panicked, or an answer could not be read although the
versions agree. The node itself goes on.

What to do: look into the node's log and report it together with the command line.";
    /// The socket is taken.
    IN_USE = "MS0018", Refused, "the control socket is in use",
"A node tried to bind a control socket on which another process listens. The socket of the
other node was not touched. A socket file that a dead node left behind is not in use and
is replaced.

What to do: stop the other node, or give this one another path with --control PATH.";
    /// The path cannot hold a socket.
    BAD_PATH = "MS0019", BadRequest, "the control socket cannot be created there",
"The path is too long for a Unix socket (107 bytes), has no directory, is taken by a file
that is not a socket (it is never deleted), or its default directory belongs to another
user or is open to others. The directory must belong to the node's user and have mode
0700.

What to do: choose another path with --control PATH or MS_CONTROL.";
    /// More than one node.
    AMBIGUOUS = "MS0020", BadRequest, "more than one node is running",
"Without --control and MS_CONTROL, msctl talks to the only live node in the default
directory. There are several.

What to do: choose one of the listed sockets with --control PATH.";
    /// Nobody confirmed.
    UNCONFIRMED = "MS0021", Refused, "not confirmed",
"kill, restart, suspend, resume, stop and inject change a running system, and so do tasks
cancel, retry and replay, and budget raise. They ask on a terminal; without a terminal
they need --yes. Nothing was carried out.

What to do: look at `--dry-run`, which all of them but inject have, then repeat with --yes.";
    /// Too many connections.
    TOO_MANY = "MS0022", Refused, "too many control connections",
"The node serves at most 64 control connections at a time, and they are all taken.

What to do: end a `--watch` or `--follow` that nobody looks at, and try again.";
    /// The socket is another user's.
    NOT_YOU = "MS0023", Refused, "the socket belongs to another user",
"The control socket serves the user that runs the node, and root. The operating system
identifies the caller; no password is involved.

What to do: run msctl as the node's user.";
    /// No task of an id.
    NO_TASK = "MS0024", NotFound, "no such task",
"The node has no durable task with that id. There never was one, or it ended longer ago
than ended tasks are kept (`tasks.retention`, a day unless configured).

What to do: `msctl tasks ls` lists the tasks with their ids, `--state dead` the dead
letters.";
    /// A task, or a request about one, is refused.
    TASK_REFUSED = "MS0025", Refused, "the task was refused",
"The task store works, but refused this request: the task is in a state that does not allow
it (one that is completed, failed or dead cannot be cancelled, and a cancelled one stays so;
only a failed or dead one can be retried), its queue is full, its idempotency key was used
for another request, or no agent of this node handles its kind. Nothing was changed.

What to do: read the message; `msctl tasks show ID` shows the state a task is in.";
    /// The node keeps no tasks.
    NO_TASK_STORE = "MS0026", Refused, "this node has no task store",
"The program that runs this node keeps no durable tasks, or does not expose them: its
RunConfig was not given the task client. Nothing was carried out.

What to do: ask a node that has a task store, such as ms-server; `msctl info` shows which
node answers, --control chooses another.";
    /// A name that nobody has.
    NO_NAME = "MS0027", NotFound, "no such name",
"No actor is registered under that name and no service has that key, or its owner has ended
for good. Names are compared exactly.

What to do: the message shows the closest name; GET /api/v1/services lists all names of an
ms-server.";
    /// The store does not work.
    STORE_FAILED = "MS0028", Internal, "the task store failed",
"The node's task store could not carry out the request: its disk is full or read-only, its
file is damaged, or it is being restarted. If the message says that the outcome is
unknown, the task may have been accepted.

What to do: look at the disk and into the node's log, then try again; a submission with the
same --key is never taken twice.";
    /// No budget of a path.
    NO_BUDGET = "MS0029", NotFound, "no such budget",
"No budget is set for that path, or it does not limit that unit. A budget is set by the
program for one path, and covers all agents at and below it; a running node can only raise
it.

What to do: `msctl budget ls` shows the budgets of this node and what each of them limits;
`msctl budget show PATH` those that an actor draws on.";
    /// Credentials are missing.
    UNAUTHENTICATED = "MS0030", Refused, "the caller is not authenticated",
"The request carries no valid credentials, and not everybody may do what it asks for.
Nothing was carried out, and nothing was recorded.

What to do: ask over the control socket as the node's user, or send the token of the node's
token file over HTTP.";
    /// No part of this node does it.
    NOT_BUILT_IN = "MS0031", Refused, "not built into this node",
"The operation exists, but no part of this node carries it out: the program was built or
configured without that part, or the part has not started. The message names it.

What to do: ask another node, or add the part to the program.";
    /// There is no such operation.
    NO_OPERATION = "MS0032", BadRequest, "no such operation",
"No operation of this node has that name. Names are those of `msctl call --help`, such as
actors.inspect or tasks.cancel, and are compared exactly.

What to do: `msctl call --help` lists the names; use the msctl that belongs to the node.";
    /// All room for operations is taken.
    BUSY = "MS0033", Refused, "too many operations in progress",
"The node has as many operations in progress as it allows. Those whose callers have
disconnected count too, because a change that has begun is always finished. Nothing was
carried out.

What to do: try again in a moment. `msctl ps` shows which actors are behind.";
    /// Another incarnation, or another request.
    CONFLICT = "MS0034", Refused, "not the incarnation or the request that was meant",
"The request says what it is aimed at, and the node has something else there: another
incarnation of the actor lives than the one that was meant, or the request id is that of
another request of the same caller. The node remembers an id for ten minutes, or until 4,096
newer ones have come. Over HTTP a caller is an address: those behind one proxy share their
ids. Nothing was carried out.

What to do: `msctl inspect PATH` shows the incarnation that lives now. Give each request an
id of its own, such as a UUID, and repeat one only with all its fields as they were.";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text for users states the bounds that hold.
    #[test]
    fn a_conflict_says_how_long_ids_are_known() {
        let bound = crate::desk::MOST_REQUEST_IDS.to_string();
        let bound = format!("{},{}", &bound[..bound.len() - 3], &bound[bound.len() - 3..]);
        assert_eq!(crate::desk::REQUEST_IDS_FOR.as_secs(), 10 * 60);
        assert!(CONFLICT.text.contains(&bound) && CONFLICT.text.contains("ten minutes"), "{bound}");
    }

    #[test]
    fn codes_are_unique_found_and_explained() {
        for (at, info) in ALL.iter().enumerate() {
            assert!(info.code.len() == 6 && info.code.starts_with("MS0"), "{}", info.code);
            assert!(ALL[..at].iter().all(|other| other.code < info.code), "{}", info.code);
            assert!(info.text.contains("What to do:"), "{}", info.code);
            assert!(find(&info.code.to_lowercase()).is_some());
        }
        assert!(find("MS9999").is_none());
    }
}
