//! The integration tests of `ms-supervisor`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod common;
mod foresight;
mod kernel_rules;
mod lasting;
mod leftovers;
mod only_if;
mod opt_ins;
mod otp_admin;
mod otp_auto_shutdown;
mod otp_restart;
mod otp_start;
mod otp_stop;
mod restarting;
mod stopping;
mod tree;
mod walk;
