//! The four strategies, in virtual time.
#![allow(clippy::unwrap_used, reason = "tests say what is wrong by failing")]

use crate::common;

use std::time::Duration;

use actix::{Actor, Handler};
use common::{World, pass, virtually};
use ms_actor::host::Blueprint;
use ms_actor::{Context, MailboxSpec, Overflow, Ref};
use ms_resilience::{
    Alternative, Answer, DegradedChanged, Fallback, FallbackActor, FallbackError, FallbackLayer,
    FallbackStrategy, GetDegraded, Source, TooManyWatchers, WatchDegraded,
};
use tokio::sync::mpsc;
use tower::{Layer, Service, ServiceExt, service_fn};

type Strategy = FallbackStrategy<u32, String>;
type Actors = FallbackActor<u32, String>;

async fn add(world: &World, id: &str, strategies: Vec<Strategy>) -> Ref<Actors> {
    world.add::<Actors>(id, Fallback::in_tree(strategies).1).await
}

async fn good(fallback: &Fallback<u32, String>, query: u32, value: &str) {
    let answer = fallback.call(query, async { Ok::<_, ()>(value.to_owned()) }).await.unwrap();
    assert_eq!(answer.source, Source::Primary);
}

async fn bad(
    fallback: &Fallback<u32, String>,
    query: u32,
) -> Result<Answer<String>, FallbackError> {
    let answer = fallback.call(query, async { Err::<String, _>("down") }).await;
    answer.map_err(|(error, why)| {
        assert_eq!(error, "down", "the call's own error is handed on");
        why
    })
}

/// S9.2-02
#[test]
fn cached_answers_are_marked_stale_with_their_age_and_end_with_their_ttl() {
    virtually(async |world| {
        let ttl = Duration::from_secs(60);
        let actor = add(&world, "cache", vec![FallbackStrategy::Cache { ttl }]).await;
        let fallback = Fallback::new(actor);
        good(&fallback, 1, "one").await;
        pass(30_000).await;
        let answer = bad(&fallback, 1).await.unwrap();
        assert_eq!(answer.value, "one");
        let Source::Stale { age } = answer.source else { panic!("{answer:?}") };
        assert!((30_000..31_000).contains(&age.as_millis()));
        assert_eq!(bad(&fallback, 2).await, Err(FallbackError::Nothing), "another query");
        pass(31_000).await;
        assert_eq!(bad(&fallback, 1).await, Err(FallbackError::Nothing), "too old");
    });
}

/// S9.2-03
#[test]
fn strategies_are_tried_in_order_down_to_the_default() {
    virtually(async |world| {
        let ttl = Duration::from_secs(60);
        let value = "none".to_owned();
        let strategies = vec![FallbackStrategy::Cache { ttl }, FallbackStrategy::Default { value }];
        let fallback = Fallback::new(add(&world, "default", strategies).await);
        let answer = bad(&fallback, 1).await.unwrap();
        assert_eq!(answer, Answer { value: "none".to_owned(), source: Source::Default });
        good(&fallback, 1, "one").await;
        assert_eq!(bad(&fallback, 1).await.unwrap().value, "one");
    });
}

struct Other;

impl Actor for Other {
    type Context = Context<Self>;
}

impl Handler<Alternative<u32, String>> for Other {
    type Result = Result<String, FallbackError>;

    fn handle(&mut self, asked: Alternative<u32, String>, _: &mut Self::Context) -> Self::Result {
        if asked.query == 0 {
            Err(FallbackError::Nothing)
        } else {
            Ok(format!("other {}", asked.query))
        }
    }
}

/// S9.2-04
#[test]
fn another_service_answers_and_when_it_cannot_the_next_strategy_does() {
    virtually(async |world| {
        let other = world.add::<Other>("other", Blueprint::actor(|| Other)).await;
        let strategies = vec![
            FallbackStrategy::Alternative { service: other.port() },
            FallbackStrategy::Default { value: "last".to_owned() },
        ];
        let fallback = Fallback::new(add(&world, "alternative", strategies).await);
        let answer = bad(&fallback, 7).await.unwrap();
        assert_eq!(answer, Answer { value: "other 7".to_owned(), source: Source::Alternative });
        assert_eq!(bad(&fallback, 0).await.unwrap().value, "last");
    });
}

/// S9.2-04: services that lead to one another end at the limit of hops.
#[test]
fn a_chain_of_alternatives_ends_at_the_limit_of_hops() {
    virtually(async |world| {
        let mut next = world.add::<Other>("other", Blueprint::actor(|| Other)).await.port();
        let mut answers = Vec::new();
        for id in ["f1", "f2", "f3", "f4"] {
            let strategies = vec![FallbackStrategy::Alternative { service: next.clone() }];
            let actor = add(&world, id, strategies).await;
            answers.push(bad(&Fallback::new(actor.clone()), 7).await.map(|answer| answer.value));
            next = actor.port();
        }
        let other = || Ok("other 7".to_owned());
        assert_eq!(answers, [other(), other(), other(), Err(FallbackError::HopLimit)]);
    });
}

struct Watcher(mpsc::UnboundedSender<DegradedChanged>);

impl Actor for Watcher {
    type Context = Context<Self>;
}

impl Handler<DegradedChanged> for Watcher {
    type Result = ();

    fn handle(&mut self, changed: DegradedChanged, _: &mut Self::Context) {
        self.0.send(changed).unwrap();
    }
}

/// S9.2-05
#[test]
fn features_go_off_are_reported_once_and_come_back_with_the_first_good_call() {
    virtually(async |world| {
        let features = vec!["search".to_owned(), "history".to_owned()];
        let actor = add(&world, "degrade", vec![FallbackStrategy::Degrade { features }]).await;
        let (tell, mut heard) = mpsc::unbounded_channel();
        let watcher = Blueprint::actor(move || Watcher(tell.clone()));
        let watcher = world.add::<Watcher>("watcher", watcher).await;
        actor.ask(WatchDegraded(watcher.port())).await.unwrap().unwrap();
        let fallback = Fallback::new(actor.clone());
        let off = vec!["history".to_owned(), "search".to_owned()];
        for _ in 0..2 {
            let why = bad(&fallback, 1).await.unwrap_err();
            assert_eq!(why, FallbackError::Degraded { features: off.clone() });
        }
        assert_eq!(actor.ask(GetDegraded).await.unwrap(), off);
        good(&fallback, 1, "one").await;
        assert_eq!(actor.ask(GetDegraded).await.unwrap(), Vec::<String>::new());
        let mut notified = Vec::new();
        for _ in 0..3 {
            notified.push(heard.recv().await.unwrap().features.len());
        }
        assert_eq!((notified, heard.try_recv().is_err()), (vec![0, 2, 0], true));
    });
}

/// A watcher without room, when it starts to watch and at each change, gets the present
/// state when it has room.
#[test]
fn rs3_a_watcher_that_has_no_room_is_notified_later() {
    virtually(async |world| {
        let features = vec!["search".to_owned()];
        let actor = add(&world, "degrade", vec![FallbackStrategy::Degrade { features }]).await;
        let (tell, mut heard) = mpsc::unbounded_channel();
        let watcher = Blueprint::actor(move || Watcher(tell.clone()));
        let watcher = watcher.mailbox(MailboxSpec::bounded(1).overflow(Overflow::Reject));
        let watcher = world.add::<Watcher>("watcher", watcher).await;
        watcher.any().suspend();
        watcher.try_tell(DegradedChanged { features: vec!["full".to_owned()] }).unwrap();
        actor.ask(WatchDegraded(watcher.port())).await.unwrap().unwrap();
        let fallback = Fallback::new(actor.clone());
        assert!(bad(&fallback, 1).await.is_err());
        pass(1_000).await;
        watcher.any().resume();
        pass(1_000).await;
        let notified: Vec<_> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
        let notified: Vec<_> = notified.iter().map(|changed| changed.features.join(",")).collect();
        assert_eq!(notified, ["full", "search"], "the present state, once");
        good(&fallback, 1, "one").await;
        pass(1_000).await;
        assert_eq!(heard.try_recv().unwrap().features, Vec::<String>::new());
    });
}

/// A fallback that crashes keeps its watchers: they are notified that nothing is off in its new
/// life, and of everything that goes off in it.
#[test]
fn rs3_watchers_survive_a_restart_and_are_notified_of_it() {
    virtually(async |world| {
        let features = vec!["search".to_owned()];
        let (fallback, blueprint) = Fallback::in_tree(vec![FallbackStrategy::Degrade { features }]);
        let too_early = bad(&fallback, 1).await.unwrap_err();
        assert!(matches!(too_early, FallbackError::Unavailable(_)), "{too_early}");
        let actor = world.add::<Actors>("degrade", blueprint).await;
        let (tell, mut heard) = mpsc::unbounded_channel();
        let watcher = Blueprint::actor(move || Watcher(tell.clone()));
        let watcher = world.add::<Watcher>("watcher", watcher).await;
        actor.ask(WatchDegraded(watcher.port())).await.unwrap().unwrap();
        assert!(bad(&fallback, 1).await.is_err());
        actor.any().kill();
        pass(10_000).await;
        assert!(bad(&fallback, 1).await.is_err());
        let mut notified = Vec::new();
        for _ in 0..4 {
            notified.push(heard.recv().await.unwrap().features.len());
        }
        assert_eq!((notified, heard.try_recv().is_err()), (vec![0, 1, 0, 1], true));
    });
}

/// More watchers than there may be are refused by name, not left out in silence.
#[test]
fn rs3_too_many_watchers_are_refused() {
    virtually(async |world| {
        let features = vec!["search".to_owned()];
        let actor = add(&world, "degrade", vec![FallbackStrategy::Degrade { features }]).await;
        let (tell, _heard) = mpsc::unbounded_channel();
        let mut last = Ok(());
        for n in 0..=1_024 {
            let tell = tell.clone();
            let watcher = Blueprint::actor(move || Watcher(tell.clone()));
            let watcher = world.add::<Watcher>(&format!("w{n}"), watcher).await;
            last = actor.ask(WatchDegraded(watcher.port())).await.unwrap();
            assert_eq!(last.is_ok(), n < 1_024, "watcher {n}");
        }
        assert_eq!(last, Err(TooManyWatchers { max: 1_024 }));
    });
}

/// S9.2-02, S9.2-03: as a tower layer.
#[test]
fn the_layer_answers_in_the_services_stead_and_says_so() {
    virtually(async |world| {
        let ttl = Duration::from_secs(60);
        let fallback = Fallback::new(add(&world, "l", vec![FallbackStrategy::Cache { ttl }]).await);
        let up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let seen = up.clone();
        let inner = service_fn(move |n: u32| {
            let up = seen.load(std::sync::atomic::Ordering::Relaxed);
            async move { if up { Ok(n.to_string()) } else { Err("down") } }
        });
        let mut service = FallbackLayer::new(fallback).layer(inner);
        assert_eq!(service.ready().await.unwrap().call(5).await.unwrap().source, Source::Primary);
        up.store(false, std::sync::atomic::Ordering::Relaxed);
        let answer = service.ready().await.unwrap().call(5).await.unwrap();
        assert_eq!(answer.value, "5");
        assert!(matches!(answer.source, Source::Stale { .. }));
        let (error, why) = service.ready().await.unwrap().call(6).await.unwrap_err();
        assert_eq!((error, why), ("down", FallbackError::Nothing));
    });
}
