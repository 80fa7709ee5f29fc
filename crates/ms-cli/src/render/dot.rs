//! The supervision tree for Graphviz.

use ms_core::view::{Mark, TreeNode};

use super::style::Style;
use super::units::{clean, strategy};

/// Renders a `digraph` with one box for each actor.
///
/// A mark is a word; the colour only repeats it, for readers who see no difference in colour.
pub(crate) fn dot(root: &TreeNode) -> String {
    let mut text = String::from(
        "digraph tree {\n  rankdir=LR;\n  node [shape=box, style=filled, fillcolor=white];\n",
    );
    for node in root.walk() {
        let path = quote(node.status.path.as_str());
        text.push_str(&format!("  {path} [label={}{}];\n", label(node), fill(&node.status.marks)));
        for child in &node.children {
            text.push_str(&format!("  {path} -> {};\n", quote(child.status.path.as_str())));
        }
    }
    text + "}\n"
}

fn label(node: &TreeNode) -> String {
    let name = node.id.as_str().to_owned();
    let kind = node.supervisor.as_ref().map(|view| strategy(view.strategy).to_owned());
    let omitted = (node.omitted > 0).then(|| format!("+{} more", node.omitted));
    let marks = node.status.marks.iter().map(|&mark| Style::PLAIN.mark(mark));
    let lines: Vec<_> = [Some(name), kind, omitted].into_iter().flatten().chain(marks).collect();
    quote(&lines.join("\n"))
}

fn fill(marks: &[Mark]) -> &'static str {
    let has = |mark| marks.contains(&mark);
    if has(Mark::Unresponsive) || has(Mark::Stuck) || has(Mark::Flapping) {
        ", fillcolor=salmon"
    } else if marks.is_empty() {
        ""
    } else {
        ", fillcolor=khaki"
    }
}

fn quote(text: &str) -> String {
    // Line by line, because `clean` would escape the line ends of the label itself.
    let lines = text.split('\n').map(clean);
    let escaped = lines.map(|line| line.replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", escaped.collect::<Vec<_>>().join("\\n"))
}
