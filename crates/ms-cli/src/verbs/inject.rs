//! `msctl inject`

use clap::{Args, ValueEnum};
use ms_control::proto::{self, Verb};
use ms_core::ActorPath;
use ms_ops::ops;

use crate::args::{Only, after_help};
use crate::confirm::{REPEAT, Yes, consent};
use crate::context::Cx;
use crate::exit::{Outcome, say};

/// Inject a fault into an actor, where the node allows it
///
/// The demo allows it; a production node refuses.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl inject /root/agents/crawler-3 crash --yes && msctl why /root/agents/crawler-3",
    "msctl inject /root/agents/crawler-3 hang --yes && msctl tree --watch",
))]
pub(crate) struct Inject {
    /// The actor
    path: ActorPath,
    /// The fault
    #[arg(value_enum)]
    fault: Fault,
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    only: Only,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Fault {
    /// Panic in a handler
    Crash,
    /// Panic in a handler after an await
    CrashAfterAwait,
    /// Await for ever: the actor hangs, its thread stays free
    Hang,
    /// Block the thread
    Block,
}

impl From<Fault> for proto::Fault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Crash => Self::Crash,
            Fault::CrashAfterAwait => Self::CrashAfterAwait,
            Fault::Hang => Self::Hang,
            Fault::Block => Self::Block,
        }
    }
}

impl Inject {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let fault = proto::Fault::from(self.fault);
        let what = format!("inject {fault} into {}", self.path);
        let consent = consent(&self.yes, &what, REPEAT)?;
        warn(&self.path, cx).await?;
        consent.obtain(&what)?;
        let Only { incarnation, request_id } = self.only;
        let order = ops::Inject { path: self.path, fault, incarnation, request_id };
        let injected = cx.connect().await?.call(order).await?;
        match cx.json {
            true => cx.out.json("injected", &injected),
            false => {
                cx.out.text(&format!("{} was injected into {}\n", injected.fault, injected.path))
            }
        }
    }
}

/// Warns on stderr when the fault may end the whole node.
async fn warn(path: &ActorPath, cx: &Cx) -> Outcome {
    // Every fault may end its actor, as a kill does. An error here is no obstacle: the order itself
    // meets the same one, and reports it.
    let predicted = cx.connect().await?.dry_run(path.clone(), Verb::Kill).await;
    // The root cannot be killed, so there is no dry run of it either; a fault may end it all the same.
    let is_root = path.parent().is_none();
    if is_root || predicted.is_ok_and(|blast| blast.ends_node) {
        say(&format!("! if this ends {path}, the root ends too, and the node with it\n"));
    }
    Ok(())
}
