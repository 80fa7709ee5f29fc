//! Calls to a service that fails: a breaker that spares it, and fallbacks that answer instead.
//!
//! ```text
//! watcher: everything is on
//! oslo: 3 degrees, measured
//! the station is down
//! oslo: 3 degrees, measured some time ago
//! rome: 21 degrees, from the mirror
//! paris: no answer; off: forecast
//! watcher: off: forecast
//! off, when asked: forecast
//! the breaker is open
//! the mirror knows rome: true, and paris: false
//! the station is up
//! paris: 14 degrees, measured
//! watcher: everything is on
//! the breaker is closed, and was open before: true
//! ```
#![allow(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use ms_framework::prelude::{
    ChildSpec, Context, ControlEndpoint, Outcome, Ref, RunConfig, RunError, SupervisorSpec,
    run_with,
};
use ms_framework::resilience::{
    Alternative, Answer, BreakerActor, BreakerSpec, BreakerState, CallError, CircuitBreaker,
    DegradedChanged, Fallback, FallbackActor, FallbackError, FallbackStrategy, GetBreaker,
    GetDegraded, Hops, Source, WatchDegraded,
};
use tokio::sync::mpsc;

const SECOND: Duration = Duration::from_secs(1);

type City = &'static str;
type Degrees = u32;

/// The service that is called: remote, and not always up.
#[derive(Clone, Default)]
struct Station(Arc<AtomicBool>);

impl Station {
    async fn measure(&self, city: City) -> Result<Degrees, String> {
        match (self.0.load(Ordering::Acquire), city) {
            (false, _) => Err("the station is down".to_owned()),
            (true, "oslo") => Ok(3),
            (true, _) => Ok(14),
        }
    }
}

/// A mirror that knows less, and is always up.
struct Mirror;

impl Actor for Mirror {
    type Context = Context<Self>;
}

impl Handler<Alternative<City, Degrees>> for Mirror {
    type Result = Result<Degrees, FallbackError>;

    fn handle(&mut self, asked: Alternative<City, Degrees>, _: &mut Self::Context) -> Self::Result {
        if asked.query == "rome" { Ok(21) } else { Err(FallbackError::Nothing) }
    }
}

/// Passes on which features are off.
struct Watcher(mpsc::UnboundedSender<Vec<String>>);

impl Actor for Watcher {
    type Context = Context<Self>;
}

impl Handler<DegradedChanged> for Watcher {
    type Result = ();

    fn handle(&mut self, changed: DegradedChanged, _: &mut Self::Context) {
        drop(self.0.send(changed.features));
    }
}

/// The access to the station: through the breaker, with the fallback where that has no answer.
struct Weather {
    station: Station,
    breaker: CircuitBreaker,
    fallback: Fallback<City, Degrees>,
}

impl Weather {
    async fn ask(&self, city: City) -> Result<Answer<Degrees>, (CallError<String>, FallbackError)> {
        self.fallback.call(city, self.breaker.call(SECOND, self.station.measure(city))).await
    }

    async fn tell(&self, city: City) {
        match self.ask(city).await {
            Ok(Answer { value, source }) => {
                let source = match source {
                    Source::Primary => "measured",
                    Source::Stale { .. } => "measured some time ago",
                    Source::Alternative => "from the mirror",
                    Source::Default => "as always",
                };
                println!("{city}: {value} degrees, {source}");
            }
            Err((_, FallbackError::Degraded { features })) => {
                println!("{city}: no answer; off: {}", features.join(", "));
            }
            Err((error, why)) => println!("{city}: {error}, and {why}"),
        }
    }
}

async fn next(watched: &mut mpsc::UnboundedReceiver<Vec<String>>) {
    match watched.recv().await.unwrap_or_default().join(", ").as_str() {
        "" => println!("watcher: everything is on"),
        features => println!("watcher: off: {features}"),
    }
}

fn main() -> Result<Outcome, RunError> {
    let spec = BreakerSpec {
        failure_threshold: 2,
        success_threshold: 1,
        timeout: Duration::from_millis(20),
        half_open_max: 1,
    };
    let (breaker, of_breaker) = CircuitBreaker::in_tree(spec);
    let (out, mut watched) = mpsc::unbounded_channel();
    let tree = SupervisorSpec::one_for_one("root")
        .child(ChildSpec::blueprint("breaker", of_breaker))
        .child(ChildSpec::actor("mirror", || Mirror))
        .child(ChildSpec::actor("watcher", move || Watcher(out.clone())));
    run_with(
        RunConfig::new("weather").control(ControlEndpoint::Off),
        |_| tree,
        async move |runtime| {
            let root = runtime.root();
            let mirror: Ref<Mirror> = root.get("mirror").await?;
            // Tried in this order.
            let (fallback, of_fallback) = Fallback::in_tree(vec![
                FallbackStrategy::Cache { ttl: 600 * SECOND },
                FallbackStrategy::Alternative { service: mirror.port() },
                FallbackStrategy::Degrade { features: vec!["forecast".to_owned()] },
            ]);
            root.start_child(ChildSpec::blueprint("fallback", of_fallback)).await?;
            let rescuer: Ref<FallbackActor<City, Degrees>> = root.get("fallback").await?;
            let watcher: Ref<Watcher> = root.get("watcher").await?;
            rescuer.ask(WatchDegraded(watcher.port())).await??;
            next(&mut watched).await;

            let station = Station::default();
            let weather = Weather { station: station.clone(), breaker, fallback };
            station.0.store(true, Ordering::Release);
            weather.tell("oslo").await;
            println!("the station is down");
            station.0.store(false, Ordering::Release);
            for city in ["oslo", "rome", "paris"] {
                weather.tell(city).await;
            }
            next(&mut watched).await;
            println!("off, when asked: {}", rescuer.ask(GetDegraded).await?.join(", "));
            let breaker: Ref<BreakerActor> = root.get("breaker").await?;
            let status = breaker.ask(GetBreaker).await?;
            let open = if status.state == BreakerState::Open { "open" } else { "not open" };
            println!("the breaker is {open}");
            let knows = async |city| mirror.ask(Alternative::new(city, Hops::START)).await;
            let (rome, paris) = (knows("rome").await?.is_ok(), knows("paris").await?.is_ok());
            println!("the mirror knows rome: {rome}, and paris: {paris}");

            println!("the station is up");
            station.0.store(true, Ordering::Release);
            // The breaker lets a call through when its pause is over.
            while breaker.ask(GetBreaker).await?.state != BreakerState::Closed {
                tokio::time::sleep(Duration::from_millis(5)).await;
                drop(weather.ask("oslo").await);
            }
            weather.tell("paris").await;
            next(&mut watched).await;
            let opened = breaker.ask(GetBreaker).await?.opened;
            println!("the breaker is closed, and was open before: {}", opened > 0);
            Ok(())
        },
    )
}
