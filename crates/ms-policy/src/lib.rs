//! The supervisor's decisions as a pure state machine: OTP's, to the letter of
//! `supervisor.erl` (stdlib 4.2), and a few of our own that are off unless asked for.
//!
//! # How to walk it
//! [`Event`]s go in by [`Policy::handle`], [`Effect`]s come out of
//! [`Policy::poll_effect`]. The policy knows children by [`ChildKey`] and by number of
//! life; what they are made of, their mailboxes and threads are the actor's.
//!
//! | file | holds |
//! |---|---|
//! | `event`, `effect`, `command`, `report` | what goes in, what comes out |
//! | `machine` | the door, the operation under way, where answers go |
//! | `lifecycle` | the boot; starting and stopping one child |
//! | `restart` | a child ended: verdict, window, groups, retries, delays |
//! | `ending` | the supervisor's own end |
//! | `admin` | `start_child` and its kin |
//! | `table`, `inbox`, `intensity`, `jitter` | the data |
//! | `view`, `preview` | reading, and "what if" |
//! | `fingerprint` | telling states apart, for model checkers |
//! | `validate` | what is refused before anything starts |
//!
//! # Rules
//! Numbers such as C6 refer to `docs/semantics.md`. The 400 traces of the real OTP
//! in `tests/golden-otp` are replayed against this module.
//!
//! 1. **One thing at a time.** While a child starts or stops, everything else waits in
//!    the inbox in the order it came, but for the answer that is awaited. Reading
//!    (`view`, `preview`) is always possible.
//! 2. **An end is known by key and incarnation.** Incarnations number start attempts; an
//!    event about another one than the current is dropped.
//! 3. **Nothing costs more than it touches.** Any event about one child is O(1), or
//!    O(log n) where an id is looked up, among a million of them.
//! 4. **The end is the end.** After [`Effect::Exit`] no child runs and every command was
//!    answered; later ones are refused at once.
//!
//! # Where it departs from OTP
//! * Q1: a dynamic child that says `ignore` at an automatic restart is dropped, as in
//!   Elixir; OTP keeps a pid `undefined` that counts as active and crashes it later.
//! * Q2: `terminate_child` with a key that is gone is `NotFound`, not `ok`.
//! * Commands to a supervisor that stops are answered with `Stopping` at once;
//!   OTP's callers find out when it is dead.
//! * Q3 to Q7 are kept: they are visible in traces, or (Q6) cured by a backoff.
//!
//! # What OTP does not have
//! Per-child backoff ([`ms_core::Backoff`]), a pause instead of giving up
//! ([`ms_core::WhenExhausted`]), `max_children`, [`Event::Evacuated`], [`Decision`] records and [`Policy::preview_exit`]. With a backoff the failed child
//! shows as restarting until the delay is over. Under a group strategy the siblings are
//! stopped at once and the group is started after the longest delay due in it.
//! `terminate_child` cancels the delay.

mod admin;
mod command;
mod effect;
mod ending;
mod event;
mod fingerprint;
mod inbox;
mod intensity;
mod jitter;
mod lifecycle;
mod machine;
mod preview;
mod report;
mod restart;
mod table;
mod validate;
mod view;

pub use command::{ChildRow, Command, CommandError, Counts, Reply, Target, Ticket};
pub use effect::{Effect, StartCause};
pub use event::Event;
pub use machine::Policy;
pub use preview::Preview;
pub use report::{
    Decision, Offender, PidRef, ReportContext, ReportReason, SupervisorReport, Verdict,
};
pub use table::{ChildEntry, ChildKey, ChildState, RECORD_SIZE};
pub use validate::{ChildSpecError, FlagError, SpecError};
pub use view::{ChildView, Phase};
