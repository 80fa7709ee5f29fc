//! The integration tests of `ms-supervisor`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod administration;
mod common;
mod dynamic;
mod foresight;
mod heartbeats;
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
mod significant;
mod stopping;
mod tree;
mod walk;
mod wedged;
