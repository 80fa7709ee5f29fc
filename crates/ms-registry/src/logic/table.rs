//! The registry's decisions: changes come in, a new snapshot and effects go out.
//!
//! The [`RegistryActor`](crate::RegistryActor) feeds this and carries out the effects.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ms_actor::{AnyRef, LifeChange, Port};
use ms_core::{ExitReason, Incarnation};

use super::map::Map;
use super::members::Members;
use crate::config::RegistryConfig;
use crate::error::{GroupError, RegisterError, WatchError};
use crate::name::{Name, NameError};
use crate::service::{KeyId, Provided, ServiceError};
use crate::watch::{Change, RegistryEvent, Subscription, Watch, Watched};

/// The entries of a registry at one moment. Readers use the published one, and after a crash the
/// actor goes on from it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) names: Map<Name, AnyRef>,
    pub(crate) groups: Map<Name, Members<AnyRef>>,
    pub(crate) services: Arc<BTreeMap<&'static str, Provided>>,
    pub(crate) watches: Arc<Vec<Watch>>,
    /// Number of memberships in all groups.
    pub(crate) joins: usize,
}

impl Snapshot {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            names: Map::new(seed),
            groups: Map::new(seed),
            services: Arc::default(),
            watches: Arc::default(),
            joins: 0,
        }
    }

    /// Returns the number that `max_entries` bounds.
    pub(crate) fn entries(&self) -> usize {
        self.names.len() + self.joins + self.services.len()
    }
}

/// Something the actor must do after a change.
pub(crate) enum Effect {
    /// Follow the lifecycle of this actor from now on.
    Follow(AnyRef),
    /// Stop following it.
    Unfollow(AnyRef),
    /// Notify a watcher.
    Notify(Port<RegistryEvent>, RegistryEvent),
}

/// The entries of one actor: without this index its end would cost a walk over all entries.
#[derive(Default)]
struct Owner {
    incarnation: Incarnation,
    names: HashSet<Name>,
    joins: Vec<(Name, u64)>,
    services: Vec<&'static str>,
    watches: Vec<Subscription>,
}

impl Owner {
    fn is_idle(&self) -> bool {
        self.names.is_empty()
            && self.joins.is_empty()
            && self.services.is_empty()
            && self.watches.is_empty()
    }
}

/// The working copy of the snapshot, with an index by owner.
pub(crate) struct Table {
    pub(crate) snapshot: Snapshot,
    owners: HashMap<AnyRef, Owner>,
    effects: Vec<Effect>,
    config: RegistryConfig,
}

/// Why an actor cannot own anything: it has ended for good.
struct Gone(ExitReason);

impl Table {
    /// Goes on from a snapshot that an earlier incarnation published. Every watcher is sent a
    /// resync: events may have been lost with that incarnation.
    pub(crate) fn resume(snapshot: Snapshot, config: RegistryConfig) -> Self {
        let mut table = Self {
            snapshot: snapshot.clone(),
            owners: HashMap::new(),
            effects: Vec::new(),
            config,
        };
        for (name, owner) in snapshot.names.iter() {
            table.owner(owner).names.insert(name.clone());
        }
        for (group, members) in snapshot.groups.iter() {
            for (number, member) in members.iter() {
                table.owner(member).joins.push((group.clone(), number));
            }
        }
        for (name, provided) in snapshot.services.iter() {
            table.owner(&provided.owner).services.push(name);
        }
        for watch in snapshot.watches.iter() {
            table.owner(&watch.port.any()).watches.push(watch.id);
        }
        for watch in snapshot.watches.iter() {
            let event = RegistryEvent { subscription: watch.id, change: Change::Resync };
            table.effects.push(Effect::Notify(watch.port.clone(), event));
        }
        table
    }

    /// Takes the effects of the changes so far, oldest first.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Returns the entries of an actor, and follows it if it had none before.
    fn owner(&mut self, any: &AnyRef) -> &mut Owner {
        let effects = &mut self.effects;
        self.owners.entry(any.clone()).or_insert_with(|| {
            effects.push(Effect::Follow(any.clone()));
            Owner { incarnation: any.incarnation(), ..Owner::default() }
        })
    }

    /// Forgets an actor that has no entries any more.
    fn tidy(&mut self, any: &AnyRef) {
        if self.owners.get(any).is_some_and(Owner::is_idle) {
            self.owners.remove(any);
            self.effects.push(Effect::Unfollow(any.clone()));
        }
    }

    fn announce(&mut self, change: &Change) {
        for watch in self.snapshot.watches.iter().filter(|watch| watch.what.wants(change)) {
            let event = RegistryEvent { subscription: watch.id, change: change.clone() };
            self.effects.push(Effect::Notify(watch.port.clone(), event));
        }
    }

    /// Returns whether the registry is at its bound.
    fn is_full(&self) -> bool {
        self.snapshot.entries() >= self.config.max_entries
    }

    fn check_name(&self, name: &Name) -> Result<(), NameError> {
        let (bytes, max) = (name.as_str().len(), self.config.max_name_bytes);
        if bytes > max { Err(NameError::TooLong { bytes, max }) } else { Ok(()) }
    }

    fn check_alive(owner: &AnyRef) -> Result<(), Gone> {
        if owner.is_closed() {
            Err(Gone(owner.last_exit().unwrap_or(ExitReason::NoProc)))
        } else {
            Ok(())
        }
    }

    /// Drops a holder that has ended for good. The kernel's notice of that may still be on its way,
    /// and a dead holder must not block a name meanwhile.
    fn evict_if_gone(&mut self, holder: &AnyRef) -> bool {
        match Self::check_alive(holder) {
            Ok(()) => false,
            Err(Gone(reason)) => {
                self.gone(holder, &reason);
                true
            }
        }
    }

    // ---- names -----------------------------------------------------------------

    pub(crate) fn register(&mut self, name: Name, owner: AnyRef) -> Result<(), RegisterError> {
        self.check_name(&name)?;
        Self::check_alive(&owner).map_err(|Gone(reason)| RegisterError::OwnerGone {
            owner: owner.path().clone(),
            reason,
        })?;
        if let Some(holder) = self.snapshot.names.get(&name).cloned() {
            // Before the bound is checked: a repetition needs no room.
            if holder == owner {
                return Ok(());
            }
            if !self.evict_if_gone(&holder) {
                return Err(RegisterError::AlreadyRegistered {
                    name,
                    holder: holder.path().clone(),
                });
            }
        }
        if self.is_full() {
            return Err(RegisterError::Full { max: self.config.max_entries });
        }
        self.owner(&owner).names.insert(name.clone());
        self.snapshot.names.insert(name.clone(), owner.clone());
        self.announce(&Change::Registered { name, owner });
        Ok(())
    }

    pub(crate) fn unregister(&mut self, name: Name, owner: &AnyRef) -> Result<(), RegisterError> {
        match self.snapshot.names.get(&name) {
            None => return Err(RegisterError::NotRegistered { name }),
            Some(holder) if holder != owner => {
                return Err(RegisterError::AlreadyRegistered {
                    name,
                    holder: holder.path().clone(),
                });
            }
            Some(_) => {}
        }
        self.snapshot.names.remove(&name);
        self.owner(owner).names.remove(&name);
        self.tidy(owner);
        self.announce(&Change::Unregistered { name, owner: owner.clone(), gone: None });
        Ok(())
    }

    // ---- groups ----------------------------------------------------------------

    pub(crate) fn join(&mut self, group: Name, member: AnyRef) -> Result<(), GroupError> {
        self.check_name(&group)?;
        Self::check_alive(&member).map_err(|Gone(reason)| GroupError::MemberGone {
            member: member.path().clone(),
            reason,
        })?;
        if self.is_full() {
            return Err(GroupError::Full { max: self.config.max_entries });
        }
        // Taken out and put back: the map has no access in place, which published snapshots would see.
        let mut members = self.snapshot.groups.remove(&group).unwrap_or_default();
        let number = members.join(member.clone());
        self.snapshot.groups.insert(group.clone(), members);
        self.snapshot.joins += 1;
        self.owner(&member).joins.push((group.clone(), number));
        self.announce(&Change::Joined { group, member });
        Ok(())
    }

    pub(crate) fn leave(&mut self, group: Name, member: &AnyRef) -> Result<(), GroupError> {
        let joins = self.owners.get_mut(member).map(|owner| &mut owner.joins);
        let latest = joins.and_then(|joins| {
            let at = joins.iter().rposition(|(known, _)| *known == group)?;
            Some(joins.remove(at).1)
        });
        let Some(number) = latest else {
            return Err(GroupError::NotJoined { group, member: member.path().clone() });
        };
        self.remove_member(&group, number);
        self.tidy(member);
        self.announce(&Change::Left { group, member: member.clone() });
        Ok(())
    }

    /// Removes one membership from a group, and the group with its last one.
    fn remove_member(&mut self, group: &Name, number: u64) {
        let Some(mut members) = self.snapshot.groups.remove(group) else { return };
        members.leave(number);
        self.snapshot.joins -= 1;
        if members.len() > 0 {
            self.snapshot.groups.insert(group.clone(), members);
        }
    }

    // ---- services --------------------------------------------------------------

    pub(crate) fn provide(&mut self, provided: Provided) -> Result<(), ServiceError> {
        let (key, owner) = (provided.key, provided.owner.clone());
        Self::check_alive(&owner).map_err(|Gone(reason)| ServiceError::OwnerGone {
            owner: owner.path().clone(),
            reason,
        })?;
        if let Some(known) = self.snapshot.services.get(key.name()).cloned() {
            // The type is part of the key. Under one name there is one service, whatever its type, so that
            // `require` cannot find one or another by the type that is asked for.
            if known.owner == owner && known.key == key {
                return Ok(());
            }
            if !self.evict_if_gone(&known.owner) {
                let holder = known.owner.path().clone();
                return Err(ServiceError::AlreadyProvided { key: known.key, holder });
            }
        }
        if self.is_full() {
            return Err(ServiceError::Full { max: self.config.max_entries });
        }
        Arc::make_mut(&mut self.snapshot.services).insert(key.name(), provided);
        self.owner(&owner).services.push(key.name());
        Ok(())
    }

    pub(crate) fn withdraw(&mut self, key: KeyId, owner: &AnyRef) -> Result<(), ServiceError> {
        let known = self.snapshot.services.get(key.name());
        if known.is_none_or(|known| known.owner != *owner || known.key != key) {
            return Err(ServiceError::NotProvided { key, owner: owner.path().clone() });
        }
        Arc::make_mut(&mut self.snapshot.services).remove(key.name());
        self.owner(owner).services.retain(|name| *name != key.name());
        self.tidy(owner);
        Ok(())
    }

    // ---- watchers --------------------------------------------------------------

    /// Adds a watch, or returns the subscription the watcher has for the same.
    pub(crate) fn watch(
        &mut self,
        what: Watched,
        port: Port<RegistryEvent>,
    ) -> Result<Subscription, WatchError> {
        let watcher = port.any();
        Self::check_alive(&watcher).map_err(|Gone(reason)| WatchError::WatcherGone {
            watcher: watcher.path().clone(),
            reason,
        })?;
        let known = self
            .snapshot
            .watches
            .iter()
            .find(|known| known.what == what && known.port.any() == watcher);
        if let Some(known) = known {
            return Ok(known.id);
        }
        let max = self.config.max_watchers;
        if self.snapshot.watches.len() >= max {
            return Err(WatchError::TooMany { max });
        }
        let id = Subscription::next();
        Arc::make_mut(&mut self.snapshot.watches).push(Watch { id, what, port });
        self.owner(&watcher).watches.push(id);
        Ok(id)
    }

    pub(crate) fn unwatch(&mut self, id: Subscription) -> Result<(), WatchError> {
        let at = self
            .snapshot
            .watches
            .iter()
            .position(|watch| watch.id == id)
            .ok_or(WatchError::NoSuchSubscription)?;
        let watcher = Arc::make_mut(&mut self.snapshot.watches).remove(at).port.any();
        self.owner(&watcher).watches.retain(|known| *known != id);
        self.tidy(&watcher);
        Ok(())
    }

    /// Returns the watches of one actor.
    pub(crate) fn watches_of(&self, watcher: &AnyRef) -> Vec<Watch> {
        self.snapshot.watches.iter().filter(|watch| watch.port.any() == *watcher).cloned().collect()
    }

    // ---- lifecycle -------------------------------------------------------------

    /// Takes note of a change in the lifecycle of an owner.
    pub(crate) fn lifecycle(&mut self, of: &AnyRef, change: &LifeChange) {
        match change {
            LifeChange::Gone(reason) => self.gone(of, reason),
            LifeChange::Started(incarnation) => self.started(of, *incarnation),
            LifeChange::Exited { .. } => {}
        }
    }

    fn started(&mut self, of: &AnyRef, incarnation: Incarnation) {
        let Some(owner) = self.owners.get_mut(of) else { return };
        if incarnation <= owner.incarnation {
            // It registered during this very init, or the notice is old.
            return;
        }
        // An actor may register before its first start, which is not a restart.
        let first = incarnation == Incarnation::NONE.next();
        owner.incarnation = incarnation;
        if !first {
            for name in sorted(&owner.names) {
                self.announce(&Change::Restarted { name, incarnation });
            }
        }
    }

    /// Drops all entries of an actor. A second notice of the same end finds none.
    pub(crate) fn gone(&mut self, of: &AnyRef, reason: &ExitReason) {
        let Some(owner) = self.owners.remove(of) else { return };
        if !owner.watches.is_empty() {
            Arc::make_mut(&mut self.snapshot.watches)
                .retain(|watch| !owner.watches.contains(&watch.id));
        }
        if !owner.services.is_empty() {
            Arc::make_mut(&mut self.snapshot.services)
                .retain(|name, _| !owner.services.contains(name));
        }
        for name in sorted(&owner.names) {
            self.snapshot.names.remove(&name);
            self.announce(&Change::Unregistered {
                name,
                owner: of.clone(),
                gone: Some(reason.clone()),
            });
        }
        for (group, number) in owner.joins {
            self.remove_member(&group, number);
            self.announce(&Change::Left { group, member: of.clone() });
        }
        self.effects.push(Effect::Unfollow(of.clone()));
    }
}

/// Sorts names, so that watchers are notified in an order that does not depend on hashes.
fn sorted(names: &HashSet<Name>) -> Vec<Name> {
    let mut names: Vec<_> = names.iter().cloned().collect();
    names.sort();
    names
}
