//! `cargo xtask load` and `cargo xtask soak`: the server under load, and killed many times.

use crate::End;
use crate::fresh::{self, Fresh};
use crate::workspace::{Error, Workspace, show};

/// The default number of kills.
const KILLS: &str = "1000";

/// Runs the load generator on our server and on a plain one. The arguments go to it.
pub(crate) fn load(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    let fixed = ["bench", "-p", "ms-server", "--bench", "load", "--"];
    let args = args.strip_prefix(&["--".to_owned()]).unwrap_or(args);
    let words: Vec<&str> = fixed.iter().copied().chain(args.iter().map(String::as_str)).collect();
    Ok(end(&show(workspace.cargo(&words))))
}

/// Kills the server at random points, a thousand times or as often as the arguments say. Prints its
/// seed.
pub(crate) fn soak(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    let kills = match args {
        [] => KILLS,
        [flag, count] if flag == "--kills" && count.parse::<u32>().is_ok() => count,
        _ => return Ok(End::Usage("soak takes --kills N".to_owned())),
    };
    let test = "no_acknowledged_task_is_lost_or_ends_twice_over_many_kills";
    let words = ["test", "-p", "ms-server", "--test", "it", "--", "--nocapture", test];
    let mut command = workspace.cargo(&words);
    let fresh = Fresh::of(workspace)?;
    println!("{}", fresh.line());
    command.env("MS_SERVER_KILLS", kills).env(fresh::VARIABLE, fresh.seed.to_string());
    Ok(end(&show(command)))
}

fn end(outcome: &crate::outcome::Outcome) -> End {
    outcome.problems.iter().for_each(|problem| println!("  ! {problem}"));
    if outcome.is_ok() { End::Ok } else { End::Failed }
}
