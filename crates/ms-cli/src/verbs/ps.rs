//! `msctl ps`

use std::time::Duration;

use clap::{Args, ValueEnum};
use ms_control::proto::{MAX_WINDOW, PsSort};

use crate::args::{after_help, millis, span_up_to};
use crate::context::Cx;
use crate::exit::Outcome;
use crate::render;

/// List actors by their work within a window of time
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl ps",
    "msctl ps --sort queue --top 10",
    "msctl ps --sort busy --window 30s",
    "msctl ps --json | jq -r '.data.rows[].status.path'",
))]
pub(crate) struct Ps {
    /// Order of the rows, largest first
    #[arg(long, value_enum, default_value = "busy", value_name = "KEY")]
    sort: Sort,
    /// Length of the window, at most 60s
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = span_up_to(MAX_WINDOW))]
    window: Duration,
    /// Show only the first N
    #[arg(long, value_name = "N")]
    top: Option<usize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sort {
    /// Time in handlers within the window
    Busy,
    /// 99th percentile of the time in the mailbox
    Wait,
    /// Messages waiting
    Queue,
    /// Number of restarts
    Restarts,
}

impl From<Sort> for PsSort {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Busy => Self::Busy,
            Sort::Wait => Self::Wait,
            Sort::Queue => Self::Queue,
            Sort::Restarts => Self::Restarts,
        }
    }
}

impl Ps {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let sort = self.sort.into();
        let mut client = cx.connect().await?;
        let mut table = client.ps(millis(self.window), sort, self.top).await?;
        table.arrange(sort, self.top);
        match cx.json {
            true => cx.out.json("ps", &table),
            false => cx.out.text(&render::ps(&table, cx.out.style)),
        }
    }
}
