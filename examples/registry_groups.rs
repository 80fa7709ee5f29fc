//! Names and groups that follow restarts, and are gone when their actor is.
//!
//! ```text
//! chat/ada is /root/ada
//! no actor is registered as "chat/adda" in local; did you mean "chat/ada"?
//! lobby: ada grace edsger
//! grace crashed; lobby: ada grace edsger
//! everybody heard "hello"
//! grace left; lobby: ada edsger
//! ```
#![allow(clippy::print_stdout, reason = "an example")]
use std::time::Duration;

use actix::prelude::*;
use ms_framework::core::ChildId;
use ms_framework::prelude::{
    ChildSpec, ControlAt, Ended, Ref, Registry, RegistryConfig, RunConfig, RunError, Supervisor,
    run_with,
};

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

fn in_lobby(registry: &Registry) -> String {
    let members = registry.members::<Guest>("lobby");
    members.iter().map(|guest| guest.path().name().to_owned()).collect::<Vec<_>>().join(" ")
}

fn main() -> Result<Ended, RunError> {
    let registry = Registry::new(RegistryConfig::default());
    let tree = ["ada", "grace", "edsger"].into_iter().fold(
        Supervisor::one_for_one("root")
            .intensity(3, Duration::from_secs(60))
            .child(ChildSpec::blueprint("registry", registry.blueprint())),
        |tree, name| tree.child(ChildSpec::actor(name, || Guest)),
    );
    let config = RunConfig::new("registry").control(ControlAt::Off).quiet_panics();
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
            Ok(())
        },
    )
}
