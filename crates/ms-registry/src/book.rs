//! The registry's decisions: changes in, a new state and things to do out.
//!
//! Nothing in here sends, waits or knows a clock; [`crate::RegistryActor`] feeds it
//! and carries out what it says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ms_actor::{AnyRef, LifeChange, Port};
use ms_core::{ExitReason, Incarnation};

use crate::RegistryConfig;
use crate::error::{GroupError, RegisterError, WatchError};
use crate::map::Map;
use crate::name::{Name, NameError};
use crate::roll::Roll;
use crate::service::{KeyId, Provided, ServiceError};
use crate::watch::{Change, RegistryEvent, Subscription, Watch, Watched};

/// What readers see, and what outlives the registry's own crash. Cheap to clone.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) names: Map<Name, AnyRef>,
    pub(crate) groups: Map<Name, Roll<AnyRef>>,
    pub(crate) services: Arc<BTreeMap<&'static str, Provided>>,
    pub(crate) watches: Arc<Vec<Watch>>,
    /// Memberships in all groups.
    pub(crate) joins: usize,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            names: Map::new(seed),
            groups: Map::new(seed),
            services: Arc::default(),
            watches: Arc::default(),
            joins: 0,
        }
    }

    /// What counts towards `max_entries`.
    pub(crate) fn entries(&self) -> usize {
        self.names.len() + self.joins + self.services.len()
    }
}

/// Something the actor must do about a change.
pub(crate) enum Effect {
    /// Hear of this actor's life from now on.
    Follow(AnyRef),
    /// No more.
    Unfollow(AnyRef),
    /// Tell a watcher.
    Tell(Port<RegistryEvent>, RegistryEvent),
}

/// What is kept for one actor.
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

/// The working copy of the state, with an index by owner.
pub(crate) struct Book {
    pub(crate) state: State,
    owners: HashMap<AnyRef, Owner>,
    effects: Vec<Effect>,
    config: RegistryConfig,
}

/// An actor that is gone for good cannot own anything.
struct Gone(ExitReason);

impl Book {
    /// Goes on from `state`, which an earlier incarnation published.
    pub(crate) fn resume(state: State, config: RegistryConfig) -> Self {
        let mut book =
            Self { state: state.clone(), owners: HashMap::new(), effects: Vec::new(), config };
        for (name, owner) in state.names.iter() {
            book.owner(owner).names.insert(name.clone());
        }
        for (group, roll) in state.groups.iter() {
            for (number, member) in roll.iter() {
                book.owner(member).joins.push((group.clone(), number));
            }
        }
        for (name, provided) in state.services.iter() {
            book.owner(&provided.owner).services.push(name);
        }
        for watch in state.watches.iter() {
            book.owner(&watch.port.any()).watches.push(watch.id);
        }
        for watch in state.watches.iter() {
            let event = RegistryEvent { subscription: watch.id, change: Change::Resync };
            book.effects.push(Effect::Tell(watch.port.clone(), event));
        }
        book
    }

    /// What is to be done about the changes so far, oldest first.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The record of an actor; a new one is followed.
    fn owner(&mut self, any: &AnyRef) -> &mut Owner {
        let effects = &mut self.effects;
        self.owners.entry(any.clone()).or_insert_with(|| {
            effects.push(Effect::Follow(any.clone()));
            Owner { incarnation: any.incarnation(), ..Owner::default() }
        })
    }

    /// Forgets an actor for which nothing is kept any more.
    fn tidy(&mut self, any: &AnyRef) {
        if self.owners.get(any).is_some_and(Owner::is_idle) {
            self.owners.remove(any);
            self.effects.push(Effect::Unfollow(any.clone()));
        }
    }

    fn announce(&mut self, change: &Change) {
        for watch in self.state.watches.iter().filter(|watch| watch.what.wants(change)) {
            let event = RegistryEvent { subscription: watch.id, change: change.clone() };
            self.effects.push(Effect::Tell(watch.port.clone(), event));
        }
    }

    /// Whether nothing more fits.
    fn is_full(&self) -> bool {
        self.state.entries() >= self.config.max_entries
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

    /// Drops a holder that has ended for good, though the news of it are still on their way.
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
        if let Some(holder) = self.state.names.get(&name).cloned() {
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
        self.state.names.insert(name.clone(), owner.clone());
        self.announce(&Change::Registered { name, owner });
        Ok(())
    }

    pub(crate) fn unregister(&mut self, name: Name, owner: &AnyRef) -> Result<(), RegisterError> {
        match self.state.names.get(&name) {
            None => return Err(RegisterError::NotRegistered { name }),
            Some(holder) if holder != owner => {
                return Err(RegisterError::AlreadyRegistered {
                    name,
                    holder: holder.path().clone(),
                });
            }
            Some(_) => {}
        }
        self.state.names.remove(&name);
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
        let mut roll = self.state.groups.remove(&group).unwrap_or_default();
        let number = roll.join(member.clone());
        self.state.groups.insert(group.clone(), roll);
        self.state.joins += 1;
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
        self.strike(&group, number);
        self.tidy(member);
        self.announce(&Change::Left { group, member: member.clone() });
        Ok(())
    }

    /// Takes one membership off a group; an empty group is none.
    fn strike(&mut self, group: &Name, number: u64) {
        let Some(mut roll) = self.state.groups.remove(group) else { return };
        roll.leave(number);
        self.state.joins -= 1;
        if roll.len() > 0 {
            self.state.groups.insert(group.clone(), roll);
        }
    }

    // ---- services --------------------------------------------------------------

    pub(crate) fn provide(&mut self, provided: Provided) -> Result<(), ServiceError> {
        let (key, owner) = (provided.key, provided.owner.clone());
        Self::check_alive(&owner).map_err(|Gone(reason)| ServiceError::OwnerGone {
            owner: owner.path().clone(),
            reason,
        })?;
        if let Some(known) = self.state.services.get(key.name()).cloned() {
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
        Arc::make_mut(&mut self.state.services).insert(key.name(), provided);
        self.owner(&owner).services.push(key.name());
        Ok(())
    }

    pub(crate) fn withdraw(&mut self, key: KeyId, owner: &AnyRef) -> Result<(), ServiceError> {
        let known = self.state.services.get(key.name());
        if known.is_none_or(|known| known.owner != *owner || known.key != key) {
            return Err(ServiceError::NotProvided { key, owner: owner.path().clone() });
        }
        Arc::make_mut(&mut self.state.services).remove(key.name());
        self.owner(owner).services.retain(|name| *name != key.name());
        self.tidy(owner);
        Ok(())
    }

    // ---- watchers --------------------------------------------------------------

    /// A watcher that asks for the same again gets the subscription it has.
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
            .state
            .watches
            .iter()
            .find(|known| known.what == what && known.port.any() == watcher);
        if let Some(known) = known {
            return Ok(known.id);
        }
        let max = self.config.max_watchers;
        if self.state.watches.len() >= max {
            return Err(WatchError::TooMany { max });
        }
        let id = Subscription::next();
        Arc::make_mut(&mut self.state.watches).push(Watch { id, what, port });
        self.owner(&watcher).watches.push(id);
        Ok(id)
    }

    pub(crate) fn unwatch(&mut self, id: Subscription) -> Result<(), WatchError> {
        let at = self
            .state
            .watches
            .iter()
            .position(|watch| watch.id == id)
            .ok_or(WatchError::NoSuchSubscription)?;
        let watcher = Arc::make_mut(&mut self.state.watches).remove(at).port.any();
        self.owner(&watcher).watches.retain(|known| *known != id);
        self.tidy(&watcher);
        Ok(())
    }

    /// Subscriptions of one actor.
    pub(crate) fn watches_of(&self, watcher: &AnyRef) -> Vec<Watch> {
        self.state.watches.iter().filter(|watch| watch.port.any() == *watcher).cloned().collect()
    }

    // ---- lives -----------------------------------------------------------------

    /// Takes note of what happened to an owner.
    pub(crate) fn life(&mut self, of: &AnyRef, change: &LifeChange) {
        match change {
            LifeChange::Gone(reason) => self.gone(of, reason),
            LifeChange::Started(incarnation) => self.started(of, *incarnation),
            LifeChange::Ended { .. } => {}
        }
    }

    fn started(&mut self, of: &AnyRef, incarnation: Incarnation) {
        let Some(owner) = self.owners.get_mut(of) else { return };
        if incarnation <= owner.incarnation {
            // It registered during this very init, or the news are old.
            return;
        }
        let first = incarnation == Incarnation::NONE.next();
        owner.incarnation = incarnation;
        if !first {
            for name in sorted(&owner.names) {
                self.announce(&Change::Restarted { name, incarnation });
            }
        }
    }

    /// Drops everything an actor had. News that come twice find nothing.
    pub(crate) fn gone(&mut self, of: &AnyRef, reason: &ExitReason) {
        let Some(owner) = self.owners.remove(of) else { return };
        if !owner.watches.is_empty() {
            Arc::make_mut(&mut self.state.watches)
                .retain(|watch| !owner.watches.contains(&watch.id));
        }
        if !owner.services.is_empty() {
            Arc::make_mut(&mut self.state.services)
                .retain(|name, _| !owner.services.contains(name));
        }
        for name in sorted(&owner.names) {
            self.state.names.remove(&name);
            self.announce(&Change::Unregistered {
                name,
                owner: of.clone(),
                gone: Some(reason.clone()),
            });
        }
        for (group, number) in owner.joins {
            self.strike(&group, number);
            self.announce(&Change::Left { group, member: of.clone() });
        }
        self.effects.push(Effect::Unfollow(of.clone()));
    }
}

/// So that watchers hear of them in an order that does not depend on hashes.
fn sorted(names: &HashSet<Name>) -> Vec<Name> {
    let mut names: Vec<_> = names.iter().cloned().collect();
    names.sort();
    names
}
