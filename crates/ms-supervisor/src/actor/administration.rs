//! Administrative calls: OTP's `start_child` and its kin.
//!
//! A call becomes a command of the policy. What it came to is put into the
//! caller's words at the very moment the policy replies: a moment later the
//! child may be another.

use actix::{Handler, MessageResult};
use ms_actor::AnyRef;
use ms_core::id::MAX_PATH_DEPTH;
use ms_core::{ExitReason, IdError, Incarnation};
use ms_policy::{ChildEntry, ChildRow, Command, CommandError, Counts, Event, Reply, Target};

use super::{Ctx, SupervisorActor};
use crate::answer::Answer;
use crate::child_info::{ChildInfo, StartedChild};
use crate::error::SupervisorError;
use crate::messages::{
    AbandonChild, CountChildren, DeleteChild, FindChild, GetChildSpec, KillChild, RestartChild,
    StartChild, StartDynamic, TerminateChild, Which, WhichChildren,
};
use crate::spec::{ChildOptions, ChildSpec, DynamicChild, Make};
use crate::state::administration::Arriving;
use crate::state::child::Child;
use crate::state::children::Children;

impl SupervisorActor {
    /// Hands the command to the policy; `finish` makes the answer of its reply.
    fn command<T: 'static>(
        &mut self,
        ctx: &mut Ctx,
        command: Command,
        arriving: Option<Arriving>,
        finish: impl FnOnce(&Children, Reply) -> Result<T, SupervisorError> + 'static,
    ) -> Answer<T> {
        let answer = Answer::default();
        let to_caller = answer.clone();
        // Opened before the policy hears of it: the reply may come within `feed`.
        let ticket = self.administration.open(arriving, move |children, result| {
            to_caller.give(match result {
                Ok(reply) => finish(children, reply),
                Err(error) => Err(children.refusal(error).into()),
            });
        });
        self.feed(ctx, Event::Command { ticket, command });
        answer
    }

    /// Returns the name and the parts of one more child of a dynamic supervisor.
    fn dynamic_parts(&mut self, child: Option<DynamicChild>) -> Result<Arriving, SupervisorError> {
        let template = self.spec.child_specs().first().ok_or(CommandError::NotSimpleOneForOne)?;
        let heartbeat = self.spec.default_heartbeat();
        let options = || ChildOptions::of(template, heartbeat);
        let options = self.administration.template_options(options);
        let (name, parts) = match child {
            None => (None, self.parts_with(template, options)),
            Some(child) => {
                let (name, make) = child.into_parts();
                let spec = template.with_make(make);
                spec.check_settings().map_err(CommandError::from)?;
                self.check_depth(&spec)?;
                (name.transpose()?, self.parts_with(&spec, options))
            }
        };
        // Last, so that a refused child uses up no number.
        let name = match name {
            Some(name) => name,
            None => self.administration.next_name(&self.children)?,
        };
        if let Some(key) = self.children.key_of(name.as_str()) {
            let incarnation = self.children.get(key).map_or(Incarnation::NONE, Child::incarnation);
            return Err(CommandError::AlreadyStarted { key, incarnation }.into());
        }
        if self.administration.is_arriving(name.as_str()) {
            return Err(CommandError::AlreadyPresent.into());
        }
        Ok((name, parts))
    }

    /// Refuses a child that would be deeper in the tree than a path may be, or have one below.
    fn check_depth(&self, spec: &ChildSpec) -> Result<(), SupervisorError> {
        let above = self.path.segments().count();
        match spec.make() {
            Make::Supervisor(below) => Ok(below.check_depth(above)?),
            Make::Actor(_) if above < MAX_PATH_DEPTH => Ok(()),
            Make::Actor(_) => Err(IdError::TooDeep(self.path.to_string()).into()),
        }
    }

    /// Refuses an order for another incarnation of a child than the present one.
    // Here and not with the caller: only this actor starts a child again, so none can come between
    // the look and the order.
    fn is_meant(&self, name: &str, meant: Option<Incarnation>) -> Result<(), SupervisorError> {
        let child = self.children.named(name).and_then(Child::actor);
        match (meant, child) {
            (Some(meant), Some(actor)) if actor.incarnation() != meant => {
                let (path, lives) = (actor.path().clone(), actor.incarnation());
                Err(SupervisorError::AnotherIncarnation { path, meant, lives })
            }
            _ => Ok(()),
        }
    }

    fn target(&self, which: &Which) -> Result<Target, SupervisorError> {
        match which {
            Which::Id(id) => Ok(Target::Id(id.clone())),
            Which::Path(path) => self
                .children
                .key_of(path.name())
                // Names are found by their last segment only.
                .filter(|_| path.parent().as_ref() == Some(&self.path))
                .map(Target::Key)
                .ok_or_else(|| CommandError::NotFound.into()),
        }
    }
}

fn refused<T: 'static>(error: impl Into<SupervisorError>) -> Answer<T> {
    let answer = Answer::default();
    answer.give(Err(error.into()));
    answer
}

fn started_child(children: &Children, reply: Reply) -> Result<StartedChild, SupervisorError> {
    match reply {
        Reply::Started { key, info, .. } => {
            let child = children.get(key).ok_or(CommandError::NotFound)?;
            let info = child.cell().filter(|_| info).and_then(|cell| cell.start_info());
            let (actor, incarnation) = (child.actor(), child.incarnation());
            Ok(StartedChild { actor, incarnation, info })
        }
        _ => Ok(StartedChild { actor: None, incarnation: Incarnation::NONE, info: None }),
    }
}

fn child_infos(children: &Children, reply: Reply) -> Vec<ChildInfo> {
    let Reply::Children(rows) = reply else { return Vec::new() };
    let info = |row: ChildRow| {
        let child = children.get(row.key)?;
        Some(ChildInfo {
            id: row.id,
            path: child.path().clone(),
            child: child.starts().pid(row.child),
            kind: row.kind,
            actor: child.actor(),
        })
    };
    rows.into_iter().filter_map(info).collect()
}

impl Handler<StartChild> for SupervisorActor {
    type Result = Answer<StartedChild>;

    fn handle(&mut self, StartChild(spec): StartChild, ctx: &mut Ctx) -> Self::Result {
        let checked = self.check_depth(&spec);
        let entry = match checked.and_then(|()| Ok(spec.entry()?)) {
            Ok(entry) => entry,
            Err(error) => return refused(error),
        };
        if let Err(error) = spec.check_settings() {
            return refused(CommandError::from(error));
        }
        let arriving = Some((entry.id.clone(), self.parts_of(&spec)));
        self.command(ctx, Command::StartChild(entry), arriving, started_child)
    }
}

impl Handler<StartDynamic> for SupervisorActor {
    type Result = Answer<StartedChild>;

    fn handle(&mut self, StartDynamic(child): StartDynamic, ctx: &mut Ctx) -> Self::Result {
        if !self.is_dynamic() {
            return refused(CommandError::NotSimpleOneForOne);
        }
        match self.dynamic_parts(child.map(|child| *child)) {
            Ok(made) => self.command(ctx, Command::StartDynamic, Some(made), started_child),
            Err(error) => refused(error),
        }
    }
}

impl Handler<TerminateChild> for SupervisorActor {
    type Result = Answer<()>;

    fn handle(&mut self, order: TerminateChild, ctx: &mut Ctx) -> Self::Result {
        let TerminateChild { which, meant } = order;
        let name = match &which {
            Which::Id(id) => id.as_str(),
            Which::Path(path) => path.name(),
        };
        let target = self.is_meant(name, meant).and_then(|()| self.target(&which));
        let target = match target {
            Ok(target) => target,
            Err(error) => return refused(error),
        };
        // One that waits for its restart has no end to come that would say that it stays down.
        let key = match &target {
            Target::Id(id) => self.children.key_of(id.as_str()),
            Target::Key(key) => Some(*key),
        };
        if let Some(key) = key {
            self.children.note_maybe_down(key);
        }
        self.command(ctx, Command::TerminateChild(target), None, |_, _| Ok(()))
    }
}

impl Handler<RestartChild> for SupervisorActor {
    type Result = Answer<StartedChild>;

    fn handle(&mut self, RestartChild(id): RestartChild, ctx: &mut Ctx) -> Self::Result {
        self.command(ctx, Command::RestartChild(id), None, started_child)
    }
}

impl Handler<DeleteChild> for SupervisorActor {
    type Result = Answer<()>;

    fn handle(&mut self, DeleteChild(id): DeleteChild, ctx: &mut Ctx) -> Self::Result {
        self.command(ctx, Command::DeleteChild(id), None, |_, _| Ok(()))
    }
}

impl Handler<WhichChildren> for SupervisorActor {
    type Result = Answer<Vec<ChildInfo>>;

    fn handle(&mut self, _: WhichChildren, ctx: &mut Ctx) -> Self::Result {
        self.command(ctx, Command::WhichChildren, None, |children, reply| {
            Ok(child_infos(children, reply))
        })
    }
}

impl Handler<CountChildren> for SupervisorActor {
    type Result = Answer<Counts>;

    fn handle(&mut self, _: CountChildren, ctx: &mut Ctx) -> Self::Result {
        self.command(ctx, Command::CountChildren, None, |_, reply| match reply {
            Reply::Counts(counts) => Ok(counts),
            _ => Err(CommandError::NotFound.into()),
        })
    }
}

impl Handler<GetChildSpec> for SupervisorActor {
    type Result = Answer<ChildEntry>;

    fn handle(&mut self, GetChildSpec(which): GetChildSpec, ctx: &mut Ctx) -> Self::Result {
        let target = match self.target(&which) {
            Ok(target) => target,
            Err(error) => return refused(error),
        };
        self.command(ctx, Command::GetChildSpec(target), None, |_, reply| match reply {
            Reply::Spec(entry) => Ok(entry),
            _ => Err(CommandError::NotFound.into()),
        })
    }
}

impl Handler<FindChild> for SupervisorActor {
    type Result = Option<AnyRef>;

    fn handle(&mut self, FindChild(id): FindChild, _: &mut Ctx) -> Option<AnyRef> {
        self.children.named(id.as_str()).and_then(Child::actor)
    }
}

impl Handler<KillChild> for SupervisorActor {
    type Result = MessageResult<KillChild>;

    fn handle(&mut self, KillChild { id, meant }: KillChild, ctx: &mut Ctx) -> Self::Result {
        if let Err(error) = self.is_meant(id.as_str(), meant) {
            return MessageResult(Err(error));
        }
        let key = self.children.key_of(id.as_str());
        if let Some(key) = key {
            self.kill(ctx, key);
        }
        MessageResult(Ok(key.is_some()))
    }
}

impl Handler<AbandonChild> for SupervisorActor {
    type Result = bool;

    fn handle(&mut self, AbandonChild { id, incarnation }: AbandonChild, _: &mut Ctx) -> bool {
        let cell = self.children.named(id.as_str()).and_then(Child::cell);
        cell.is_some_and(|cell| cell.abandon(incarnation, ExitReason::Killed))
    }
}
