//! The causal record of one end, in words.

use ms_core::budget::{BudgetStop, OverBudget, WALL_US};
use ms_core::view::{ActorStatus, Decision, WhyRecord};
use ms_core::{ActorPath, ExitReason};

use super::facts::facts;
use super::style::{Style, Tone};
use super::units::{clean, many, ms, period_of, strategy, us, utc};

/// Renders what is known of an actor without a record of its ends.
pub(crate) fn no_records(status: &ActorStatus) -> String {
    let path = &status.path;
    match &status.last_exit {
        None => format!("{path} has not ended since the node booted\n"),
        Some(reason) => format!(
            "{path} last ended with: {}\n  no crash record: an end or a failed start that was \
             ordered, for the actor or a sibling, leaves none, as its supervisor has nothing to \
             decide\n",
            clean(&reason.to_string())
        ),
    }
}

/// Renders what happened, where, which siblings ended with it, and what is left of the budget.
pub(crate) fn why(record: &WhyRecord, now_unix_ms: u64, whole: bool, style: Style) -> String {
    let who = format!("{} {}", record.path, record.incarnation);
    let head = format!("{} {}", style.paint(Tone::Strong, &who), headline(&record.reason));
    let ago = now_unix_ms.saturating_sub(record.unix_ms);
    let mut lines = site(&record.reason);
    lines.push(("when", format!("{} ago, {}", ms(ago), utc(record.unix_ms))));
    lines.push(("it had", life(record)));
    if !record.ask_chain.is_empty() {
        let chain: Vec<_> = record.ask_chain.iter().map(ToString::to_string).collect();
        lines.push(("ask chain", chain.join(" -> ")));
    }
    lines.push(("supervisor", supervisor(record)));
    lines.push(("siblings", siblings(record)));
    lines.push(("budget", budget(record)));
    lines.push(("next start", next_start(record)));
    lines.push(("injected", if record.injected { "yes, on purpose" } else { "no" }.to_owned()));
    // Only on request: it is longer than all the rest, and the place of the panic says most of it.
    let trace = record
        .reason
        .panic()
        .and_then(|panic| panic.backtrace.as_ref())
        .map(|trace| trace.as_str());
    if trace.is_some() && !whole {
        lines.push(("backtrace", "recorded; --backtrace prints it".to_owned()));
    }
    format!(
        "{head}\n{}{}",
        facts(&lines),
        trace.filter(|_| whole).map_or_else(String::new, indented)
    )
}

/// Renders the budget that suspends an actor or a part of its subtree, and what to do.
pub(crate) fn over_budget(
    stop: &BudgetStop,
    asked: &ActorPath,
    now_unix_ms: u64,
    style: Style,
) -> String {
    let OverBudget { account, unit, used, limit } = &stop.over;
    // Asked about an actor above the budget, it is not that actor which is suspended.
    let who = match asked.is_within(account) {
        true => asked,
        false => account,
    };
    let head = format!(
        "{} {}",
        style.paint(Tone::Strong, who.as_str()),
        style.paint(Tone::Bad, "is suspended over its budget")
    );
    let share = |unit: &str, used: u64, limit: u64| match unit {
        WALL_US => format!("{} of {} in handlers", us(used), us(limit)),
        unit => format!("{used} of {limit} {}", clean(unit)),
    };
    let since = now_unix_ms.saturating_sub(stop.unix_ms);
    let mut lines = vec![
        ("budget", format!("of {account} and all below it")),
        ("used up", share(unit, *used, *limit)),
    ];
    for (other, usage) in stop.units.iter().filter(|(other, _)| *other != unit) {
        lines.push(("also", share(other, usage.used, usage.limit)));
    }
    lines.push(("since", format!("{} ago, {}", ms(since), utc(stop.unix_ms))));
    let next = format!("msctl budget raise {account} {} N", clean(unit));
    lines.push(("next", format!("{next}: it goes on by itself, with the message it holds")));
    lines.push(("not enough", "msctl resume: it would be suspended again at once".to_owned()));
    format!("{head}\n{}", facts(&lines))
}

fn headline(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Panicked(panic) => format!("panicked: {}", clean(&panic.message)),
        ExitReason::Failed(chain) => {
            format!("failed: {}", clean(chain.lines().first().map_or("", String::as_str)))
        }
        other => format!("ended: {}", clean(&other.to_string())),
    }
}

/// Returns the place in the source, the message in work, and the causes below the first.
fn site(reason: &ExitReason) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(panic) = reason.panic() {
        let unknown = || "an unknown place".to_owned();
        let place = panic.location.as_ref().map_or_else(unknown, |at| clean(&at.to_string()));
        lines.push(("at", place));
        let during = clean(&panic.during);
        lines.push(match &panic.handling {
            Some(message) => ("while", format!("handling {} (in {during})", clean(message))),
            None => ("while", format!("in {during}, no message")),
        });
    }
    if let ExitReason::Failed(chain) = reason {
        lines.extend(chain.lines().iter().skip(1).map(|cause| ("caused by", clean(cause))));
    }
    lines
}

fn life(record: &WhyRecord) -> String {
    let waiting = match record.mailbox_depth {
        Some(depth) => format!("{} waiting", many(depth, "message")),
        None => "an unknown number of messages waiting".to_owned(),
    };
    let lost = match record.dropped {
        0 => "none lost".to_owned(),
        dropped => format!("{dropped} lost to the dead letters"),
    };
    format!("run for {}, with {waiting}, {lost}", ms(record.uptime_ms))
}

fn supervisor(record: &WhyRecord) -> String {
    let did = match record.decision {
        Decision::Restarted => "started it again at once",
        Decision::Delayed => "starts it again after a delay",
        Decision::LeftDown => "left it down and kept its spec",
        Decision::Dropped => "left it down and dropped its spec",
        Decision::AutoShutdown => "ended itself, because a significant child had ended",
        Decision::GaveUp => {
            "gave up: over its restart budget, it ended, and its own supervisor decides"
        }
        Decision::Stopped => "stopped it, together with a failed sibling or on command",
        Decision::Evacuated => "moved it to another arbiter, which is not counted",
    };
    match (&record.supervisor, record.strategy) {
        (Some(path), Some(kind)) => format!("{path} ({}) {did}", strategy(kind)),
        (Some(path), None) => format!("{path} {did}"),
        (None, _) => "none: it was the root, or unsupervised".to_owned(),
    }
}

fn siblings(record: &WhyRecord) -> String {
    if record.siblings.is_empty() {
        return "none taken along".to_owned();
    }
    let names: Vec<_> = record.siblings.iter().map(ToString::to_string).collect();
    format!("{} taken along: {}", names.len(), names.join(", "))
}

fn budget(record: &WhyRecord) -> String {
    let Some(budget) = record.budget else { return "none".to_owned() };
    let (used, max) = (record.budget_used, budget.max_restarts);
    let within = period_of(budget.period);
    // The restart that was refused is counted, too, so more may be used than there are.
    match max.checked_sub(used) {
        Some(left) => format!("{used} of {max} restarts in {within} used, {left} left"),
        None => format!("{used} of {max} restarts in {within} used: over it"),
    }
}

fn next_start(record: &WhyRecord) -> String {
    match (record.next_delay_ms, record.decision) {
        (Some(delay), _) => format!("after {}", ms(delay)),
        (None, Decision::Restarted | Decision::Evacuated) => "without delay".to_owned(),
        (None, _) => "none is due".to_owned(),
    }
}

fn indented(trace: &str) -> String {
    trace.lines().map(|line| format!("    {}\n", clean(line))).collect()
}
