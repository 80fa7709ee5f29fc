//! `ms-demo`: what `cargo run --release` starts. See `ms-demo --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ms_demo::main(std::env::args_os().skip(1))
}
