//! Plays scenarios of the OTP oracle on real supervisors and prints OTP's trace.
//!
//! The traces in `tests/golden-otp` were recorded from the real OTP `supervisor`.
//! [`play`] runs the same scenario on `ms_supervisor`'s actors, on one thread and in
//! virtual time, with stand-in workers that behave as the scenario says; [`check`]
//! compares. The pure policy passes the same traces in `ms-core`'s tests: what is
//! shown here is that the actors around it add nothing and lose nothing.
//!
//! A second family of scenarios ([`processes`]) is about plain actors: links, monitors, exit
//! signals, groups and names, beside Erlang's processes, `pg` and registered names.
//! [`live`] makes up scenarios of its own and plays them on the Erlang of this machine, too.
//!
//! This crate owns the player, and the list of our departures from OTP that show in
//! traces ([`departure`]). It does not own the format: `docs/semantics.md` says where
//! the rules are.

mod api;
mod build;
mod golden;
mod ids;
mod json;
pub mod live;
mod play;
pub mod processes;
mod scenario;
mod show;
mod terms;
mod trace;
mod worker;
mod world;

pub use golden::{Difference, Verdict, check, departure, files_below, first_difference};
pub use json::encode;
pub use play::{PlayError, play};
pub use show::side_by_side;
