//! Administrative calls: OTP's `start_child` and its kin.
//!
//! A call becomes a command of the policy. What it came to is put into the
//! caller's words at the very moment the policy replies: a moment later the
//! child may be another.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use actix::Handler;
use ms_actor::AnyRef;
use ms_core::id::MAX_PATH_DEPTH;
use ms_core::{ChildId, IdError, Incarnation};
use ms_policy::{ChildEntry, Command, CommandError, Counts, Reply, Target, Ticket};

use crate::actor::{Ctx, SupervisorActor};
use crate::answer::Answer;
use crate::error::SupervisorError;
use crate::handle::StartedChild;
use crate::kids::{Care, Kid, Making};
use crate::messages::{
    ChildInfo, CountChildren, DeleteChild, FindChild, GetChildSpec, RestartChild, StartChild,
    StartDynamic, TerminateChild, Which, WhichChildren,
};
use crate::spec::{ChildSpec, Make};
use crate::supervisor::DynamicChild;

/// Puts the policy's reply into words and hands it to the caller.
type Finish = Box<dyn FnOnce(&SupervisorActor, Result<Reply, CommandError>)>;

/// Calls that are not answered yet.
#[derive(Default)]
pub(crate) struct Calls {
    tickets: u64,
    /// In order: callers of a supervisor that ends are told in the order they asked.
    waiting: BTreeMap<Ticket, Finish>,
    /// What the children being added are made of, until the policy names them.
    arriving: HashMap<Ticket, (ChildId, Making)>,
    /// Dynamic children that got a number for a name.
    unnamed: u64,
}

impl Calls {
    pub(crate) fn take_arriving(&mut self, ticket: Ticket) -> Option<(ChildId, Making)> {
        self.arriving.remove(&ticket)
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }
}

fn refused<T: 'static>(error: impl Into<SupervisorError>) -> Answer<T> {
    let answer = Answer::default();
    answer.give(Err(error.into()));
    answer
}

impl SupervisorActor {
    fn command<T: 'static>(
        &mut self,
        ctx: &mut Ctx,
        command: Command,
        arriving: Option<(ChildId, Making)>,
        finish: impl FnOnce(&Self, Reply) -> Result<T, SupervisorError> + 'static,
    ) -> Answer<T> {
        let ticket = self.calls.ticket();
        let answer = Answer::default();
        let reply = answer.clone();
        let finish = move |this: &Self, result: Result<Reply, CommandError>| {
            reply.give(match result {
                Ok(answer) => finish(this, answer),
                Err(error) => Err(this.in_lives(error).into()),
            });
        };
        self.calls.waiting.insert(ticket, Box::new(finish));
        if let Some(arriving) = arriving {
            self.calls.arriving.insert(ticket, arriving);
        }
        self.feed(ctx, ms_policy::Event::Command { ticket, command });
        answer
    }

    pub(crate) fn reply(&mut self, ticket: Ticket, result: Result<Reply, CommandError>) {
        self.calls.arriving.remove(&ticket);
        if let Some(finish) = self.calls.waiting.remove(&ticket) {
            finish(self, result);
        }
    }

    /// The policy numbers a child's starts from 1 in each life of the supervisor; callers
    /// know the numbers that the child's cell gives them.
    fn in_lives(&self, error: CommandError) -> CommandError {
        match error {
            CommandError::AlreadyStarted { key, incarnation } => {
                let incarnation =
                    self.kids.get(key).map_or(incarnation, |kid| kid.life_of(incarnation));
                CommandError::AlreadyStarted { key, incarnation }
            }
            other => other,
        }
    }

    /// Name and makings of one more child of a dynamic supervisor.
    fn dynamic_making(
        &mut self,
        child: Option<DynamicChild>,
    ) -> Result<(ChildId, Making), SupervisorError> {
        let template = self.supervisor.children.first().ok_or(CommandError::NotSimpleOneForOne)?;
        let heartbeats = self.supervisor.heartbeats;
        let care =
            self.template_care.get_or_insert_with(|| Arc::new(Care::of(template, heartbeats)));
        let care = Arc::clone(care);
        let (name, making) = match child {
            None => (None, self.making_in(template, care)),
            Some(DynamicChild { name, make }) => {
                let spec = ChildSpec { make, ..template.clone() };
                spec.check_settings().map_err(CommandError::from)?;
                self.check_depth(&spec)?;
                (name.transpose()?, self.making_in(&spec, care))
            }
        };
        let name = match name {
            Some(name) => name,
            None => self.free_number()?,
        };
        if let Some(key) = self.kids.named(name.as_str()) {
            let incarnation = self.kids.get(key).map_or(Incarnation::NONE, |kid| kid.life);
            return Err(CommandError::AlreadyStarted { key, incarnation }.into());
        }
        if self.arrives(name.as_str()) {
            return Err(CommandError::AlreadyPresent.into());
        }
        Ok((name, making))
    }

    /// Refuses a child that would be deeper in the tree than a path may be, or have one below.
    fn check_depth(&self, spec: &ChildSpec) -> Result<(), SupervisorError> {
        let above = self.path.segments().count();
        match &spec.make {
            Make::Supervisor(below) => Ok(below.check_depth(above)?),
            Make::Actor(_) if above < MAX_PATH_DEPTH => Ok(()),
            Make::Actor(_) => Err(IdError::TooDeep(self.path.to_string()).into()),
        }
    }

    fn arrives(&self, name: &str) -> bool {
        self.calls.arriving.values().any(|(other, _)| other.as_str() == name)
    }

    /// The next number that nobody has for a name.
    fn free_number(&mut self) -> Result<ChildId, SupervisorError> {
        loop {
            self.calls.unnamed += 1;
            let name = self.calls.unnamed.to_string();
            if self.kids.named(&name).is_none() && !self.arrives(&name) {
                return Ok(ChildId::new(name)?);
            }
        }
    }

    fn target(&self, which: &Which) -> Result<Target, SupervisorError> {
        match which {
            Which::Id(id) => Ok(Target::Id(id.clone())),
            Which::Path(path) => self
                .kids
                .named(path.name())
                .filter(|_| path.parent().as_ref() == Some(&self.path))
                .map(Target::Key)
                .ok_or_else(|| CommandError::NotFound.into()),
        }
    }

    fn child_started(&self, reply: &Reply) -> Result<StartedChild, SupervisorError> {
        match reply {
            Reply::Started { key, info, .. } => {
                let kid = self.kids.get(*key).ok_or(CommandError::NotFound)?;
                let info = kid.cell.as_ref().filter(|_| *info).and_then(AnyRef::start_info);
                Ok(StartedChild { actor: kid.cell.clone(), incarnation: kid.life, info })
            }
            _ => Ok(StartedChild { actor: None, incarnation: Incarnation::NONE, info: None }),
        }
    }

    fn child_infos(&self, reply: Reply) -> Vec<ChildInfo> {
        let Reply::Children(rows) = reply else { return Vec::new() };
        let info = |row: ms_policy::ChildRow| {
            let kid = self.kids.get(row.key)?;
            let child = kid.pid_in_lives(row.child);
            Some(ChildInfo {
                id: row.id,
                path: kid.path.clone(),
                child,
                kind: row.kind,
                actor: kid.cell.clone(),
            })
        };
        rows.into_iter().filter_map(info).collect()
    }

    pub(crate) fn child_named(&self, id: &ChildId) -> Option<&Kid> {
        self.kids.get(self.kids.named(id.as_str())?)
    }
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
        let arriving = Some((entry.id.clone(), self.making(&spec)));
        self.command(ctx, Command::StartChild(entry), arriving, |this, reply| {
            this.child_started(&reply)
        })
    }
}

impl Handler<StartDynamic> for SupervisorActor {
    type Result = Answer<StartedChild>;

    fn handle(&mut self, StartDynamic(child): StartDynamic, ctx: &mut Ctx) -> Self::Result {
        if !self.is_dynamic() {
            return refused(CommandError::NotSimpleOneForOne);
        }
        match self.dynamic_making(child.map(|child| *child)) {
            Ok(made) => self.command(ctx, Command::StartDynamic, Some(made), |this, reply| {
                this.child_started(&reply)
            }),
            Err(error) => refused(error),
        }
    }
}

impl Handler<TerminateChild> for SupervisorActor {
    type Result = Answer<()>;

    fn handle(&mut self, TerminateChild(which): TerminateChild, ctx: &mut Ctx) -> Self::Result {
        let target = match self.target(&which) {
            Ok(target) => target,
            Err(error) => return refused(error),
        };
        // One that waits for its restart has no end to come that would say that it stays down.
        self.ended_lately.extend(match &target {
            Target::Id(id) => self.kids.named(id.as_str()),
            Target::Key(key) => Some(*key),
        });
        self.command(ctx, Command::TerminateChild(target), None, |_, _| Ok(()))
    }
}

impl Handler<RestartChild> for SupervisorActor {
    type Result = Answer<StartedChild>;

    fn handle(&mut self, RestartChild(id): RestartChild, ctx: &mut Ctx) -> Self::Result {
        self.command(ctx, Command::RestartChild(id), None, |this, reply| this.child_started(&reply))
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
        self.command(ctx, Command::WhichChildren, None, |this, reply| Ok(this.child_infos(reply)))
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
        self.child_named(&id).and_then(|kid| kid.cell.clone())
    }
}
