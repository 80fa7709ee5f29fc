//! `msctl kill`, `restart`, `suspend`, `resume`, `stop`

use clap::{Args, Subcommand};
use ms_control::proto::Verb;
use ms_control::{ControlError, Kind};
use ms_core::{ActorPath, Incarnation};
use ms_ops::RequestId;
use ms_ops::ops::SteerActor;

use crate::args::{after_help, incarnation};
use crate::confirm::{Consent, LOOK_FIRST, Sure, consent};
use crate::context::Cx;
use crate::exit::{Outcome, say};
use crate::render;

/// The actor to steer, and the options of the question.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The actor
    path: ActorPath,
    #[command(flatten)]
    sure: Sure,
    // As `Only`, but not with `--dry-run`: that foretells for whichever life there is, and would
    // promise what is then refused.
    /// Only if the actor is in this life, as `msctl inspect` shows it; another is left alone
    #[arg(long, value_name = "N", value_parser = incarnation, conflicts_with = "dry_run")]
    incarnation: Option<Incarnation>,
    /// Id of this order: sent again with it within ten minutes, it is not carried out again
    #[arg(long, value_name = "ID", conflicts_with = "dry_run")]
    request_id: Option<RequestId>,
}

/// The verbs that change a running actor.
#[derive(Debug, Subcommand)]
pub(crate) enum Steer {
    /// End an actor at once, as a failure: its supervisor decides what follows
    #[command(after_help = after_help!(
        "msctl kill /root/agents/crawler-3 --dry-run",
        "msctl kill /root/agents/crawler-3 --yes --reason 'stuck since noon'",
        "msctl kill /root/agents/crawler-3 --yes --incarnation 4    only if that one lives",
    ))]
    Kill(Target),
    /// Stop an actor in an orderly way and start it again
    #[command(after_help = after_help!(
        "msctl restart /root/agents/crawler-3",
        "msctl restart /root/agents --yes --reason 'new configuration'",
    ))]
    Restart(Target),
    /// Make an actor serve only control messages until it is resumed
    #[command(after_help = after_help!(
        "msctl suspend /root/agents/crawler-3",
        "msctl suspend /root/agents/crawler-3 --yes && msctl state /root/agents/crawler-3",
    ))]
    Suspend(Target),
    /// End a suspension
    #[command(after_help = after_help!(
        "msctl resume /root/agents/crawler-3 --yes",
        "msctl resume /root/agents/crawler-3 --dry-run",
    ))]
    Resume(Target),
    /// Stop an actor in an orderly way and leave it down
    #[command(after_help = after_help!(
        "msctl stop /root/agents/crawler-3 --dry-run",
        "msctl stop /root/agents/crawler-3 --yes --reason 'not needed today'",
    ))]
    Stop(Target),
}

impl Steer {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let (verb, target) = match self {
            Self::Kill(target) => (Verb::Kill, target),
            Self::Restart(target) => (Verb::Restart, target),
            Self::Suspend(target) => (Verb::Suspend, target),
            Self::Resume(target) => (Verb::Resume, target),
            Self::Stop(target) => (Verb::Stop, target),
        };
        steer(verb, target, cx).await
    }
}

async fn steer(verb: Verb, target: Target, cx: &Cx) -> Outcome {
    let Target { path, sure: Sure { dry_run, yes, reason }, incarnation, request_id } = target;
    if dry_run {
        let blast = cx.connect().await?.dry_run(path.clone(), verb).await?;
        return match cx.json {
            true => cx.out.json("dry_run", &blast),
            false => cx.out.text(&render::blast(verb, &path, &blast, cx.out.style)),
        };
    }
    let what = format!("{verb} {path}");
    // Before the node is asked: a script that forgot --yes fails at once, whatever the node does.
    let consent = consent(&yes, &what, LOOK_FIRST)?;
    preview(verb, &path, consent, cx).await?;
    consent.obtain(&what)?;
    // A new connection: the node closes one that idles while a person thinks.
    let order = SteerActor { path, verb, reason, incarnation, request_id };
    let steered = cx.connect().await?.call(order).await?;
    match cx.json {
        true => cx.out.json("steered", &steered),
        false => cx.out.text(&render::steered(&steered)),
    }
}

/// Shows on stderr what would happen.
async fn preview(verb: Verb, path: &ActorPath, consent: Consent, cx: &Cx) -> Outcome {
    match cx.connect().await?.dry_run(path.clone(), verb).await {
        Ok(blast) => say(&render::blast(verb, path, &blast, render::Style::PLAIN)),
        // An actor that is too sick to be asked is the very one that somebody wants to kill.
        Err(ControlError { kind: Kind::TimedOut, .. }) if consent == Consent::Given => {
            say("the node could not predict the effect in time; going on because of --yes\n");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
