//! Explores the setups and prints a line for each: `ms-model [--long]`.

#![allow(clippy::print_stdout, reason = "a command talks to a terminal")]

use std::process::ExitCode;
use std::time::Instant;

use ms_model::Explored;

fn main() -> ExitCode {
    let long = std::env::args().any(|word| word == "--long");
    let setups = if long { ms_model::exhaustive() } else { ms_model::bounded() };
    let began = Instant::now();
    let all = ms_model::run_all(&setups, show);
    let sum = |of: fn(&Explored) -> usize| all.iter().map(of).sum::<usize>();
    let (states, steps) = (sum(|one| one.states), sum(|one| one.steps));
    let (broken, seconds) = (sum(|one| one.violations.len()), began.elapsed().as_secs_f64());
    println!(
        "{} setups, {states} states, {steps} steps, {broken} laws broken, {seconds:.1} s",
        all.len()
    );
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show(explored: &Explored) {
    println!("{:>9} states {:>3} deep  {}", explored.states, explored.depth, explored.setup);
    for violation in &explored.violations {
        println!("  ! {}: {}", violation.law, violation.way.join(", "));
    }
}
