//! Tasks given to agents, and their answers.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{AsyncContext, WrapFuture};
use ms_actor::{AskError, Context, Port};
use ms_core::ExitReason;
use ms_core::task::{AgentKind, FencingToken, TaskId};
use ms_core::time::later;
use ms_task::{Assignment, TaskCommand, TaskOutcome};
use tokio::sync::watch;
use tokio::time::Instant;

use super::dispatcher::{Dispatcher, MAX_REPORTS};
use super::messages::Member;
use super::outcome::{blame, write};
use super::perform::{Orders, Perform, Performed};
use super::run::too_long;
use super::vigil::{SignOfLife, Vigil, overdue};

/// Longest wait of the dispatcher for an agent, beyond its attempt and without a sign of life.
const GRACE: Duration = Duration::from_secs(60);
/// The limit of the wait for an agent's answer is [`overdue`], which knows of lost time.
const WITHOUT_END: Duration = Duration::from_secs(366 * 86_400);

/// One task in one agent's hands.
struct Attempt {
    id: TaskId,
    token: FencingToken,
    kind: AgentKind,
    agent: Port<Perform>,
    limit: Duration,
}

impl Dispatcher {
    /// Gives a task to its agent and waits for its answer.
    pub(super) fn give(&mut self, assignment: Assignment, asked: Instant, ctx: &mut Context<Self>) {
        let (id, token) = (assignment.view.id, assignment.token);
        // First: from here on the store must not release it as unknown.
        self.claims.given(id, token);
        let agent = assignment.view.assigned_agent.as_ref().and_then(|path| self.agents.get(path));
        let agent = agent.filter(|_| !self.ending).cloned();
        let Some(Member { kind, agent, meter }) = agent else {
            // The agent left meanwhile, or all are about to.
            return self.report(id, token, TaskCommand::Release(id, token), ctx);
        };
        let limit = assignment.attempt_ms.map_or(self.spec.attempt, Duration::from_millis);
        let now = ctx.node().now();
        self.board.assigned(&kind, &agent.path(), &assignment.view.queue, now);
        self.given += 1;
        let (orders, receiver) = watch::channel(Orders::GoOn);
        self.running.insert(id, (token, orders));
        let Some(vigil) = self.vigil.clone() else { return };
        self.keep_pulse(&vigil, ctx);
        let (lease, sign) = (self.spec.lease, SignOfLife::default());
        sign.give(now);
        let perform = Perform {
            assignment,
            store: Arc::clone(&self.spec.store),
            orders: receiver,
            lease,
            held_until: later(asked, lease),
            limit,
            vigil: vigil.clone(),
            sign: sign.clone(),
        };
        let port = agent.clone();
        let answer = async move {
            if let Some(meter) = meter
                && meter.try_draw().await.is_err()
            {
                return Some(Ok(Performed::NotBegun));
            }
            tokio::select! {
                answer = port.ask(perform, WITHOUT_END) => Some(answer),
                () = overdue(vigil, sign, limit, GRACE.max(lease.saturating_mul(2))) => None,
            }
        };
        ctx.spawn(answer.into_actor(self).map(move |answer, this, ctx| {
            this.ended(Attempt { id, token, kind, agent, limit }, answer, ctx);
        }));
    }

    /// Settles an attempt. `answer` is `None` for an agent that had more than its time and gave no
    /// sign of life.
    fn ended(
        &mut self,
        attempt: Attempt,
        answer: Option<Result<Performed, AskError<Perform>>>,
        ctx: &mut Context<Self>,
    ) {
        let Attempt { id, token, kind, agent, limit } = attempt;
        if self.running.get(&id).is_some_and(|(present, _)| *present == token) {
            self.running.remove(&id);
        }
        let (path, now) = (agent.path(), ctx.node().now());
        let failed = |failure| TaskCommand::Finish(id, token, TaskOutcome::Failed(failure));
        let mut crashed = false;
        let command = match answer {
            Some(Ok(Performed::Done(Ok(result)))) => {
                Some(TaskCommand::Finish(id, token, TaskOutcome::Completed(result)))
            }
            Some(Ok(Performed::Done(Err(failure)))) => Some(failed(failure)),
            Some(Ok(Performed::HandedBack(after))) => Some(TaskCommand::HandBack(id, token, after)),
            Some(Ok(Performed::NotBegun)) => {
                self.board.unreachable(&kind, &path, now);
                self.report(id, token, TaskCommand::Release(id, token), ctx);
                return self.claim(ctx);
            }
            Some(Ok(Performed::Dropped)) => None,
            Some(Err(AskError::Exited { reason, .. })) => {
                // As its supervisor counts, whose intensity a lost arbiter does not use up.
                crashed = !reason.is_clean() && reason != ExitReason::ArbiterLost;
                Some(blame(id, token, &reason))
            }
            None | Some(Err(AskError::TimedOut { .. })) => {
                // It never even comes to an `await`: only a kill frees the task and the thread.
                agent.any().kill();
                crashed = true;
                Some(failed(too_long(limit)))
            }
            Some(Err(AskError::NoReply { .. })) => {
                Some(TaskCommand::Interrupt(id, token, "the agent dropped the task".to_owned()))
            }
            Some(Err(AskError::NotSent(_) | AskError::Deadlock { .. })) => {
                self.board.unreachable(&kind, &path, now);
                if agent.any().is_closed() {
                    self.board.leave(&kind, &path);
                    self.agents.remove(&path);
                }
                self.report(id, token, TaskCommand::Release(id, token), ctx);
                return self.claim(ctx);
            }
        };
        self.crashes += u64::from(crashed);
        self.board.finished(&kind, &path, crashed, now);
        match command {
            Some(command) => self.report(id, token, command, ctx),
            None => {
                self.claims.settled(id, token);
                self.end_if_settled(ctx);
            }
        }
        self.claim(ctx);
    }

    /// Writes the outcome of an assignment; tried again for as long as the store may take it later.
    /// Its lease is kept for as long as the store refuses it (see [`Self::sweep`]).
    fn report(
        &mut self,
        id: TaskId,
        token: FencingToken,
        command: TaskCommand,
        ctx: &mut Context<Self>,
    ) {
        // After anything but a result the task may start again.
        let waits_again = !matches!(command, TaskCommand::Finish(_, _, TaskOutcome::Completed(_)));
        let (store, vigil) = (Arc::clone(&self.spec.store), self.vigil.clone());
        self.reports += 1;
        self.sweep_soon(ctx);
        let refused = Rc::clone(&self.refused);
        let write = write(store, command, move || {
            refused.borrow_mut().insert(id);
            vigil.iter().for_each(Vigil::doubt);
        });
        ctx.spawn(write.into_actor(self).map(move |(), this, ctx| {
            let was_full = this.reports >= MAX_REPORTS;
            this.reports = this.reports.saturating_sub(1);
            this.refused.borrow_mut().remove(&id);
            this.claims.settled(id, token);
            if waits_again || was_full {
                this.claim(ctx);
            }
            this.end_if_settled(ctx);
        }));
    }
}
