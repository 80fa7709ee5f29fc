//! One actor with its state and its statistics, and the node.

use ms_control::proto::{NodeInfo, StateView, StatisticsView};
use ms_core::view::{ActorStatus, MailboxView, Tier, TreeNode, TypeCount};
use ms_core::{ChildType, Restart};

use super::facts::facts;
use super::style::{Style, Tone};
use super::units::{budget, clean, known, ms, short, strategy, us};

/// Renders everything about one actor except its state.
pub(crate) fn inspect(node: &TreeNode, style: Style) -> String {
    let status = &node.status;
    let mut lines = vec![
        ("type", format!("{} ({})", clean(&status.actor_type), sort_of(status))),
        ("state", state_of(status)),
        ("marks", style.marks(&status.marks)),
        ("restart", restart_of(status)),
        ("mailbox", mailbox_of(&status.mailbox)),
        ("in mailbox", wait_of(&status.mailbox)),
        ("handling", handling_of(status)),
        ("handled", format!("{} messages, busy {}", status.handled, us(status.busy_us))),
        ("arbiter", known(status.arbiter)),
        (
            "last exit",
            status.last_exit.as_ref().map_or("none".into(), |exit| clean(&exit.to_string())),
        ),
    ];
    if let Some(view) = &node.supervisor {
        let budget = budget(view.restarts_in_window, view.intensity);
        lines.push(("strategy", format!("{}, {budget}", strategy(view.strategy))));
    }
    lines.extend(node.children.iter().map(|child| ("child", child.status.path.to_string())));
    if node.omitted > 0 {
        lines.push(("children", format!("{} not shown", node.omitted)));
    }
    lines.retain(|(_, value)| !value.is_empty());
    let name = style.paint(Tone::Strong, status.path.as_str());
    format!("{name} {}\n{}{}", status.incarnation, facts(&lines), types(&status.types))
}

fn sort_of(status: &ActorStatus) -> &'static str {
    match (status.kind, status.tier) {
        (ChildType::Supervisor, _) | (_, Tier::Supervisor) => "supervisor",
        (_, Tier::Kernel) => "actor",
        (_, Tier::Actix) => "unchanged actix actor: its mailbox cannot be observed",
        (_, Tier::Agent) => "agent",
        (_, Tier::Task) => "task",
    }
}

fn state_of(status: &ActorStatus) -> String {
    match status.uptime_ms {
        Some(up) => format!("{}, up {}", status.lifecycle, ms(up)),
        None => status.lifecycle.to_string(),
    }
}

fn restart_of(status: &ActorStatus) -> String {
    let kind = match status.restart {
        Some(Restart::Permanent) => "permanent",
        Some(Restart::Transient) => "transient",
        Some(Restart::Temporary) => "temporary",
        None => "outside a supervisor",
    };
    format!("{kind}, restarted {} times", status.restarts)
}

fn mailbox_of(mailbox: &MailboxView) -> String {
    let capacity = mailbox.capacity.map_or("no bound".into(), |capacity| {
        format!("at most {capacity}, then {}", clean(&mailbox.overflow))
    });
    format!("{} waiting, {capacity}; {} overflowed", known(mailbox.depth), mailbox.overflowed)
}

fn wait_of(mailbox: &MailboxView) -> String {
    let time = |value: Option<u64>| known(value.map(us));
    let (p50, p99) = (time(mailbox.wait_p50_us), time(mailbox.wait_p99_us));
    format!("p50 {p50}, p99 {p99}, max {}", time(mailbox.wait_max_us))
}

fn handling_of(status: &ActorStatus) -> String {
    status.handling.as_ref().map_or("nothing".into(), |handling| {
        format!("{} for {}", clean(&handling.message), us(handling.for_us))
    })
}

fn types(types: &[TypeCount]) -> String {
    types.iter().map(|of| format!("  {:>10} x {}\n", of.count, short(&of.message))).collect()
}

/// Renders the redacted state of one actor.
pub(crate) fn state(view: &StateView) -> String {
    let state = match &view.state {
        serde_json::Value::Null => "(it discloses no state)".to_owned(),
        // JSON has escaped what is inside of strings. Only the line ends of its layout are real,
        // and have to survive `clean`.
        value => format!("{value:#}").lines().map(clean).collect::<Vec<_>>().join("\n"),
    };
    format!("{} {}\n{state}\n", view.path, view.incarnation)
}

/// Renders the message counts of one actor.
pub(crate) fn statistics(view: &StatisticsView) -> String {
    let state = match (view.on, view.for_ms) {
        (true, Some(time)) => format!("counting for {}", ms(time)),
        (true, None) => "counting".to_owned(),
        (false, _) => "not counting; start with --on".to_owned(),
    };
    let work = format!("{} messages, busy {}", view.handled, us(view.busy_us));
    format!("{}: {state}\n  {work}\n{}", view.path, types(&view.types))
}

/// Renders the node itself.
pub(crate) fn info(info: &NodeInfo) -> String {
    let mut lines = vec![
        ("process", info.pid.to_string()),
        ("version", clean(&info.version)),
        // Older nodes answer without it.
        ("life", info.life.map_or_else(|| "not reported".to_owned(), |life| life.to_string())),
        ("up", ms(info.uptime_ms)),
        (
            "actors",
            format!("{} on {} arbiters, {} wedged", info.actors, info.arbiters, info.wedged),
        ),
        ("restarts", info.restarts.to_string()),
        ("dead letters", info.dead_letters.to_string()),
        ("inspection", format!("{} served in {}", info.inspections, us(info.inspection_us))),
        ("faults", if info.faults_allowed { "may be injected" } else { "refused" }.to_owned()),
    ];
    let more: Vec<_> =
        info.counters.iter().map(|(name, value)| (clean(name), value.to_string())).collect();
    lines.extend(more.iter().map(|(name, value)| (name.as_str(), value.clone())));
    format!("{}\n{}", clean(&info.node), facts(&lines))
}
