//! Standard output: text, versioned JSON, and a screen that is redrawn.

use std::io::{self, IsTerminal, Write};

use ms_core::NodeLife;
use ms_core::view::SCHEMA_VERSION;
use serde::Serialize;

use crate::exit::Outcome;
use crate::render::Style;

/// Moves the cursor home and clears the screen below it.
const HOME: &str = "\x1b[H\x1b[J";

/// The destination of answers.
#[derive(Debug)]
pub(crate) struct Out {
    /// Colours and characters that may be used.
    pub(crate) style: Style,
    terminal: bool,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    schema: u32,
    kind: &'a str,
    /// The life of the node, for data that has no meaning outside of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<NodeLife>,
    data: &'a T,
}

impl Out {
    /// Chooses the style: colour only on a terminal that has not declined it.
    pub(crate) fn new(ascii: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        // An empty `NO_COLOR` counts as unset (no-color.org).
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { style: Style { colour: terminal && !dumb && !set("NO_COLOR"), ascii }, terminal }
    }

    /// Writes and flushes text.
    pub(crate) fn text(&self, text: &str) -> Outcome {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        // Streams are piped into other programs, which want a line when it happens.
        Ok(stdout.flush()?)
    }

    /// Redraws the screen with text; appends it where there is no terminal.
    pub(crate) fn screen(&self, text: &str) -> Outcome {
        // In a file or a pipe the drawings follow each other: control codes would be noise there.
        let home = if self.terminal { HOME } else { "" };
        self.text(&format!("{home}{text}"))
    }

    /// Writes one versioned document, indented.
    pub(crate) fn json<T: Serialize>(&self, kind: &str, data: &T) -> Outcome {
        self.document(&Envelope { schema: SCHEMA_VERSION, kind, life: None, data })
    }

    /// Writes a document as it is: one with fields of its own beside the usual ones.
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
