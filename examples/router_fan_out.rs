//! One message to many, and one answer out of many.
//!
//! ```text
//! notified 3 shops
//! all offers: [12, 9, 15]
//! the best: 9
//! in turn: 12 9 15 12
//! one shop closes: [12, 15]
//! ```
#![allow(clippy::print_stdout, reason = "an example")]
use actix::prelude::*;
use ms_framework::core::ChildId;
use ms_framework::prelude::{
    ChildSpec, ControlEndpoint, Outcome, Router, RouterConfig, RunConfig, RunError, SupervisorSpec,
    run_with,
};
use ms_framework::router::{All, Fold, RouteError};

struct Shop {
    price: u32,
}

impl Actor for Shop {
    type Context = ms_framework::prelude::Context<Self>;
}

#[derive(Message, Clone)]
#[rtype(result = "u32")]
struct Quote;

impl Handler<Quote> for Shop {
    type Result = u32;
    fn handle(&mut self, _: Quote, _: &mut Self::Context) -> u32 {
        self.price
    }
}
fn main() -> Result<Outcome, RunError> {
    let router = Router::new(RouterConfig::default());
    let shop = |name: &str, price| ChildSpec::actor(name, move || Shop { price });
    let tree = SupervisorSpec::one_for_one("root")
        .child(ChildSpec::blueprint("router", router.blueprint()))
        .child(shop("north", 12))
        .child(shop("east", 9))
        .child(shop("south", 15));
    run_with(
        RunConfig::new("router").control(ControlEndpoint::Off),
        |_| tree,
        async move |runtime| {
            let root = runtime.root();
            for name in ["north", "east", "south"] {
                router.add_route(root.get::<Shop>(name).await?.port::<Quote>()).await?;
            }
            println!("notified {} shops", router.publish(Quote)?.len());
            println!("all offers: {:?}", offers(&router).await?);
            let best = |best: u32, offer: Result<u32, RouteError>| {
                offer.map_or(best, |price| best.min(price))
            };
            println!(
                "the best: {}",
                router.route(Quote).aggregate(Fold::new(u32::MAX, best)).await?
            );
            let mut turns = Vec::new();
            for _ in 0..4 {
                turns.push(
                    router.ask_one(Quote).await.map_err(|unrouted| unrouted.error)?.to_string(),
                );
            }
            println!("in turn: {}", turns.join(" "));
            // The shop is gone for good, and its route with it.
            let east = ChildId::new("east")?;
            root.terminate_child(&east).await?;
            root.delete_child(&east).await?;
            println!("one shop closes: {:?}", offers(&router).await?);
            Ok(())
        },
    )
}

/// Returns the answers that came, in the order of the routes.
async fn offers(router: &Router) -> Result<Vec<u32>, RouteError> {
    let answers = router.route(Quote).aggregate(All::new()).await?;
    Ok(answers.into_iter().flatten().collect())
}
