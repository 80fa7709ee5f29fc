//! The look of text: colours, and the characters of drawings.

use ms_core::view::Mark;

/// The colours and characters that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether to use ANSI colours.
    pub(crate) colour: bool,
    /// Whether to use ASCII only.
    pub(crate) ascii: bool,
}

/// The meaning of a colour. A colour is never the only sign: marks and words say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Needs attention now.
    Bad,
    /// Needs attention.
    Warn,
    /// Unusual, but intended.
    Calm,
    /// A detail.
    Dim,
    /// The name of what is rendered.
    Strong,
}

impl Style {
    /// No colours and only ASCII, as for stderr.
    pub(crate) const PLAIN: Self = Self { colour: false, ascii: true };

    /// Returns `text` in a tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Bad => "31;1",
            Tone::Warn => "33",
            Tone::Calm => "36",
            Tone::Dim => "2",
            Tone::Strong => "1",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Returns the branch of a node, and the indent of its children.
    pub(crate) const fn branch(self, last: bool) -> (&'static str, &'static str) {
        match (self.ascii, last) {
            (false, false) => ("├─ ", "│  "),
            (false, true) => ("└─ ", "   "),
            (true, false) => ("|- ", "|  "),
            (true, true) => ("`- ", "   "),
        }
    }

    /// Renders a mark as a symbol and a word.
    pub(crate) fn mark(self, mark: Mark) -> String {
        let (tone, text) = match mark {
            Mark::Unresponsive => (Tone::Bad, "! unresponsive"),
            Mark::Stuck => (Tone::Bad, "% stuck"),
            Mark::Suspended => (Tone::Calm, "= suspended"),
            Mark::Backlogged => (Tone::Warn, "# backlogged"),
            Mark::Restarting => (Tone::Warn, "^ restarting"),
            Mark::Flapping => (Tone::Bad, "~ flapping"),
            Mark::Traced => (Tone::Calm, "> traced"),
        };
        self.paint(tone, text)
    }

    /// Renders all marks of an actor.
    pub(crate) fn marks(self, marks: &[Mark]) -> String {
        marks.iter().map(|&mark| self.mark(mark)).collect::<Vec<_>>().join("  ")
    }
}
