//! `ms-conformance`: plays OTP scenarios on real supervisors.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use ms_conformance::{Verdict, check, encode, files_below, play};

const USAGE: &str = "\
usage: ms-conformance run FILE...   play scenarios (`-` is stdin), print their traces, one JSON object a line
       ms-conformance check DIR...  play all golden files below DIR and compare with their `expected`

exit status: 0 all is well, 1 a scenario differs or is unusable, 2 this usage is wrong";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((verb, paths)) if verb == "run" && !paths.is_empty() => run(paths),
        Some((verb, paths)) if verb == "check" && !paths.is_empty() => check_all(paths),
        Some((verb, _)) if ["help", "--help", "-h"].contains(&verb.as_str()) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn read(path: &str) -> std::io::Result<String> {
    if path != "-" {
        return std::fs::read_to_string(path);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn trace(path: &str) -> Result<String, String> {
    let text = read(path).map_err(|error| error.to_string())?;
    let file = serde_json::from_str(&text).map_err(|error| format!("not JSON: {error}"))?;
    let lines = play(&file).map_err(|error| error.to_string())?;
    Ok(lines.iter().map(|line| encode(line) + "\n").collect())
}

fn run(paths: &[String]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for path in paths {
        match trace(path) {
            Ok(lines) => {
                if std::io::stdout().write_all(lines.as_bytes()).is_err() {
                    // Nobody reads on.
                    return code;
                }
            }
            Err(error) => {
                eprintln!("{path}: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

fn check_all(paths: &[String]) -> ExitCode {
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for path in paths {
        let files = match files_below(Path::new(path)) {
            Ok(files) => files,
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        };
        for file in files {
            let verdict = match std::fs::read_to_string(&file) {
                Ok(text) => check(&text),
                Err(error) => Verdict::Unusable(error.to_string()),
            };
            match verdict {
                Verdict::Passed => passed += 1,
                Verdict::Differs { expected, got } => {
                    failed += 1;
                    let show = |line: &Option<String>| {
                        line.clone().unwrap_or_else(|| "nothing more".to_owned())
                    };
                    println!(
                        "{}\n  OTP  {}\n  ours {}",
                        file.display(),
                        show(&expected),
                        show(&got)
                    );
                }
                Verdict::Unusable(why) => {
                    failed += 1;
                    println!("{}\n  {why}", file.display());
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
