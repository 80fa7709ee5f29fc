//! Children started and stopped at run time, all made from one template.
//!
//! ```text
//! started /root/sessions/ada
//! started /root/sessions/grace
//! refused: the supervisor has reached its limit of 2 children (max_children)
//! ada has seen 3 pages
//! killed ada: she is #2 now, and has seen 1 page
//! grace left: 1 session
//! ```
#![allow(clippy::print_stdout, reason = "an example")]
use std::time::Duration;

use actix::prelude::*;
use ms_framework::prelude::{
    ChildSpec, ControlEndpoint, DynamicChild, Outcome, Restart, RunConfig, RunError,
    SupervisorSpec, run_with,
};
use ms_framework::supervisor::Verb;

#[derive(Default)]
struct Session(u32);

impl Actor for Session {
    type Context = ms_framework::prelude::Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Page;

impl Handler<Page> for Session {
    type Result = u32;
    fn handle(&mut self, _: Page, _: &mut Self::Context) -> u32 {
        self.0 += 1;
        self.0
    }
}

fn main() -> Result<Outcome, RunError> {
    let template = ChildSpec::actor("session", Session::default).restart(Restart::Transient);
    let sessions = SupervisorSpec::dynamic("sessions", template)
        .intensity(10, Duration::from_secs(60))
        .max_children(2);
    let tree = SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(sessions));
    let config = RunConfig::new("sessions").control(ControlEndpoint::Off);
    run_with(
        config,
        |_| tree,
        async |runtime| {
            let sessions = runtime.root().supervisor("sessions").await?;
            let mut started = Vec::new();
            for name in ["ada", "grace", "edsger"] {
                match sessions.start_dynamic(DynamicChild::actor(Session::default).name(name)).await
                {
                    Ok(child) => {
                        let session = child.typed::<Session>().ok_or("not a session")?;
                        println!("started {}", session.path());
                        started.push(session);
                    }
                    Err(error) => println!("refused: {error}"),
                }
            }
            let [ada, grace] = started.as_slice() else { return Err("two were to start".into()) };
            ada.ask(Page).await?;
            ada.ask(Page).await?;
            println!("ada has seen {} pages", ada.ask(Page).await?);
            let end = ada.any().monitor();
            runtime.root().steer(ada.path(), Verb::Kill).await?;
            end.await;
            let seen = ada.ask(Page).await?;
            println!(
                "killed ada: she is {} now, and has seen {seen} page",
                ada.any().incarnation()
            );
            sessions.terminate_dynamic(grace.path()).await?;
            println!("grace left: {} session", sessions.count_children().await?.active);
            Ok(())
        },
    )
}
