//! `msctl completions`

use clap::{Args, Command};
use clap_complete::Shell;

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::Outcome;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl completions bash > ~/.local/share/bash-completion/completions/msctl",
    "msctl completions zsh > ~/.zfunc/_msctl",
    "msctl completions fish > ~/.config/fish/completions/msctl.fish",
))]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the script for the whole `grammar`, which is handed in: a verb does not know it.
    pub(crate) fn run(self, grammar: &mut Command, cx: &Cx) -> Outcome {
        // Into memory first: `generate` panics when its writer fails, as a closed pipe does.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, grammar, "msctl", &mut script);
        cx.out.text(&String::from_utf8_lossy(&script))
    }
}
