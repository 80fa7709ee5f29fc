//! Carries out SIGHUP: asks every component to reload, and reports what each of them did.
//!
//! A component that could not be asked makes the whole reload fail. It is never skipped silently:
//! an operator who rotated a key must not read "reloaded" when one part still uses the old one.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix::Handler;
use futures_util::FutureExt;
use ms_core::ErrorChain;
use ms_core::lifecycle::ComponentId;
use ms_core::view::EventKind;
use ms_worker::GetAgent;
use tokio::time::timeout;

use super::actor::{LifecycleActor, LifecycleArgs};
use super::messages::Reload;
use super::state::Member;
use crate::service::components::{ComponentFailure, ComponentHost, ReloadComponent, ReloadOutcome};
use crate::service::{Handles, ServiceStage};

/// What a component did; `None` for a tree without a reload hook.
type Answer = Option<Result<ReloadOutcome, ComponentFailure>>;

impl Handler<Reload> for LifecycleActor {
    type Result = ();

    fn handle(&mut self, _: Reload, ctx: &mut Self::Context) {
        if self.args.wiring.stage() != ServiceStage::Running {
            tracing::warn!("a reload was requested, but the service is not running");
            return;
        }
        tracing::info!("reloading");
        let reload = reload_all(Arc::clone(&self.args));
        self.run(ctx, reload, |_, ctx, answers| {
            let report = Report::of(answers);
            report.log();
            let (path, topic) = (ctx.path().clone(), report.topic().to_owned());
            ctx.node().publish(EventKind::Noted { path, topic, text: report.text() });
        });
    }
}

/// Reloads all components, in start order.
// One after another: a component that reloads may read what those it needs have just loaded.
async fn reload_all(args: Arc<LifecycleArgs>) -> Vec<(ComponentId, Answer)> {
    let mut answers = Vec::with_capacity(args.members.len());
    let handles = args.wiring.handles();
    for member in &args.members {
        let answer = match &handles {
            Some(handles) => reload(&args, handles, member).await,
            None => Some(Err("the supervision tree is not running".into())),
        };
        answers.push((member.id.clone(), answer));
    }
    answers
}

async fn reload(args: &LifecycleArgs, handles: &Handles, member: &Member) -> Answer {
    let within = member.start_within;
    if !member.is_tree {
        return Some(within_time(member, reload_hosted(handles, member)).await);
    }
    let hook = args.reloads.get(&member.id)?;
    Some(within_time(member, hook(within)).await)
}

async fn reload_hosted(
    handles: &Handles,
    member: &Member,
) -> Result<ReloadOutcome, ComponentFailure> {
    let host = handles.components.get_agent::<ComponentHost>(member.id.as_str()).await?;
    let answer = host.ask(ReloadComponent).within(member.start_within).await;
    answer.map_err(|error| ComponentFailure::from(error.to_string()))?
}

/// Runs one reload. A hang or a panic of it becomes an error, so that the others have their turn.
async fn within_time(
    member: &Member,
    work: impl Future<Output = Result<ReloadOutcome, ComponentFailure>>,
) -> Result<ReloadOutcome, ComponentFailure> {
    let work = AssertUnwindSafe(work).catch_unwind();
    match timeout(member.start_within, work).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err("it panicked".into()),
        Err(_) => Err(format!("it was not done within {:?}", member.start_within).into()),
    }
}

/// The result of the reload of all components.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    changed: Vec<String>,
    unchanged: usize,
    failed: Vec<String>,
}

impl Report {
    fn of(answers: Vec<(ComponentId, Answer)>) -> Self {
        let mut report = Self::default();
        for (id, answer) in answers {
            match answer {
                None => {}
                Some(Ok(ReloadOutcome::Unchanged)) => report.unchanged += 1,
                Some(Ok(ReloadOutcome::Changed(what))) => {
                    report.changed.push(format!("{id} ({what})"));
                }
                Some(Err(error)) => {
                    report.failed.push(format!("{id} ({})", ErrorChain::from_error(&*error)));
                }
            }
        }
        report
    }

    const fn topic(&self) -> &'static str {
        if self.failed.is_empty() { "reloaded" } else { "reload_incomplete" }
    }

    fn text(&self) -> String {
        let list = |what: &str, list: &[String]| match list {
            [] => String::new(),
            list => format!("{what}: {}; ", list.join(", ")),
        };
        let (failed, changed) = (list("failed", &self.failed), list("changed", &self.changed));
        format!("{failed}{changed}unchanged: {}", self.unchanged)
    }

    fn log(&self) {
        let text = self.text();
        match self.failed.is_empty() {
            true => tracing::info!("reloaded; {text}"),
            false => tracing::error!("the reload is incomplete; {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(id: &str, answer: Answer) -> (ComponentId, Answer) {
        (ComponentId::new(id).expect("valid"), answer)
    }

    #[test]
    fn one_that_could_not_reload_makes_the_whole_incomplete_and_is_named() {
        let good = || {
            vec![
                answer("configuration", Some(Ok(ReloadOutcome::Changed("in force: a".into())))),
                answer("keyring", Some(Ok(ReloadOutcome::Unchanged))),
                answer("database", None),
            ]
        };
        let report = Report::of(good());
        assert_eq!(report.topic(), "reloaded");
        assert_eq!(report.text(), "changed: configuration (in force: a); unchanged: 1");
        let mut answers = good();
        answers.push(answer("credentials", Some(Err("no file".into()))));
        let report = Report::of(answers);
        assert_eq!(report.topic(), "reload_incomplete");
        assert!(report.text().starts_with("failed: credentials (no file); changed:"));
    }
}
