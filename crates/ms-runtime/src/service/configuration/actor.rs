//! The actor that changes what is in force. Nobody else does.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, AtomicResponse, Handler, Message, WrapFuture};
use ms_actor::{Context, LifeChange, LifecycleEvent, Port, StateValue};
use ms_config::{DirWatch, Loaded, Place, Places, Settings, change, keys, plain};
use ms_core::health::{FEATURES_OFF, FEATURES_ON};
use ms_core::view::EventKind;
use tokio::time::timeout;

use super::handle::{ConfigHandle, Published};
use super::messages::{ConfigChanged, Reload, Reloaded, Subscribe, Unsubscribe};
use super::standing::{Step, step};

/// Longest time to read all files. A file system that takes longer counts as a failure.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Interval of the looks whether the path still leads to the directories under watch.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The feature that the health report names as off while nothing is watched.
const FEATURE: &str = "reload of the configuration by itself";
/// Longest wait for a subscriber's answer to a change.
const ACK_WITHIN: Duration = Duration::from_secs(5);

/// Owns the configuration in force; see [`ConfigHandle::child`].
#[derive(Debug)]
pub struct ConfigActor<C: Settings> {
    handle: ConfigHandle<C>,
    watch: Option<Watched>,
    /// Whether it was reported that nothing is watched.
    unwatched: bool,
    /// Whether it was logged which environment is loaded.
    announced: bool,
}

/// Directories under watch.
#[derive(Debug)]
struct Watched {
    places: Places,
    #[expect(dead_code, reason = "held for its drop")]
    watch: DirWatch,
}

/// The directory may have changed, or can no longer be watched.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct LookAgain(Result<(), String>);

impl<C: Settings> ConfigActor<C> {
    pub(super) fn new(handle: ConfigHandle<C>) -> Self {
        Self { handle, watch: None, unwatched: false, announced: false }
    }

    pub(super) fn view(&self) -> StateValue {
        let published = self.handle.published();
        let StateValue::Map(mut view) = published.status.view(published.subscribers.len()) else {
            return StateValue::Null;
        };
        view.insert("values".to_owned(), values(&published));
        StateValue::Map(view)
    }

    fn update(&self, edit: impl FnOnce(&mut Published<C>)) {
        let mut published = Published::clone(&self.handle.published());
        edit(&mut published);
        self.handle.publish(published);
    }

    /// Returns what the directory's path and the links in it lead to now. Looks off the arbiters.
    fn look(&self) -> impl Future<Output = Result<Places, String>> + use<C> {
        let dir = self.handle.loader().dir().to_owned();
        let look = tokio::task::spawn_blocking(move || Places::of(&dir));
        async move {
            let found = look.await.map_err(|error| error.to_string())?;
            found.map_err(|error| error.to_string())
        }
    }

    /// Looks at the directory itself at a steady interval.
    // A watch follows the directory, not the path to it: nothing is signalled when a link to it is
    // changed, or when a directory above it is renamed.
    fn look_always(&mut self, ctx: &mut Context<Self>) {
        let look = self.look().into_actor(self);
        ctx.spawn(look.map(|found, this, ctx| {
            this.stand_by(found, ctx);
            ctx.run_later(LOOK_EVERY, Self::look_always);
        }));
    }

    /// Moves the watch to where the path leads.
    fn stand_by(&mut self, found: Result<Places, String>, ctx: &Context<Self>) {
        let watched = self.watch.as_ref().map(|watched| &watched.places);
        match (step(watched, found.as_ref().map_err(Clone::clone)), found) {
            (Step::Watch, Ok(places)) => {
                self.start_watching(places, ctx);
                if self.watch.is_some() {
                    // Read what is in it: it may have changed before the watch began.
                    let _ = ctx.me().try_tell(LookAgain(Ok(())));
                }
            }
            (Step::Lose(why), _) => self.cannot_watch(&why, ctx),
            _ => {}
        }
    }

    /// Starts to watch the directory. If that fails the node goes on without: [`Reload`] still
    /// works.
    fn start_watching(&mut self, places: Places, ctx: &Context<Self>) {
        let me = ctx.me().downgrade();
        let started = DirWatch::start(&places, move |found| {
            // A full mailbox has such a message already; an actor that is gone needs none.
            if let Some(me) = me.upgrade() {
                drop(me.try_tell(LookAgain(found)));
            }
        });
        match started {
            Ok(watch) => {
                self.watch = Some(Watched { places, watch });
                self.update(|published| published.status.watching = true);
                if self.unwatched {
                    self.unwatched = false;
                    let dir = self.handle.loader().dir().display();
                    note(ctx, "config_watched", format!("changes in {dir} are noticed again"));
                    publish(ctx, FEATURES_ON, FEATURE.to_owned());
                }
            }
            Err(error) => self.cannot_watch(&error.to_string(), ctx),
        }
    }

    /// Notes that nothing is watched, and reports it once.
    // It is tried again every second. A warning for each of these would drown the log.
    fn cannot_watch(&mut self, why: &str, ctx: &Context<Self>) {
        self.watch = None;
        self.update(|published| published.status.watching = false);
        if self.unwatched {
            return;
        }
        self.unwatched = true;
        let dir = self.handle.loader().dir().display();
        let text = format!(
            "changes in {dir} are not noticed: {why}; put the directory back, and watching \
             resumes by itself"
        );
        note(ctx, "config_not_watched", text);
        publish(ctx, FEATURES_OFF, FEATURE.to_owned());
    }

    /// Reads all files, off the arbiter.
    fn read(&mut self) -> impl Future<Output = Result<Loaded<C>, Vec<String>>> + use<C> {
        let loader = self.handle.loader().clone();
        // Logged once. If the log file lies in the watched directory, every line is a change, which
        // is read, which would be logged: a loop without end.
        if !std::mem::replace(&mut self.announced, true) {
            let env = loader.environment_name().escape_debug();
            tracing::info!("Loading configuration for environment: {env}");
        }
        async move {
            let read = tokio::task::spawn_blocking(move || loader.load());
            match timeout(READ_WITHIN, read).await {
                Ok(Ok(loaded)) => loaded.map_err(|errors| errors.lines().collect::<Vec<_>>()),
                Ok(Err(error)) => Err(vec![format!("reading failed: {error}")]),
                Err(_) => Err(vec![format!("the files could not be read within {READ_WITHIN:?}")]),
            }
        }
    }

    /// Puts what was read in force, as far as it may change at run time.
    fn take_over(
        &mut self,
        read: Result<Loaded<C>, Vec<String>>,
        ctx: &mut Context<Self>,
    ) -> Reloaded {
        let read = match read {
            Ok(read) => read,
            Err(problems) => return self.refuse(problems, ctx),
        };
        read.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let change = change(&*self.handle.current(), &read.config);
        // Checked again: the mix of new values with old ones that stay until a restart was in no
        // file, and may contradict itself though every file is good.
        let problems = self.handle.loader().validate(&change.config, &read.origins);
        if !problems.is_empty() {
            return self.refuse(problems.iter().map(ToString::to_string).collect(), ctx);
        }
        self.say_what_waits(&change.restart, ctx);
        let live = change.live.clone();
        self.update(|published| {
            published.status.last_failure.clear();
            published.status.needs_restart.clone_from(&change.restart);
            if !live.is_empty() {
                published.config = Arc::new(change.config);
                published.status.version += 1;
            }
            for key in &live {
                match read.origins.get(key) {
                    Some(place) => published.origins.insert(key.clone(), place.clone()),
                    None => published.origins.remove(key),
                };
            }
        });
        if !live.is_empty() {
            tracing::info!(keys = ?live, "the configuration has changed");
            self.tell_all(&live, ctx);
        }
        match live.is_empty() && change.restart.is_empty() {
            true => Reloaded::Unchanged,
            false => Reloaded::Changed { live, restart: change.restart },
        }
    }

    /// Refuses what was read: the last good configuration stays.
    fn refuse(&self, problems: Vec<String>, ctx: &Context<Self>) -> Reloaded {
        self.update(|published| {
            published.status.reload_failed += 1;
            published.status.last_failure.clone_from(&problems);
        });
        let text = format!("keeping the last good configuration; {}", problems.join("; "));
        note(ctx, "config_reload_failed", text);
        Reloaded::Failed(problems)
    }

    fn say_what_waits(&self, restart: &[String], ctx: &Context<Self>) {
        if !restart.is_empty() && *restart != *self.handle.status().needs_restart {
            let text = format!("not applied before a restart: {}", restart.join(", "));
            note(ctx, "config_needs_restart", text);
        }
    }

    /// Announces a change to all subscribers, and notes those that refuse it.
    fn tell_all(&self, keys: &[String], ctx: &mut Context<Self>) {
        let published = self.handle.published();
        let change = ConfigChanged { version: published.status.version, keys: keys.into() };
        for port in published.subscribers.clone() {
            let asked = port.ask(change.clone(), ACK_WITHIN);
            ctx.spawn(asked.into_actor(self).map(move |answer, actor, ctx| {
                let why = match answer {
                    Ok(Ok(())) => return,
                    Ok(Err(refused)) => refused.to_string(),
                    Err(error) => error.to_string(),
                };
                actor.refused(&port, &why, ctx);
            }));
        }
    }

    fn refused(&self, port: &Port<ConfigChanged>, why: &str, ctx: &Context<Self>) {
        self.update(|published| published.status.refused += 1);
        note(ctx, "config_change_refused", format!("by {}: {why}", port.path()));
    }

    fn forget(&self, gone: &ms_actor::AnyRef) {
        self.update(|published| published.subscribers.retain(|port| port.any() != *gone));
    }
}

/// Returns every value in force with its origin; secrets are redacted.
fn values<C: Settings>(published: &Published<C>) -> StateValue {
    let lines = keys::<C>().into_iter().map(|key| {
        let value = published.config.get(&key.path);
        let value = value.map_or(StateValue::Null, |value| plain(&value).into());
        let origin = published.origins.get(&key.path).unwrap_or(&Place::Default).to_string();
        (key.path, StateValue::map([("value", value), ("origin", origin.into())]))
    });
    StateValue::map(lines)
}

/// Logs a text and publishes it as an event of the node.
fn note<C: Settings>(ctx: &Context<ConfigActor<C>>, topic: &str, text: String) {
    tracing::warn!(topic, "{text}");
    publish(ctx, topic, text);
}

fn publish<C: Settings>(ctx: &Context<ConfigActor<C>>, topic: &str, text: String) {
    let (path, topic) = (ctx.path().clone(), topic.to_owned());
    ctx.node().publish(EventKind::Noted { path, topic, text });
}

impl<C: Settings> Actor for ConfigActor<C> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let me = ctx.me().port();
        self.update(|published| published.reader = Some(me));
        for port in &self.handle.published().subscribers {
            ctx.follow(&port.any());
        }
        let look = self.look().into_actor(self);
        ctx.wait(look.map(|found, this, ctx| {
            match found {
                Ok(places) => this.start_watching(places, ctx),
                Err(why) => this.cannot_watch(&why, ctx),
            }
            // Read once: files may have changed before the watch began, or while this actor was
            // down.
            let _ = ctx.me().try_tell(LookAgain(Ok(())));
            ctx.run_later(LOOK_EVERY, Self::look_always);
        }));
    }
}

impl<C: Settings> Handler<Subscribe> for ConfigActor<C> {
    type Result = ();

    fn handle(&mut self, Subscribe(port): Subscribe, ctx: &mut Self::Context) {
        ctx.follow(&port.any());
        self.forget(&port.any());
        self.update(|published| published.subscribers.push(port));
    }
}

impl<C: Settings> Handler<Unsubscribe> for ConfigActor<C> {
    type Result = ();

    fn handle(&mut self, Unsubscribe(who): Unsubscribe, ctx: &mut Self::Context) {
        ctx.unfollow(&who);
        self.forget(&who);
    }
}

impl<C: Settings> Handler<LifecycleEvent> for ConfigActor<C> {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        if matches!(event.change, LifeChange::Gone(_)) {
            self.forget(&event.of);
        }
    }
}

// `AtomicResponse`: the actor takes no message while it reads, so that two reads cannot finish in
// the wrong order and put an older file in force.
impl<C: Settings> Handler<Reload> for ConfigActor<C> {
    type Result = AtomicResponse<Self, Reloaded>;

    fn handle(&mut self, _: Reload, _: &mut Self::Context) -> Self::Result {
        let read = self.read().into_actor(self);
        AtomicResponse::new(Box::pin(read.map(|read, actor, ctx| actor.take_over(read, ctx))))
    }
}

impl<C: Settings> Handler<LookAgain> for ConfigActor<C> {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, LookAgain(found): LookAgain, ctx: &mut Self::Context) -> Self::Result {
        if let Err(why) = found {
            self.cannot_watch(&why, ctx);
        }
        // The change may be one of the directory itself, so the watch is compared as well.
        let (look, read) = (self.look(), self.read());
        let both = async move { (look.await, read.await) };
        AtomicResponse::new(Box::pin(both.into_actor(self).map(|(found, read), actor, ctx| {
            actor.stand_by(found, ctx);
            actor.take_over(read, ctx);
        })))
    }
}
