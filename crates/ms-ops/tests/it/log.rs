//! A desk whose parts all write into one log.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ms_ops::authenticate::{AcceptVerified, Authenticate};
use ms_ops::gate::{Gate, Rate, Shut};
use ms_ops::policy::{Policy, Roles};
use ms_ops::record::{Audit, Outcome, Records, Steering};
use ms_ops::{
    Action, Asked, Credential, Desk, Door, Observe, OpError, Pass, Principal, RequestId, Table,
    Target, operation,
};
use tokio::sync::Notify;

operation! {
    /// Reads.
    Read TasksRead "log.read" 1;
    pub struct Look -> u32 {
        /// What its provider does.
        pub does: Does,
    }
    fn target(&self) -> Target<'_> {
        Target::Node
    }
}

operation! {
    /// Brings something in.
    Write TasksSubmit "log.write" 1;
    pub struct Bring -> u32 {
        /// What its provider does.
        pub does: Does,
    }
    fn target(&self) -> Target<'_> {
        Target::Tasks
    }
}

operation! {
    /// Changes something.
    Steer TasksSteer "log.steer" 1;
    pub struct Change -> u32 {
        /// What its provider does.
        pub does: Does,
        /// The id of the request.
        pub request_id: Option<RequestId>,
    }
    fn target(&self) -> Target<'_> {
        Target::Node
    }
    fn verb(&self) -> String {
        "change".to_owned()
    }
    fn reason(&self) -> Option<&str> {
        Some("for the test")
    }
    fn outcome(answer: &u32) -> Option<String> {
        Some(format!("{answer} changed"))
    }
}

operation! {
    /// Goes on.
    Watch EventsRead "log.watch" 1;
    pub struct Follow -> u32 {
        /// What its provider does.
        pub does: Does,
    }
    fn target(&self) -> Target<'_> {
        Target::Node
    }
}

ms_ops::choice! {
    /// What a provider does.
    pub enum Does {
        /// Answers.
        Well = "well",
        /// Fails.
        Fails = "fails",
        /// Waits until the test lets it go on, and answers.
        Waits = "waits",
        /// Takes no more for now.
        IsBusy = "busy",
        /// Panics.
        Panics = "panics",
    }
}

/// The calls of the parts of a desk, in their order.
#[derive(Clone, Default)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    /// Lets a provider go on that waits.
    pub go: Arc<Notify>,
    pub begun: Arc<Notify>,
    /// The node is draining.
    pub shut: Arc<Mutex<Option<Shut>>>,
}

impl Log {
    pub fn put(&self, line: impl Into<String>) {
        self.lines.lock().unwrap().push(line.into());
    }

    /// Takes the lines out.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }

    /// Waits for a line.
    pub async fn until(&self, line: &str) {
        while !self.lines.lock().unwrap().iter().any(|one| one == line) {
            tokio::task::yield_now().await;
        }
    }

    async fn provider(self, does: Does) -> Result<u32, OpError> {
        self.put("provider");
        let _leaves = Leaves(self.clone());
        match does {
            Does::Well => Ok(7),
            Does::Fails => Err(OpError::refused("not today").why("it is Sunday")),
            Does::Waits => {
                self.begun.notify_one();
                self.go.notified().await;
                self.put("went on");
                Ok(7)
            }
            Does::IsBusy => Err(OpError::new(&ms_ops::codes::STORE_BUSY, "the store is busy")),
            Does::Panics => panic!("a bug in the provider"),
        }
    }

    pub fn desk(&self, audit: Audit) -> Desk {
        let [a, b, c, d] = std::array::from_fn(|_| self.clone());
        Desk::builder(Table::new())
            .gate(self.clone())
            .authenticate(self.clone())
            .rate(self.clone())
            .policy(self.clone())
            .records(self.clone(), audit)
            .observe(Arc::new(self.clone()))
            .provide::<Look, _>(move |_: Asked, op| a.clone().provider(op.does))
            .provide::<Bring, _>(move |_, op| b.clone().provider(op.does))
            .provide::<Change, _>(move |_, op| c.clone().provider(op.does))
            .provide_watch::<Follow, _>(move |_, op, sink| {
                let log = d.clone();
                async move {
                    let item = log.provider(op.does).await?;
                    let _ = sink.send(item).await;
                    Ok(())
                }
            })
            .build()
    }
}

/// Logs the end of a provider's future.
struct Leaves(Log);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.put("provider left");
    }
}

impl Gate for Log {
    fn enter(&self, _: Door, _: Action) -> Result<Option<Pass>, Shut> {
        self.put("gate");
        match *self.shut.lock().unwrap() {
            Some(shut) => Err(shut),
            None => Ok(None),
        }
    }
}

impl Authenticate for Log {
    fn principal(&self, given: Credential, action: Action) -> Result<Principal, OpError> {
        self.put("authenticate");
        AcceptVerified.principal(given, action)
    }
}

impl Rate for Log {
    fn take(&self, _: &Principal, _: Action) -> Result<Pass, OpError> {
        self.put("rate");
        Ok(Box::new(()))
    }
}

impl Policy for Log {
    fn permit(&self, who: &Principal, action: Action, target: &Target<'_>) -> Result<(), OpError> {
        self.put("authorise");
        Roles.permit(who, action, target)
    }
}

impl Records for Log {
    fn intent(&self, steering: &Steering) {
        self.put(format!("intent: {} by {}", steering.verb, steering.by));
    }

    fn outcome(&self, steering: &Steering, outcome: Outcome) {
        let Steering { target, verb, by, reason, .. } = steering;
        let reason = reason.as_deref().unwrap_or_default();
        self.put(format!("record: {verb} of {target} by {by} ({reason}): {}", outcome.text));
    }
}

impl Observe for Log {
    fn ended(&self, _: &'static str, _: Door, _: Duration, ending: ms_ops::Ending) {
        self.put(format!("{ending:?}"));
    }
}
