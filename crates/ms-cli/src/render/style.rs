//! How text may look: colour, and the characters of drawings.

use ms_core::view::Mark;

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether ANSI colours are welcome.
    pub(crate) colour: bool,
    /// Whether only ASCII is.
    pub(crate) ascii: bool,
}

/// What a colour says; never the only thing that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Needs a look now.
    Bad,
    /// Needs a look.
    Warn,
    /// Known and wanted.
    Calm,
    /// Beside the point.
    Dim,
    /// The name of the thing.
    Strong,
}

impl Style {
    /// Neither colour nor more than ASCII.
    pub(crate) const PLAIN: Self = Self { colour: false, ascii: true };

    /// `text` in a tone.
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

    /// The branch of a node, and what its children are indented with.
    pub(crate) const fn branch(self, last: bool) -> (&'static str, &'static str) {
        match (self.ascii, last) {
            (false, false) => ("├─ ", "│  "),
            (false, true) => ("└─ ", "   "),
            (true, false) => ("|- ", "|  "),
            (true, true) => ("`- ", "   "),
        }
    }

    /// A mark as symbol and word.
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

    /// All marks of an actor.
    pub(crate) fn marks(self, marks: &[Mark]) -> String {
        marks.iter().map(|&mark| self.mark(mark)).collect::<Vec<_>>().join("  ")
    }
}
