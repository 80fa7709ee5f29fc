//! The lines of the two streams: events and traced messages.

use ms_core::ActorPath;
use ms_core::stream::{StreamEvent, StreamKind};
use ms_core::task::{TaskChange, TaskSteering, TaskTransition};
use ms_core::view::{EventKind, TraceLine};

use super::style::{Style, Tone};
use super::units::{clean, many, short, us};

/// Renders one event as one line.
pub(crate) fn event(event: &StreamEvent, style: Style) -> String {
    let (tone, text) = describe(&event.kind);
    let (seconds, millis) = (event.at_ms / 1_000, event.at_ms % 1_000);
    format!("{:>6}  {seconds:>6}.{millis:03}s  {}\n", event.seq, style.paint(tone, &text))
}

fn describe(kind: &StreamKind) -> (Tone, String) {
    match kind {
        StreamKind::Node(kind) => of_node(kind),
        // Numbers of events begin again with the node: nobody can say how many were missed.
        StreamKind::Gap { restarted: true, .. } => (
            Tone::Warn,
            "! gap      the node was restarted; unread events of its former life are lost"
                .to_owned(),
        ),
        StreamKind::TaskGap { restarted: true, .. } => (
            Tone::Warn,
            "! gap      the node was restarted; task events of its former life are lost".to_owned(),
        ),
        StreamKind::Gap { missed, .. } => {
            (Tone::Warn, format!("! gap      {} missed", many(*missed, "event")))
        }
        StreamKind::Task(transition) => task(transition),
        StreamKind::TaskSteered(steering) => {
            let TaskSteering { path, verb, by, reason, outcome, .. } = steering;
            (Tone::Calm, steered(path, verb, by, reason.as_deref(), outcome))
        }
        StreamKind::TaskGap { missed, .. } => {
            (Tone::Warn, format!("! gap      {} missed", many(*missed, "task event")))
        }
    }
}

fn of_node(kind: &EventKind) -> (Tone, String) {
    match kind {
        EventKind::Started { path, incarnation } => {
            (Tone::Dim, format!("started    {path} {incarnation}"))
        }
        EventKind::Exited { path, incarnation, reason } => {
            let tone = if reason.is_clean() { Tone::Dim } else { Tone::Warn };
            (tone, format!("exited     {path} {incarnation}: {}", clean(&reason.to_string())))
        }
        EventKind::Decided { why } => {
            let after =
                why.next_delay_ms.map_or(String::new(), |ms| format!(" in {}", us(ms * 1_000)));
            let decision = format!("{:?}{after}", why.decision).to_lowercase();
            (Tone::Calm, format!("decided    {} {}: {decision}", why.path, why.incarnation))
        }
        EventKind::Escalated { path, reason } => {
            (Tone::Bad, format!("! gave up  {path}: {}", clean(&reason.to_string())))
        }
        EventKind::Steered { path, verb, by, reason, outcome } => {
            (Tone::Calm, steered(path, verb, by, reason.as_deref(), outcome))
        }
        EventKind::ArbiterWedged { arbiter, evacuated } => {
            let moved = many(*evacuated as u64, "actor");
            (Tone::Bad, format!("! wedged   arbiter {arbiter}, {moved} moved"))
        }
        EventKind::Noted { path, topic, text } => {
            (Tone::Warn, format!("! noted    {path}: {}: {}", clean(topic), clean(text)))
        }
        // Nodes gain kinds of events; an older msctl shows what it can.
        other => (Tone::Calm, other.label().to_owned()),
    }
}

fn steered(path: &ActorPath, verb: &str, by: &str, reason: Option<&str>, outcome: &str) -> String {
    let why = reason.map_or(String::new(), |text| format!(" ({})", clean(text)));
    let (verb, by, outcome) = (clean(verb), clean(by), clean(outcome));
    format!("steered    {path}: {verb} by {by}{why}: {outcome}")
}

fn task(transition: &TaskTransition) -> (Tone, String) {
    let (tone, mark) = match transition.change {
        TaskChange::Dead => (Tone::Bad, "! "),
        TaskChange::Failed if transition.retry_in_ms.is_none() => (Tone::Bad, "! "),
        TaskChange::Failed | TaskChange::LeaseLost => (Tone::Warn, ""),
        TaskChange::Cancelled | TaskChange::TakenBack | TaskChange::Replayed => (Tone::Calm, ""),
        _ => (Tone::Dim, ""),
    };
    let change = format!("{mark}{}", transition.change.label());
    let mut line = format!("task       {} {change} ({})", transition.id, transition.kind);
    if transition.attempt > 0 {
        line.push_str(&format!(", attempt {} of {}", transition.attempt, transition.max_attempts));
    }
    if let Some(agent) = &transition.agent {
        line.push_str(&format!(", {agent}"));
    }
    if let Some(failure) = transition.failure {
        line.push_str(&format!(", {}", failure.label()));
    }
    if let Some(wait) = transition.retry_in_ms {
        line.push_str(&format!(", again in {}", us(wait.saturating_mul(1_000))));
    }
    (tone, line)
}

/// Renders one traced message as one line.
pub(crate) fn trace(line: &TraceLine) -> String {
    let (seconds, micros) = (line.at_us / 1_000_000, line.at_us % 1_000_000);
    let waited = line.waited_us.map_or(String::new(), |time| format!("  waited {}", us(time)));
    let took =
        line.took_us.map_or("  not finished".to_owned(), |time| format!("  took {}", us(time)));
    format!("{seconds:>6}.{micros:06}s  {}  {}{waited}{took}\n", line.path, short(&line.message))
}
