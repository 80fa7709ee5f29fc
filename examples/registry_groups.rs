//! Names and groups that follow restarts, and end with their actor.
//!
//! ```text
//! chat/ada is /root/ada
//! no actor is registered as "chat/adda" in local; did you mean "chat/ada"?
//! lobby: ada grace edsger
//! grace crashed; lobby: ada grace edsger
//! everybody heard "hello"
//! grace left; lobby: ada edsger
//! the porter saw: chat/grace came back, chat/grace is free
//! ```
#![allow(clippy::print_stdout, reason = "an example")]
use std::time::Duration;

use actix::prelude::*;
use ms_framework::core::ChildId;
use ms_framework::prelude::{
    ChildSpec, ControlEndpoint, Outcome, Ref, Registry, RegistryConfig, RunConfig, RunError,
    SupervisorSpec, run_with,
};
use ms_framework::registry::{Change, RegistryEvent, Watched};
use tokio::sync::mpsc;

struct Guest;

impl Actor for Guest {
    type Context = ms_framework::prelude::Context<Self>;
}

#[derive(Message)]
#[rtype(result = "bool")]
struct Hear(&'static str);

impl Handler<Hear> for Guest {
    type Result = bool;
    fn handle(&mut self, Hear(what): Hear, _: &mut Self::Context) -> bool {
        assert!(!what.is_empty(), "silence");
        true
    }
}

/// Watches names, and passes on what happened to them.
struct Porter(mpsc::UnboundedSender<String>);

impl Actor for Porter {
    type Context = ms_framework::prelude::Context<Self>;
}

impl Handler<RegistryEvent> for Porter {
    type Result = ();
    fn handle(&mut self, event: RegistryEvent, _: &mut Self::Context) {
        let saw = match event.change {
            Change::Restarted { name, .. } => format!("{name} came back"),
            Change::Unregistered { name, .. } => format!("{name} is free"),
            other => format!("{other:?}"),
        };
        drop(self.0.send(saw));
    }
}

fn in_lobby(registry: &Registry) -> String {
    let members = registry.members::<Guest>("lobby");
    members.iter().map(|guest| guest.path().name().to_owned()).collect::<Vec<_>>().join(" ")
}

fn main() -> Result<Outcome, RunError> {
    let registry = Registry::new(RegistryConfig::default());
    let (out, mut seen) = mpsc::unbounded_channel();
    let tree = ["ada", "grace", "edsger"].into_iter().fold(
        SupervisorSpec::one_for_one("root")
            .intensity(3, Duration::from_secs(60))
            .child(ChildSpec::blueprint("registry", registry.blueprint()))
            .child(ChildSpec::actor("porter", move || Porter(out.clone()))),
        |tree, name| tree.child(ChildSpec::actor(name, || Guest)),
    );
    let config = RunConfig::new("registry").control(ControlEndpoint::Off).quiet_panics();
    run_with(
        config,
        |_| tree,
        async move |runtime| {
            let root = runtime.root();
            for name in ["ada", "grace", "edsger"] {
                let guest = root.get::<Guest>(name).await?;
                registry.register(format!("chat/{name}"), &guest).await?;
                registry.join("lobby", &guest).await?;
            }
            let porter: Ref<Porter> = root.get("porter").await?;
            registry.watch(Watched::Names, porter.port()).await?;
            println!("chat/ada is {}", registry.lookup::<Guest>("chat/ada")?.path());
            if let Err(error) = registry.lookup::<Guest>("chat/adda") {
                println!("{error}");
            }
            println!("lobby: {}", in_lobby(&registry));
            let grace: Ref<Guest> = registry.lookup("chat/grace")?;
            drop(grace.ask(Hear("")).await);
            println!("grace crashed; lobby: {}", in_lobby(&registry));
            for guest in registry.members::<Guest>("lobby") {
                guest.ask(Hear("hello")).await?;
            }
            println!("everybody heard \"hello\"");
            let id = ChildId::new("grace")?;
            root.terminate_child(&id).await?;
            root.delete_child(&id).await?;
            println!("grace left; lobby: {}", in_lobby(&registry));
            let saw = [seen.recv().await, seen.recv().await].map(Option::unwrap_or_default);
            println!("the porter saw: {}", saw.join(", "));
            Ok(())
        },
    )
}
