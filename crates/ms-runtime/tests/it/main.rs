//! The integration tests of `ms-runtime`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod boot;
mod common;
mod configuration;
mod dependencies;
mod ending;
mod following;
mod health;
mod health_logic;
mod inspection;
mod interactions;
mod interactions_logic;
mod lifecycle_logic;
mod limits;
#[path = "common/parts.rs"]
mod parts;
mod processes;
mod reloads;
mod rollback;
mod shown;
mod shutdown;
mod steering;
mod supervision;
