//! Durable tasks: a table, one in full, and the outcomes of requests.

use ms_control::proto::{TaskDetails, TaskTaken, TaskVerb};
use ms_core::task::{TaskPage, TaskState, TaskTime, TaskView};

use super::facts::{Column, facts, table};
use super::style::{Style, Tone};
use super::units::{clean, many, ms, utc};

/// Renders one page of tasks, and the cursor of the next page.
pub(crate) fn tasks(page: &TaskPage, style: Style) -> String {
    let mut text = task_table(&page.tasks, style);
    // A task that cannot be decoded is named: a list that skips it would say that it is gone.
    for id in &page.unreadable {
        text.push_str(&format!("{id} cannot be read; the node's log says why\n"));
    }
    if let Some(next) = page.next {
        text.push_str(&format!("there are more: --cursor {next}\n"));
    }
    text
}

/// Renders one row for each task.
pub(crate) fn task_table(tasks: &[TaskView], style: Style) -> String {
    let columns = [
        ("ID", false),
        ("STATE", false),
        ("KIND", false),
        ("QUEUE", false),
        ("ATTEMPT", true),
        ("SUBMITTED", false),
        ("FAILURE", false),
    ];
    let columns = columns.map(|(title, right)| Column { title, right });
    let rows: Vec<_> = tasks.iter().map(|task| row(task, style)).collect();
    format!("{}{}\n", table(&columns, &rows), many(tasks.len() as u64, "task"))
}

fn row(task: &TaskView, style: Style) -> Vec<String> {
    // A table needs one line for each task; `tasks show` has the whole message.
    let failure = task.failure.as_ref().map(|failure| {
        let first = clean(failure.message.lines().next().unwrap_or_default());
        let dots = if style.ascii { "..." } else { "…" };
        // By characters: a cut within one would panic.
        match first.char_indices().nth(60) {
            Some((end, _)) => format!("{}{dots}", &first[..end]),
            None => first,
        }
    });
    vec![
        task.id.to_string(),
        task.state.to_string(),
        task.kind.to_string(),
        task.queue.to_string(),
        format!("{}/{}", task.attempts, task.max_attempts),
        utc(task.timings.submitted.as_millis()),
        failure.unwrap_or_default(),
    ]
}

/// Renders everything that is known of one task.
pub(crate) fn task(view: &TaskDetails, style: Style) -> String {
    let TaskDetails { task, result } = view;
    let timings = &task.timings;
    let tone = match task.state {
        TaskState::Failed | TaskState::Dead => Tone::Bad,
        TaskState::Cancelled => Tone::Warn,
        _ => Tone::Calm,
    };
    let mut lines = vec![
        ("kind", task.kind.to_string()),
        ("queue", format!("{}, priority {}", task.queue, task.priority.get())),
        ("attempts", attempts(task)),
        ("submitted", at(timings.submitted)),
    ];
    if timings.not_before > timings.submitted && task.state == TaskState::Pending {
        lines.push(("not before", at(timings.not_before)));
    }
    if let Some(deadline) = timings.deadline {
        lines.push(("deadline", at(deadline)));
    }
    if let Some(agent) = &task.assigned_agent {
        lines
            .push((if task.state.is_leased() { "agent" } else { "last agent" }, agent.to_string()));
    }
    let moments = [("assigned", timings.assigned), ("started", timings.started)];
    lines.extend(moments.into_iter().filter_map(|(label, time)| Some((label, at(time?)))));
    if let Some(lease) = task.lease {
        lines.push(("lease until", at(lease.until)));
    }
    if let Some(ended) = timings.ended {
        let took = ms(ended.since(timings.submitted).as_millis().try_into().unwrap_or(u64::MAX));
        lines.push(("ended", format!("{}, {took} after submission", at(ended))));
    }
    if let Some(failure) = &task.failure {
        lines.push(("failure", clean(&failure.message)));
        lines.extend(failure.causes.iter().map(|cause| ("caused by", clean(cause))));
    }
    if let Some(key) = &task.idempotency_key {
        lines.push(("key", clean(key.as_str())));
    }
    if let Some(result) = result {
        lines.push(("result", clean(&result.to_string())));
    }
    let next = match task.state {
        TaskState::Dead | TaskState::Failed => Some(format!("msctl tasks retry {}", task.id)),
        _ => None,
    };
    lines.extend(next.map(|next| ("try again", next)));
    let id = style.paint(Tone::Strong, &task.id.to_string());
    format!("{id} {}\n{}", style.paint(tone, task.state.label()), facts(&lines))
}

fn attempts(task: &TaskView) -> String {
    let mut text = format!("{} of {}", task.attempts, task.max_attempts);
    for (count, noun) in [(task.interruptions, "interruption"), (task.replays, "replay")] {
        if count > 0 {
            text.push_str(&format!(", {}", many(u64::from(count), noun)));
        }
    }
    text
}

fn at(time: TaskTime) -> String {
    utc(time.as_millis())
}

/// Renders the outcome of a submission.
///
/// The id stands alone on the first line, so that a script can read it in both cases.
pub(crate) fn taken(taken: &TaskTaken) -> String {
    let TaskTaken { task, repeated } = taken;
    match repeated {
        false => format!("{}\n", task.id),
        true => format!(
            "{}\nthe key was used before: this is the first task, now {}\n",
            task.id, task.state
        ),
    }
}

/// Renders what a verb would do to tasks: those it would change, and those it would be refused for.
pub(crate) fn tasks_foretold(verb: TaskVerb, tasks: &[TaskView], style: Style) -> String {
    if tasks.is_empty() {
        return "no task matches; nothing would be done\n".to_owned();
    }
    let line = |task: &TaskView| match (verb, task.state) {
        (TaskVerb::Cancel, TaskState::Cancelled) => {
            format!("cancel {} would change nothing: it is cancelled\n", task.id)
        }
        (TaskVerb::Cancel, state) if state.is_ended() => {
            format!("cancel {} would be refused: it is {state}\n", task.id)
        }
        (TaskVerb::Cancel, _) => format!("cancel {} would end it\n", task.id),
        (TaskVerb::Retry, TaskState::Failed | TaskState::Dead) => {
            format!("retry {} would have it tried again\n", task.id)
        }
        (TaskVerb::Retry, state) => {
            format!("retry {} would be refused: it is {state}\n", task.id)
        }
    };
    let lines: String = tasks.iter().map(line).collect();
    format!("{}{lines}", task_table(tasks, style))
}

/// Renders the outcome for each task that was steered.
pub(crate) fn tasks_steered(verb: TaskVerb, done: &[TaskView]) -> String {
    if done.is_empty() {
        return "no task matches; nothing was done\n".to_owned();
    }
    let did = match verb {
        TaskVerb::Cancel => "cancelled",
        TaskVerb::Retry => "will be tried again",
    };
    let line = |task: &TaskView| format!("{} {did}: now {}\n", task.id, task.state);
    done.iter().map(line).collect()
}
