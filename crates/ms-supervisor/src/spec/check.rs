//! What is refused before anything starts.

use ms_core::id::MAX_PATH_DEPTH;
use ms_core::{ChildId, IdError};
use ms_policy::{ChildEntry, ChildSpecError, Policy, SpecError};

use super::{ChildSpec, Make, SupervisorSpec};
use crate::error::StartRootError;

impl ChildSpec {
    /// Returns the part of it that the policy knows.
    pub(crate) fn entry(&self) -> Result<ChildEntry, IdError> {
        Ok(ChildEntry { id: self.id.clone()?, policy: self.policy })
    }

    /// Returns how many levels of the tree it takes.
    pub(super) fn depth(&self) -> usize {
        match &self.make {
            Make::Actor(_) => 1,
            Make::Supervisor(supervisor) => supervisor.depth,
        }
    }

    /// Checks what the policy does not know: a literal may say what no constructor does.
    pub(crate) fn check_settings(&self) -> Result<(), ChildSpecError> {
        if let (Some(heartbeat), Ok(id)) = (self.heartbeat.own(), &self.id)
            && !heartbeat.is_sane()
        {
            return Err(ChildSpecError::InvalidHeartbeat(id.clone()));
        }
        let mailbox = match (&self.mailbox, &self.make) {
            (Some(mailbox), _) => mailbox,
            (None, Make::Actor(blueprint)) => blueprint.mailbox_spec(),
            // The mailbox of a supervisor is not the spec's to say.
            (None, Make::Supervisor(_)) => return Ok(()),
        };
        match (mailbox.check(), &self.id) {
            (Err(_), Ok(id)) => Err(ChildSpecError::InvalidMailbox(id.clone())),
            _ => Ok(()),
        }
    }
}

impl SupervisorSpec {
    /// Checks flags and children as the start will, without starting anything.
    ///
    /// # Errors
    /// [`StartRootError::Spec`] or [`StartRootError::Id`], for it or a supervisor below it.
    pub fn check(&self) -> Result<(), StartRootError> {
        self.check_as_root()?;
        let mut below = self.children.iter().filter_map(|child| match &child.make {
            Make::Supervisor(below) => Some(below),
            Make::Actor(_) => None,
        });
        below.try_for_each(|below| below.check())
    }

    /// Checks it as the root of a tree, but not the supervisors below it. Returns its id.
    pub(crate) fn check_as_root(&self) -> Result<ChildId, StartRootError> {
        let id = self.id.clone()?;
        self.check_depth(0)?;
        Policy::new(self.flags, self.entries()?)?;
        self.check_settings()?;
        Ok(id)
    }

    /// Returns the children as the policy knows them.
    pub(crate) fn entries(&self) -> Result<Vec<ChildEntry>, IdError> {
        self.children.iter().map(ChildSpec::entry).collect()
    }

    /// Checks what of it and its children the policy does not check. Comes after the policy's
    /// own checks: OTP's errors win.
    pub(crate) fn check_settings(&self) -> Result<(), SpecError> {
        if let (Some(heartbeat), Ok(id)) = (self.heartbeats, &self.id)
            && !heartbeat.is_sane()
        {
            return Err(ChildSpecError::InvalidHeartbeat(id.clone()).into());
        }
        self.children.iter().try_for_each(|child| Ok(child.check_settings()?))
    }

    /// Checks that nothing of it is deeper than a path may be, with so many levels above it.
    pub(crate) fn check_depth(&self, above: usize) -> Result<(), IdError> {
        match &self.too_deep {
            Some(error) => Err(error.clone()),
            None if above.saturating_add(self.depth) > MAX_PATH_DEPTH => {
                Err(IdError::TooDeep(self.deepest_path()))
            }
            None => Ok(()),
        }
    }

    /// Returns the path of the deepest actor in it, from itself on.
    fn deepest_path(&self) -> String {
        let name = |id: &Result<ChildId, IdError>| match id {
            Ok(id) => format!("/{id}"),
            Err(_) => "/?".to_owned(),
        };
        let (mut path, mut at) = (name(&self.id), self);
        while let Some(child) = at.children.iter().max_by_key(|child| child.depth()) {
            path += &name(&child.id);
            let Make::Supervisor(below) = &child.make else { break };
            at = below;
        }
        path
    }
}
