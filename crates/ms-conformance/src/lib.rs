//! Plays scenarios of the OTP oracle on real supervisors and prints OTP's trace.
//!
//! The traces in `tests/golden-otp` were recorded from the real OTP `supervisor`.
//! [`play`] runs the same scenario on `ms_supervisor`'s actors, on one thread and in
//! virtual time, with stand-in workers that behave as the scenario says; [`check`]
//! compares. The pure policy passes the same traces in `ms-policy`'s tests; here it is shown that the
//! actors around it add nothing and lose nothing.
//!
//! A second family of scenarios ([`processes`]) is about plain actors: links, monitors, exit
//! signals, groups and names, beside Erlang's processes, `pg` and registered names.
//! [`live`] generates scenarios and plays them on the Erlang of this machine and here.
//!
//! This crate owns the player, and the list of our departures from OTP that are visible in traces
//! ([`departure`]). It does not own the rules: they are in `docs/semantics.md`.

mod api;
mod build;
mod error;
mod fields;
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

pub use error::PlayError;
pub use golden::{Difference, Verdict, check, departure, files_below, first_difference};
pub use json::encode;
pub use play::play;
pub use show::side_by_side;
