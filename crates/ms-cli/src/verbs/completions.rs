//! `msctl completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::{Cli, Cx, after_help};
use crate::exit::Outcome;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl completions bash > ~/.local/share/bash-completion/completions/msctl",
    "msctl completions zsh > ~/.zfunc/_msctl",
    "msctl completions fish > ~/.config/fish/completions/msctl.fish",
))]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, cx: &Cx) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "msctl", &mut script);
        cx.out.text(&String::from_utf8_lossy(&script))
    }
}
