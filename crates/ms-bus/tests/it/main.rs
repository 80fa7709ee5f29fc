//! The integration tests of `ms-bus`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod agents;
mod bad;
mod bench;
mod bus_transport;
mod common;
mod groups;
mod lives;
mod order;
mod pressure;
mod publishing;
mod requests;
mod threads;
