//! The live view: the tree, redrawn in place, without an alternate screen.

use ms_core::ExitReason;
use ms_core::view::{Lifecycle, Mark, TreeNode};

use super::{Look, text};
use crate::board::Board;

const KEYS: &str =
    "keys: c crash  h hang  b block  k kill  s suspend/resume  p kill dispatcher  q quit";

/// A line and its tone.
type Line = (Tone, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Strong,
    Bad,
    Warn,
    Dim,
}

/// Returns the lines of one frame, cut to the window.
pub(crate) fn frame(tree: &TreeNode, board: &Board, why: &[String], look: Look) -> Vec<String> {
    let mut rows = Vec::new();
    branch(tree, "", "", board, look, &mut rows);
    let room = look.height.saturating_sub(why.len() + 4).max(1);
    if rows.len() > room {
        let left = rows.len() - room + 1;
        rows.truncate(room - 1);
        rows.push((Tone::Dim, format!("... {left} more: msctl tree")));
    }
    let mut lines = vec![(Tone::Strong, text::progress(board))];
    lines.append(&mut rows);
    lines.extend(why.iter().map(|line| (Tone::Bad, line.clone())));
    lines.push((Tone::Dim, KEYS.to_owned()));
    lines.into_iter().map(|line| paint(line, look)).collect()
}

/// Returns the text that draws a frame over the last one.
pub(crate) fn draw(lines: &[String], drawn: usize) -> String {
    let mut text = over(drawn);
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Goes back to the first line of a frame and clears it.
pub(crate) fn over(drawn: usize) -> String {
    match drawn {
        0 => String::new(),
        drawn => format!("\x1b[{drawn}F\x1b[J"),
    }
}

fn branch(
    node: &TreeNode,
    lead: &str,
    below: &str,
    board: &Board,
    look: Look,
    rows: &mut Vec<Line>,
) {
    let (tone, words) = describe(node, board);
    rows.push((tone, format!("{lead}{}{words}", node.id.as_str())));
    for (at, child) in node.children.iter().enumerate() {
        let last = at + 1 == node.children.len();
        let (fork, indent) = match (look.ascii, last) {
            (false, false) => ("├─ ", "│  "),
            (false, true) => ("└─ ", "   "),
            (true, false) => ("|- ", "|  "),
            (true, true) => ("`- ", "   "),
        };
        branch(child, &format!("{below}{fork}"), &format!("{below}{indent}"), board, look, rows);
    }
}

fn describe(node: &TreeNode, board: &Board) -> Line {
    let status = &node.status;
    let mut words = String::new();
    let mut tone = Tone::Plain;
    if status.incarnation.0 > 1 {
        words.push_str(&format!("  #{}", status.incarnation.0));
    }
    if status.lifecycle == Lifecycle::Stopped
        && status.last_exit.as_ref().is_some_and(ExitReason::is_clean)
    {
        tone = Tone::Dim;
        words.push_str("  has done its work");
    } else if status.lifecycle != Lifecycle::Running {
        tone = Tone::Warn;
        words.push_str(&format!("  {}", status.lifecycle));
    }
    for mark in &status.marks {
        let (as_tone, word) = match mark {
            Mark::Unresponsive => (Tone::Bad, "! unresponsive"),
            Mark::Stuck => (Tone::Bad, "% stuck"),
            Mark::Flapping => (Tone::Bad, "~ flapping"),
            Mark::Backlogged => (Tone::Warn, "# backlogged"),
            Mark::Traced => (Tone::Plain, "> traced"),
            // The lifecycle shows these.
            Mark::Suspended | Mark::Restarting => continue,
        };
        tone = as_tone;
        words.push_str(&format!("  {word}"));
    }
    if let Some(depth) = status.mailbox.depth.filter(|&depth| depth > 0) {
        words.push_str(&format!("  queue {depth}"));
    }
    if let Some(file) = board.work_of(node.id.as_str()) {
        words.push_str(&format!("  {file}"));
    }
    (tone, words)
}

/// Cuts a line to the window, so that none wraps, and colours it.
fn paint((tone, line): Line, look: Look) -> String {
    let clean = line.chars().map(|c| if c.is_control() { '?' } else { c });
    let line: String = clean.take(look.width.saturating_sub(1)).collect();
    let code = match tone {
        Tone::Plain => return line,
        _ if !look.colour => return line,
        Tone::Strong => "1",
        Tone::Bad => "31",
        Tone::Warn => "33",
        Tone::Dim => "2",
    };
    format!("\x1b[{code}m{line}\x1b[0m")
}
