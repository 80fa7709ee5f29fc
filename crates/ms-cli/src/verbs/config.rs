//! `msctl config`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ms_config::{Loaded, Loader, lines, plain, schema};
use ms_runtime::section::FrameworkConfig;
use serde_json::{Value, json};

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::{Failure, Outcome, say};
use crate::render::clean;

/// Check and show configuration files, offline
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl config validate /etc/config      exit code 0, or 8 and every problem",
    "msctl config show --origin             each value, and the line it comes from",
    "msctl config schema                    JSON schema for editors and CI",
))]
pub(crate) struct Config {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Read all layers and report every problem
    #[command(after_help = after_help!("msctl config validate /etc/config --environment production"))]
    Validate(From),
    /// Print every value; secrets are redacted
    #[command(after_help = after_help!("msctl config show deploy --set http.bind=127.0.0.1:80"))]
    Show {
        #[command(flatten)]
        from: From,
        /// Show where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Print the JSON schema of configuration files
    #[command(after_help = after_help!("msctl config schema > config.schema.json"))]
    Schema,
}

#[derive(Debug, Args)]
struct From {
    /// Directory of the configuration files
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Environment whose file is read; default: $ENVIRONMENT, else development
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Set a key, over all files; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl From {
    /// Loads the configuration; warnings go to stderr, so that the answer stays machine-readable.
    fn load(self) -> Result<Loaded<FrameworkConfig>, Failure> {
        let mut loader = Loader::new(self.dir).set(self.set);
        if let Some(name) = self.environment {
            loader = loader.environment(name);
        }
        let loaded = loader.load().map_err(Failure::Config)?;
        loaded.warnings.iter().for_each(|line| say(&format!("warning: {}\n", clean(line))));
        Ok(loaded)
    }
}

impl Config {
    pub(crate) fn run(self, cx: &Cx) -> Outcome {
        match self.what {
            What::Validate(from) => {
                let loaded = from.load()?;
                let (set, warnings) = (loaded.origins.len(), loaded.warnings.len());
                if cx.json {
                    return cx
                        .out
                        .json("config_valid", &json!({ "set": set, "warnings": warnings }));
                }
                cx.out.text(&format!("ok: {set} keys set, the others at their defaults\n"))
            }
            What::Show { from, origin } => {
                let loaded = from.load()?;
                if cx.json { show_json(cx, &loaded) } else { cx.out.text(&show(&loaded, origin)) }
            }
            // JSON in any case, and no document of msctl's own schema: --json changes nothing.
            What::Schema => {
                let text = format!("{:#}\n", schema::<FrameworkConfig>());
                cx.out.text(&text)
            }
        }
    }
}

fn show(loaded: &Loaded<FrameworkConfig>, origin: bool) -> String {
    let rows: Vec<_> = lines(loaded)
        .into_iter()
        .map(|line| (format!("{} = {}", line.key, clean(&plain(&line.value))), line.origin))
        .collect();
    let width = rows.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0);
    let row = |(text, from): (String, ms_config::Place)| {
        if origin { format!("{text:width$}  {}\n", clean(&from.to_string())) } else { text + "\n" }
    };
    rows.into_iter().map(row).collect()
}

fn show_json(cx: &Cx, loaded: &Loaded<FrameworkConfig>) -> Outcome {
    let entry = |line: ms_config::Line| {
        (line.key, json!({ "value": line.value, "origin": line.origin.to_string() }))
    };
    let keys: serde_json::Map<String, Value> = lines(loaded).into_iter().map(entry).collect();
    cx.out.json("config", &keys)
}
