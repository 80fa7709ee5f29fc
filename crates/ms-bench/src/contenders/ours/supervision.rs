//! Children that crash.

use std::time::Duration;

use actix::{Actor, Handler, Message};
use ms_actor::{Context, Ref};
use ms_supervisor::{ChildSpec, SupervisorSpec};

use super::Ours;
use crate::peer::Supervises;

#[derive(Default)]
pub(crate) struct Fragile {
    answered: u64,
}

impl Actor for Fragile {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Answer;

#[derive(Message)]
#[rtype(result = "()")]
struct Crash;

impl Handler<Answer> for Fragile {
    type Result = u64;
    fn handle(&mut self, _: Answer, _: &mut Self::Context) -> u64 {
        self.answered += 1;
        self.answered - 1
    }
}

impl Handler<Crash> for Fragile {
    type Result = ();
    fn handle(&mut self, _: Crash, _: &mut Self::Context) {
        panic!("as it is told");
    }
}

impl Supervises for Ours {
    type Child = Ref<Fragile>;

    async fn family(&self, children: u64, one_for_all: bool) -> Vec<Ref<Fragile>> {
        let supervisor = if one_for_all {
            SupervisorSpec::one_for_all("family")
        } else {
            SupervisorSpec::one_for_one("family")
        };
        let children = (0..children).map(|n| format!("child-{n}")).collect::<Vec<_>>();
        let family = children.iter().fold(
            // Far more than a real supervisor should grant: this workload only crashes children.
            supervisor.intensity(1_000_000, Duration::from_secs(1)),
            |family, id| {
                let child = ChildSpec::actor(id, Fragile::default).placement(self.placement);
                family.child(child)
            },
        );
        self.root.start_child(ChildSpec::supervisor(family)).await.expect("starts");
        let family = self.root.supervisor("family").await.expect("there");
        let mut references = Vec::new();
        for id in &children {
            references.push(family.get(id).await.expect("there"));
        }
        references
    }

    async fn crash(&self, child: &Ref<Fragile>) {
        child.tell(Crash).await.expect("sent");
    }

    async fn try_ask(&self, child: &Ref<Fragile>) -> Option<u64> {
        child.ask(Answer).await.ok()
    }
}
