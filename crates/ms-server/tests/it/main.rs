//! The integration tests of `ms-server`, in one program: linking is most of their build time.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod answers;
mod bad_input;
mod common;
mod composed;
mod config_map;
mod configured;
mod defaults;
mod disks;
mod emergencies;
mod event_bus;
mod features;
mod flow;
mod health;
mod http_tasks;
mod idle;
mod intake;
mod interactions;
mod keys;
mod kills;
mod load;
mod lost;
mod operations;
mod operator;
mod outside;
mod own_parts;
mod own_service;
mod partition;
mod persistence;
mod pipeline;
mod resilience;
mod security;
mod servers;
mod signals;
mod sink;
mod tally;
mod tracing;
mod usage;
mod watchers;
