//! `msctl tasks submit`

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use clap::Args;
use ms_control::{ControlError, codes};
use ms_core::task::{AgentKind, IdempotencyKey, MAX_PAYLOAD, NewTask, Priority, QueueName};
use serde_json::Value;

use crate::args::{after_help, millis, span};
use crate::context::Cx;
use crate::exit::{Failure, Outcome};
use crate::render;

/// Submit a task; when its id is printed, it is on disk
///
/// The payload is JSON: on the command line, as @FILE, or as - for standard input. The
/// whole task may have 256 KiB of JSON. With --key the same task can be submitted again
/// without harm, even if the first answer was lost.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl tasks submit mailer '{\"to\":\"ada@example.org\"}' --key order-4711",
    "msctl tasks submit mailer @letter.json --queue slow --delay 1h",
    "generate | msctl tasks submit mailer - --json | jq -r .data.task.id",
))]
pub(super) struct Submit {
    /// Kind of agent to do it
    kind: AgentKind,
    /// Input of the agent: JSON, @FILE or -
    #[arg(default_value = "null", hide_default_value = true, value_name = "PAYLOAD")]
    payload: String,
    /// Idempotency key: submitted again with it, the first task is returned
    #[arg(long, value_name = "KEY", value_parser = key)]
    key: Option<IdempotencyKey>,
    /// Queue to wait in
    #[arg(long, value_name = "NAME", default_value = "default")]
    queue: QueueName,
    /// Priority, -100 to 100; higher goes first
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    priority: i16,
    /// Earliest start from now, at most 24h
    #[arg(long, value_name = "TIME", value_parser = span)]
    delay: Option<Duration>,
    /// Time to the end, or the task fails; at most 24h
    #[arg(long, value_name = "TIME", value_parser = span)]
    deadline: Option<Duration>,
    /// Longest attempt, at most 24h
    #[arg(long, value_name = "TIME", value_parser = span)]
    attempt: Option<Duration>,
    /// Number of attempts, 1 to 100
    #[arg(long, value_name = "N")]
    attempts: Option<u32>,
}

fn key(text: &str) -> Result<IdempotencyKey, String> {
    IdempotencyKey::new(text).map_err(|error| error.to_string())
}

impl Submit {
    pub(super) async fn run(self, cx: &Cx) -> Outcome {
        let task = self.task()?;
        let taken = cx.connect().await?.submit_task(Box::new(task)).await?;
        match cx.json {
            true => cx.out.json("task_taken", &taken),
            false => cx.out.text(&render::taken(&taken)),
        }
    }

    fn task(self) -> Result<NewTask, Failure> {
        let payload = json(&read(&self.payload)?)?;
        let mut task = NewTask::new(self.kind, payload);
        task.queue = self.queue;
        task.priority = Priority::new(self.priority).map_err(|error| wrong(&error))?;
        task.idempotency_key = self.key;
        task.delay_ms = self.delay.map(millis);
        task.deadline_ms = self.deadline.map(millis);
        task.attempt_ms = self.attempt.map(millis);
        if let Some(attempts) = self.attempts {
            task.retry.max_attempts = attempts;
        }
        // The node checks it again; here a slip costs no connection.
        task.check().map_err(|error| wrong(&error))?;
        Ok(task)
    }
}

/// Reads the payload from the command line, a file or standard input.
fn read(payload: &str) -> Result<Vec<u8>, Failure> {
    let from = |name: &str, source: &mut dyn Read| {
        let mut text = Vec::new();
        // One byte more than fits: enough to see that it is too large, whatever is piped in.
        source.take(MAX_PAYLOAD as u64 + 1).read_to_end(&mut text).map_err(|error| {
            let what = format!("the payload cannot be read from {name}");
            Failure::from(ControlError::bad_request(what).why(error.to_string()))
        })?;
        match text.len() > MAX_PAYLOAD {
            true => Err(too_large(name)),
            false => Ok(text),
        }
    };
    match payload.strip_prefix('@') {
        _ if payload == "-" => from("standard input", &mut io::stdin().lock()),
        None => from("the command line", &mut payload.as_bytes()),
        Some(name) => match File::open(name) {
            Ok(mut file) => from(name, &mut file),
            Err(error) => {
                let what = format!("the payload's file {name} cannot be opened");
                Err(ControlError::bad_request(what).why(error.to_string()).into())
            }
        },
    }
}

fn too_large(name: &str) -> Failure {
    let what = format!("the payload from {name} is larger than {MAX_PAYLOAD} bytes");
    ControlError::new(&codes::TOO_LARGE, what)
        .next("store large data where the agent can fetch it, and send its address")
        .into()
}

fn json(text: &[u8]) -> Result<Value, Failure> {
    // As strictly as the node reads it over HTTP, so that the same text is the same task both ways.
    ms_json::parse(text, ms_json::MAX_DEPTH).map_err(|error| {
        ControlError::bad_request("the payload is not JSON that a node accepts")
            .why(error.to_string())
            .next("write a string with JSON's own quotes, '\"text\"', and a file as @FILE")
            .into()
    })
}

fn wrong(error: &ms_core::task::TaskError) -> Failure {
    ControlError::bad_request(error.to_string()).into()
}
