//! The supervision tree as indented text.

use ms_core::view::{ActorStatus, Lifecycle, Mark, SupervisorView, TreeNode};

use super::style::{Style, Tone};
use super::units::{budget, known, many, ms, short, strategy, us};

/// A message that has been handled for this long is shown with its time.
const LONG_RUN_US: u64 = 100_000;

/// Renders the tree with one line for each actor, and a line that sums up.
pub(crate) fn tree(root: &TreeNode, style: Style) -> String {
    let name = style.paint(Tone::Strong, root.status.path.as_str());
    let mut text = format!("{name}{}\n", describe(root, style));
    children(root, "", style, &mut text);
    text.push_str(&summary(root));
    text
}

fn children(node: &TreeNode, indent: &str, style: Style, text: &mut String) {
    for (at, child) in node.children.iter().enumerate() {
        // The line about omitted children is drawn as one more child.
        let last = at + 1 == node.children.len() && node.omitted == 0;
        let (branch, below) = style.branch(last);
        let name = style.paint(Tone::Strong, child.id.as_str());
        text.push_str(&format!("{indent}{branch}{name}{}\n", describe(child, style)));
        // Recursion is safe here: `TreeBuilder` refuses trees that are deeper than a path may be.
        children(child, &format!("{indent}{below}"), style, text);
    }
    if node.omitted > 0 {
        let (branch, _) = style.branch(true);
        let more = format!("... {} more: msctl tree {}", node.omitted, node.status.path);
        text.push_str(&format!("{indent}{branch}{}\n", style.paint(Tone::Dim, &more)));
    }
}

/// Renders everything after the name; each part begins with two spaces.
fn describe(node: &TreeNode, style: Style) -> String {
    let status = &node.status;
    let parts = [
        Some(format!("#{}", status.incarnation.0)).filter(|_| status.incarnation.0 > 1),
        node.supervisor.as_ref().map(|view| style.paint(Tone::Dim, &supervisor(view))),
        life(status),
        status.uptime_ms.map(|up| style.paint(Tone::Dim, &format!("up {}", ms(up)))),
        queue(status),
        work(status),
        Some(status.restarts).filter(|&count| count > 0).map(|count| many(count, "restart")),
        Some(style.marks(&status.marks)).filter(|marks| !marks.is_empty()),
    ];
    parts.into_iter().flatten().map(|part| format!("  {part}")).collect()
}

fn supervisor(view: &SupervisorView) -> String {
    format!("[{}, {}]", strategy(view.strategy), budget(view.restarts_in_window, view.intensity))
}

/// Renders the state, unless it is the usual one or a mark says it.
fn life(status: &ActorStatus) -> Option<String> {
    let marked = |mark| status.marks.contains(&mark);
    match status.lifecycle {
        Lifecycle::Running => None,
        Lifecycle::Suspended if marked(Mark::Suspended) => None,
        Lifecycle::Restarting if marked(Mark::Restarting) => None,
        Lifecycle::Stopped => match &status.last_exit {
            Some(reason) => Some(format!("stopped: {}", reason.label())),
            None => Some("stopped".to_owned()),
        },
        other => Some(other.to_string()),
    }
}

fn queue(status: &ActorStatus) -> Option<String> {
    let mailbox = &status.mailbox;
    match (mailbox.depth, mailbox.capacity) {
        (Some(0), _) => None,
        (depth, Some(capacity)) => Some(format!("queue {}/{capacity}", known(depth))),
        (depth, None) => Some(format!("queue {}", known(depth))),
    }
}

fn work(status: &ActorStatus) -> Option<String> {
    let handling = status.handling.as_ref()?;
    let message = short(&handling.message);
    Some(match handling.for_us {
        0..LONG_RUN_US => format!("handles {message}"),
        long => format!("handles {message} for {}", us(long)),
    })
}

fn summary(root: &TreeNode) -> String {
    let count = |mark| root.walk().filter(|node| node.status.marks.contains(&mark)).count();
    let marks = [
        (Mark::Unresponsive, "unresponsive"),
        (Mark::Suspended, "suspended"),
        (Mark::Backlogged, "backlogged"),
        (Mark::Restarting, "restarting"),
        (Mark::Flapping, "flapping"),
    ];
    let found = marks.into_iter().map(|(mark, word)| (count(mark), word));
    let found: Vec<_> =
        found.filter(|&(n, _)| n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let actors = many(root.walk().count() as u64, "actor");
    // Said aloud: a tree that is cut off at a hung supervisor looks like one that ends there.
    let missing = match root.silent().count() as u64 {
        0 => String::new(),
        n => format!(
            "; {} did not answer in time, so {} children are not shown",
            many(n, "supervisor"),
            if n == 1 { "its" } else { "their" }
        ),
    };
    match found.is_empty() {
        true => format!("{actors}{missing}\n"),
        false => format!("{actors}: {}{missing}\n", found.join(", ")),
    }
}
