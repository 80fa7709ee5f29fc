//! Administrative calls that are not answered yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ms_core::{ChildId, IdError};
use ms_policy::{CommandError, Reply, Ticket};

use super::child::ChildParts;
use super::children::Children;
use crate::spec::ChildOptions;

/// Puts the policy's reply into the caller's words and hands it over.
type Finish = Box<dyn FnOnce(&Children, Result<Reply, CommandError>)>;

/// A child that is being added: its name and what it is made of.
pub(crate) type Arriving = (ChildId, ChildParts);

/// The calls under way, and the names of dynamic children to come.
#[derive(Default)]
pub(crate) struct Administration {
    tickets: u64,
    /// In order: callers of a supervisor that ends are answered in the order they asked.
    waiting: BTreeMap<Ticket, Finish>,
    /// What the children being added are made of, until the policy gives them a key.
    arriving: HashMap<Ticket, Arriving>,
    /// The last number that a dynamic child got for a name.
    last_number: u64,
    /// What all dynamic children share, made with the first of them.
    template_options: Option<Arc<ChildOptions>>,
}

impl Administration {
    /// Opens a call. `finish` is run when the policy replies to its ticket.
    pub(crate) fn open(
        &mut self,
        arriving: Option<Arriving>,
        finish: impl FnOnce(&Children, Result<Reply, CommandError>) + 'static,
    ) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting.insert(ticket, Box::new(finish));
        if let Some(arriving) = arriving {
            self.arriving.insert(ticket, arriving);
        }
        ticket
    }

    /// Answers the call and forgets it, with the child it was to add.
    pub(crate) fn close(
        &mut self,
        ticket: Ticket,
        children: &Children,
        result: Result<Reply, CommandError>,
    ) {
        self.arriving.remove(&ticket);
        if let Some(finish) = self.waiting.remove(&ticket) {
            finish(children, result);
        }
    }

    /// Takes out the child that came with the ticket.
    pub(crate) fn take_arriving(&mut self, ticket: Ticket) -> Option<Arriving> {
        self.arriving.remove(&ticket)
    }

    /// Returns whether a child of this name is being added.
    pub(crate) fn is_arriving(&self, name: &str) -> bool {
        self.arriving.values().any(|(other, _)| other.as_str() == name)
    }

    /// Returns the next number that no child has for a name.
    pub(crate) fn next_name(&mut self, children: &Children) -> Result<ChildId, IdError> {
        loop {
            self.last_number += 1;
            let name = self.last_number.to_string();
            if children.key_of(&name).is_none() && !self.is_arriving(&name) {
                return ChildId::new(name);
            }
        }
    }

    /// Returns the options of all dynamic children: one copy for however many there are.
    pub(crate) fn template_options(
        &mut self,
        make: impl FnOnce() -> ChildOptions,
    ) -> Arc<ChildOptions> {
        Arc::clone(self.template_options.get_or_insert_with(|| Arc::new(make())))
    }
}
