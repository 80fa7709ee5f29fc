//! Standard output: text, versioned JSON, and a screen that is drawn again.

use std::io::{self, IsTerminal, Write};

use ms_core::NodeLife;
use ms_core::view::SCHEMA_VERSION;
use serde::Serialize;

use crate::exit::Outcome;
use crate::render::Style;

/// Moves the cursor home and clears what is below.
const HOME: &str = "\x1b[H\x1b[J";

/// Where answers go.
#[derive(Debug)]
pub(crate) struct Out {
    /// How text may look.
    pub(crate) style: Style,
    terminal: bool,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    schema: u32,
    kind: &'a str,
    /// Of what only means something within one life of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<NodeLife>,
    data: &'a T,
}

impl Out {
    /// Colour only on a terminal that has not asked for none.
    pub(crate) fn new(ascii: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { style: Style { colour: terminal && !dumb && !set("NO_COLOR"), ascii }, terminal }
    }

    /// Writes text at once.
    pub(crate) fn text(&self, text: &str) -> Outcome {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }

    /// Writes text over what is on the screen, or below it where there is no screen.
    pub(crate) fn screen(&self, text: &str) -> Outcome {
        let home = if self.terminal { HOME } else { "" };
        self.text(&format!("{home}{text}"))
    }

    /// Writes one versioned document for people and tools.
    pub(crate) fn json<T: Serialize>(&self, kind: &str, data: &T) -> Outcome {
        self.document(&Envelope { schema: SCHEMA_VERSION, kind, life: None, data })
    }

    /// As [`Out::json`], of a document that has more than one part.
    pub(crate) fn document<T: Serialize>(&self, document: &T) -> Outcome {
        let text = serde_json::to_string_pretty(document).map_err(io::Error::from)?;
        self.text(&format!("{text}\n"))
    }

    /// Writes one versioned document on one line, for streams.
    pub(crate) fn json_line<T: Serialize>(
        &self,
        kind: &str,
        life: Option<NodeLife>,
        data: &T,
    ) -> Outcome {
        let document = Envelope { schema: SCHEMA_VERSION, kind, life, data };
        let text = serde_json::to_string(&document).map_err(io::Error::from)?;
        self.text(&format!("{text}\n"))
    }
}
