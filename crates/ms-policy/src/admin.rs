//! Commands carried out (G1 to G5).

use ms_core::id::ChildId;

use super::child::{ChildEntry, ChildState};
use super::command::{ChildRow, Command, CommandError, Counts, Reply, Target, Ticket};
use super::effect::StartCause;
use super::machine::{Op, Outcome, Policy, Why};
use super::report::PidRef;
use super::table::Slot;
use super::validate;

/// `None`: the reply comes when the operation is done.
type Answer = Option<Result<Reply, CommandError>>;

impl Policy {
    pub(super) fn on_command(&mut self, ticket: Ticket, command: Command) {
        let answer = match command {
            Command::StartChild(entry) => self.start_child(ticket, entry),
            Command::StartDynamic => self.start_dynamic(ticket),
            Command::TerminateChild(target) => self.terminate_child(ticket, &target),
            Command::RestartChild(id) => self.restart_child(ticket, &id),
            Command::DeleteChild(id) => Some(self.delete_child(&id)),
            Command::WhichChildren => Some(Ok(Reply::Children(self.which_children()))),
            Command::CountChildren => Some(Ok(Reply::Counts(self.count_children()))),
            Command::GetChildSpec(target) => Some(self.child_spec(&target)),
        };
        if let Some(result) = answer {
            self.reply(ticket, result);
        }
    }

    /// Adds and starts a child (G1): spec errors first, then the duplicate check, then the start.
    fn start_child(&mut self, ticket: Ticket, entry: ChildEntry) -> Answer {
        if self.is_simple() {
            return Some(Err(CommandError::SimpleOneForOne));
        }
        if let Err(error) = validate::check_child(&self.flags, &entry) {
            return Some(Err(error.into()));
        }
        if let Some(slot) = self.table.find_id(&entry.id) {
            return Some(Err(self.present(slot)));
        }
        self.add(ticket, Some(entry))
    }

    fn present(&self, slot: Slot) -> CommandError {
        match self.table.state(slot) {
            ChildState::Running => CommandError::AlreadyStarted {
                key: self.table.key(slot),
                incarnation: self.table.get(slot).incarnation,
            },
            _ => CommandError::AlreadyPresent,
        }
    }

    /// Starts one more child of the template (G5). A restarting child holds its place (J1).
    fn start_dynamic(&mut self, ticket: Ticket) -> Answer {
        if !self.is_simple() {
            return Some(Err(CommandError::NotSimpleOneForOne));
        }
        match self.flags.max_children {
            Some(limit) if self.table.len() >= limit => {
                Some(Err(CommandError::MaxChildren { limit }))
            }
            _ => self.add(ticket, None),
        }
    }

    fn add(&mut self, ticket: Ticket, entry: Option<ChildEntry>) -> Answer {
        let Some(slot) = self.table.append(entry) else {
            // All slot numbers are in use: to the caller a limit like the one it can set.
            return Some(Err(CommandError::MaxChildren { limit: self.table.len() }));
        };
        self.begin_start(slot, StartCause::Added(ticket));
        self.op = Op::Start(Why::Added(ticket));
        None
    }

    /// Settles the start of an added child.
    pub(super) fn added(&mut self, slot: Slot, ticket: Ticket, outcome: Outcome) {
        let result = match outcome {
            Outcome::Started { info } => Ok(self.started(slot, info)),
            Outcome::Ignored => {
                // Kept as stopped, but for temporary and dynamic children.
                self.clear(slot);
                Ok(Reply::Ignored)
            }
            Outcome::Failed(reason) => {
                // Unlike at boot: OTP keeps no spec of an added child that did not start (G1).
                self.discard(slot);
                Err(CommandError::StartFailed { reason })
            }
        };
        self.reply(ticket, result);
    }

    fn started(&self, slot: Slot, info: bool) -> Reply {
        let incarnation = self.table.get(slot).incarnation;
        Reply::Started { key: self.table.key(slot), incarnation, info }
    }

    fn terminate_child(&mut self, ticket: Ticket, target: &Target) -> Answer {
        let slot = match target {
            Target::Id(_) if self.is_simple() => return Some(Err(CommandError::SimpleOneForOne)),
            Target::Id(id) => self.table.find_id(id),
            Target::Key(key) if self.is_simple() => self.table.find(*key),
            Target::Key(_) => None,
        };
        let Some(slot) = slot else { return Some(Err(CommandError::NotFound)) };
        if self.begin_stop(slot) {
            self.op = Op::Terminate(ticket);
            return None;
        }
        Some(Ok(Reply::Done))
    }

    fn restart_child(&mut self, ticket: Ticket, id: &ChildId) -> Answer {
        match self.stopped(id) {
            Ok(slot) => {
                self.begin_start(slot, StartCause::Asked(ticket));
                self.op = Op::Start(Why::Asked(ticket));
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Settles a start by `restart_child`; a failure is the caller's (E6).
    pub(super) fn asked(&mut self, slot: Slot, ticket: Ticket, outcome: Outcome) {
        let result = match outcome {
            Outcome::Started { info } => Ok(self.started(slot, info)),
            Outcome::Ignored => Ok(Reply::Ignored),
            Outcome::Failed(reason) => Err(CommandError::StartFailed { reason }),
        };
        self.reply(ticket, result);
    }

    fn delete_child(&mut self, id: &ChildId) -> Result<Reply, CommandError> {
        let slot = self.stopped(id)?;
        self.discard(slot);
        Ok(Reply::Done)
    }

    /// Returns the stopped child with this id (G3).
    fn stopped(&self, id: &ChildId) -> Result<Slot, CommandError> {
        if self.is_simple() {
            return Err(CommandError::SimpleOneForOne);
        }
        let slot = self.table.find_id(id).ok_or(CommandError::NotFound)?;
        match self.table.state(slot) {
            ChildState::Stopped => Ok(slot),
            ChildState::Restarting => Err(CommandError::Restarting),
            _ => Err(CommandError::Running),
        }
    }

    fn which_children(&self) -> Vec<ChildRow> {
        let row = |slot: Slot| ChildRow {
            key: self.table.key(slot),
            id: (!self.is_simple()).then(|| self.id(slot)),
            child: self.pid(slot),
            kind: self.table.policy(slot).kind,
        };
        self.table.backward(self.table.tail()).map(row).collect()
    }

    pub(super) fn pid(&self, slot: Slot) -> PidRef {
        match self.table.state(slot) {
            ChildState::Stopped | ChildState::Starting => PidRef::Undefined,
            ChildState::Restarting => self.restarting(slot),
            ChildState::Running | ChildState::Stopping => {
                PidRef::Incarnation(self.table.get(slot).incarnation)
            }
        }
    }

    /// Counts the children (G4), leaving out those whose exit waits: OTP asks each process whether
    /// it is alive, but not dynamic ones.
    fn count_children(&self) -> Counts {
        let counts = self.table.counts();
        if self.is_simple() {
            return counts;
        }
        let running = |slot: Slot| self.table.state(slot) == ChildState::Running;
        let dead = self.inbox.dead().filter_map(|key| self.table.find(key));
        Counts { active: counts.active - dead.filter(|&slot| running(slot)).count(), ..counts }
    }

    fn child_spec(&self, target: &Target) -> Result<Reply, CommandError> {
        let spec = match target {
            Target::Id(id) if self.is_simple() => {
                self.table.template().filter(|template| template.id == *id)
            }
            Target::Id(id) => self.table.find_id(id).map(|slot| self.table.spec(slot)),
            Target::Key(key) if self.is_simple() => {
                self.table.find(*key).map(|slot| self.table.spec(slot))
            }
            Target::Key(_) => None,
        };
        spec.cloned().map(Reply::Spec).ok_or(CommandError::NotFound)
    }
}
