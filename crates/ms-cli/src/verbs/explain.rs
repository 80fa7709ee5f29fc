//! `msctl explain`

use clap::Args;
use ms_control::codes;

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::{Failure, Outcome};

/// Explain an error code, offline
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl explain MS0012",
    "msctl explain                    all codes, one on each line",
))]
pub(crate) struct Explain {
    /// Error code, such as MS0012
    code: Option<String>,
}

impl Explain {
    pub(crate) fn run(self, cx: &Cx) -> Outcome {
        let Some(code) = self.code else {
            let lines: Vec<_> = codes::EXPLANATIONS
                .iter()
                .map(|info| format!("{}  {}\n", info.code, info.title))
                .collect();
            return cx.out.text(&lines.concat());
        };
        let info = codes::find(&code).ok_or(Failure::NoSuchCode(code))?;
        cx.out.text(&format!("{}: {}\n\n{}\n", info.code, info.title, info.text))
    }
}
