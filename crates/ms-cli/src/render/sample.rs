//! The node that the tests render: one actor in each state that matters.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "samples for tests, each of which uses a part"
)]

use std::sync::Arc;
use std::time::Duration;

use ms_control::proto::Found;
use ms_core::budget::{BudgetStop, OverBudget, Usage, WALL_US};
use ms_core::stream::{StreamEvent, StreamKind};
use ms_core::task::{
    AgentKind, FailureKind, IdempotencyKey, Priority, QueueName, TaskChange, TaskFailure,
    TaskState, TaskSteering, TaskTime, TaskTransition, TaskView, Timings,
};
use ms_core::view::{
    ActorStatus, BlastRadius, Decision, EventKind, HandlingView, Lifecycle, MailboxView, Mark,
    SupervisorView, Tier, TraceLine, TreeNode, TypeCount, WhyRecord,
};
use ms_core::{
    ActorPath, ChildId, ChildType, ErrorChain, ExitReason, Incarnation, Intensity, Location,
    PanicRecord, Restart, Strategy,
};

pub const NOON: u64 = 1_795_435_200_000;

pub fn path(text: &str) -> ActorPath {
    ActorPath::new(text).expect("valid")
}

pub fn id(text: &str) -> ChildId {
    ChildId::new(text).expect("valid")
}

fn budget() -> Intensity {
    Intensity { max_restarts: 5, period: Duration::from_secs(30) }
}

pub fn panic() -> ExitReason {
    ExitReason::Panicked(Arc::new(PanicRecord {
        message: "bad byte 0xff".into(),
        location: Some(Location { file: "src/auditor.rs".into(), line: 88, column: 9 }),
        handling: Some("demo::audit::AuditFile".into()),
        during: "handle".into(),
        backtrace: None,
    }))
}

pub fn status(at: &str) -> ActorStatus {
    ActorStatus {
        path: path(at),
        incarnation: Incarnation(1),
        kind: ChildType::Worker,
        tier: Tier::Kernel,
        actor_type: "demo::audit::Auditor".into(),
        lifecycle: Lifecycle::Running,
        restart: Some(Restart::Permanent),
        restarts: 0,
        mailbox: MailboxView {
            depth: Some(0),
            capacity: Some(256),
            overflow: "block".into(),
            wait_p50_us: Some(12),
            wait_p99_us: Some(3_400),
            wait_max_us: Some(80_000),
            ..MailboxView::default()
        },
        handling: None,
        handled: 1_200,
        busy_us: 950_000,
        arbiter: Some(1),
        uptime_ms: Some(64_000),
        last_exit: None,
        types: Vec::new(),
        marks: Vec::new(),
    }
}

fn leaf(status: ActorStatus) -> TreeNode {
    let id = id(status.path.name());
    TreeNode { id, status, supervisor: None, children: Vec::new(), omitted: 0 }
}

fn supervisor(at: &str, strategy: Strategy, used: u32, children: Vec<TreeNode>) -> TreeNode {
    let view = SupervisorView { strategy, intensity: budget(), restarts_in_window: used };
    let (kind, tier) = (ChildType::Supervisor, Tier::Supervisor);
    let status = ActorStatus { kind, tier, actor_type: "Supervisor".into(), ..status(at) };
    TreeNode { supervisor: Some(view), children, ..leaf(status) }
}

pub fn auditor(n: u32) -> TreeNode {
    let mut status = status(&format!("/root/auditors/auditor-{n}"));
    match n {
        1 => {
            status.lifecycle = Lifecycle::Suspended;
            status.marks = vec![Mark::Suspended];
            status.mailbox.depth = Some(7);
        }
        2 => {
            status.marks = vec![Mark::Unresponsive];
            status.handling =
                Some(HandlingView { message: "demo::audit::AuditFile".into(), for_us: 41_000_000 });
        }
        3 => {
            status.incarnation = Incarnation(4);
            status.restarts = 3;
            status.mailbox.depth = Some(200);
            status.marks = vec![Mark::Backlogged, Mark::Flapping];
            status.last_exit = Some(panic());
            let of = |message: &str, count| TypeCount { message: message.into(), count };
            status.types = vec![of("demo::audit::AuditFile", 1_199), of("demo::audit::Flush", 1)];
        }
        _ => {
            status.lifecycle = Lifecycle::Restarting;
            (status.uptime_ms, status.arbiter) = (None, None);
            status.marks = vec![Mark::Restarting];
        }
    }
    leaf(status)
}

pub fn tree() -> TreeNode {
    let auditors =
        supervisor("/root/auditors", Strategy::OneForAll, 3, (1..=4).map(auditor).collect());
    let legacy = ActorStatus {
        tier: Tier::Actix,
        mailbox: MailboxView { overflow: "?".into(), ..MailboxView::default() },
        ..status("/root/legacy")
    };
    let done = ActorStatus {
        lifecycle: Lifecycle::Stopped,
        uptime_ms: None,
        last_exit: Some(ExitReason::Normal),
        ..status("/root/walker")
    };
    let many = TreeNode {
        omitted: 12,
        ..supervisor(
            "/root/sessions",
            Strategy::SimpleOneForOne,
            0,
            vec![leaf(status("/root/sessions/a"))],
        )
    };
    let children = vec![leaf(done), auditors, leaf(legacy), many];
    supervisor("/root", Strategy::OneForOne, 0, children)
}

pub fn why() -> WhyRecord {
    WhyRecord {
        path: path("/root/auditors/auditor-3"),
        incarnation: Incarnation(3),
        at_ms: 61_000,
        unix_ms: NOON,
        reason: panic(),
        uptime_ms: 3_200,
        mailbox_depth: Some(41),
        dropped: 0,
        ask_chain: vec![path("/root/walker"), path("/root/auditors/auditor-3")],
        supervisor: Some(path("/root/auditors")),
        strategy: Some(Strategy::OneForAll),
        decision: Decision::Delayed,
        siblings: vec![id("auditor-1"), id("auditor-2"), id("auditor-4")],
        budget_used: 3,
        budget: Some(budget()),
        next_delay_ms: Some(400),
        injected: true,
    }
}

pub fn gave_up() -> WhyRecord {
    let chain = ErrorChain::from_error(&std::io::Error::other("disk is full"));
    WhyRecord {
        reason: ExitReason::Failed(Arc::new(chain)),
        mailbox_depth: None,
        dropped: 2,
        ask_chain: Vec::new(),
        strategy: Some(Strategy::OneForOne),
        decision: Decision::GaveUp,
        siblings: Vec::new(),
        budget_used: 6,
        next_delay_ms: None,
        injected: false,
        ..why()
    }
}

pub fn blast(target: &ActorPath) -> BlastRadius {
    let auditors: Vec<_> = (1..=4).map(|n| path(&format!("/root/auditors/auditor-{n}"))).collect();
    match target.as_str() {
        "/root" => BlastRadius {
            stopped: vec![path("/root")],
            escalates: vec![path("/root")],
            ends_node: true,
            ..BlastRadius::default()
        },
        _ => {
            BlastRadius { stopped: auditors.clone(), restarted: auditors, ..BlastRadius::default() }
        }
    }
}

pub fn events() -> Vec<StreamEvent> {
    let auditor = || path("/root/auditors/auditor-3");
    let of_node = [
        EventKind::Started { path: auditor(), incarnation: Incarnation(3) },
        EventKind::Exited { path: auditor(), incarnation: Incarnation(3), reason: panic() },
        EventKind::Decided { why: why().into() },
        EventKind::Escalated { path: path("/root/auditors"), reason: ExitReason::Shutdown },
        EventKind::Steered {
            path: auditor(),
            verb: "kill".into(),
            by: "uid 1000, pid 4711".into(),
            reason: Some("stuck\nsince noon".into()),
            outcome: "ok".into(),
        },
        EventKind::ArbiterWedged { arbiter: 2, evacuated: 17 },
    ];
    let others = [
        StreamKind::gap(1),
        StreamKind::Task(transition(TaskChange::Submitted, 0, None)),
        StreamKind::Task(TaskTransition {
            agent: Some(auditor()),
            failure: Some(FailureKind::LeaseExpired),
            ..transition(TaskChange::LeaseLost, 1, Some(1_200))
        }),
        StreamKind::Task(TaskTransition {
            failure: Some(FailureKind::Error),
            ..transition(TaskChange::Dead, 3, None)
        }),
        StreamKind::task_gap(2),
        StreamKind::TaskSteered(TaskSteering {
            path: path("/root/tasks/dispatcher"),
            task: Some(task().id),
            verb: format!("task cancel {}", task().id),
            by: "http 127.0.0.1".into(),
            reason: Some("twice".into()),
            outcome: "ok".into(),
        }),
    ];
    let event = |(kind, seq)| StreamEvent { seq, at_ms: 60_000 + seq, kind };
    of_node.map(StreamKind::Node).into_iter().chain(others).zip(1..).map(event).collect()
}

fn transition(change: TaskChange, attempt: u32, retry_in_ms: Option<u64>) -> TaskTransition {
    let TaskView { id, queue, kind, state, max_attempts, .. } = task();
    let agent = None;
    TaskTransition {
        change,
        id,
        queue,
        kind,
        state,
        attempt,
        max_attempts,
        agent,
        failure: None,
        retry_in_ms,
    }
}

pub const TASK: &str = "01a20de1-fe43-7694-b430-621455741178";

/// A dead letter.
pub fn task() -> TaskView {
    let at = |ms: u64| TaskTime::from_millis(NOON + ms);
    let failure =
        TaskFailure { causes: vec!["disk\nis full".into()], ..TaskFailure::retry("it said\nno") };
    TaskView {
        id: TASK.parse().expect("a UUID"),
        queue: QueueName::default(),
        kind: AgentKind::new("auditor").expect("valid"),
        state: TaskState::Dead,
        priority: Priority::default(),
        assigned_agent: Some(path("/root/auditors/auditor-3")),
        attempts: 3,
        max_attempts: 3,
        interruptions: 1,
        replays: 0,
        timings: Timings {
            submitted: at(0),
            not_before: at(3_000),
            deadline: Some(at(60_000)),
            assigned: Some(at(3_000)),
            started: Some(at(3_001)),
            ended: Some(at(4_500)),
        },
        lease: None,
        failure: Some(failure),
        idempotency_key: Some(IdempotencyKey::new("order-4711").expect("valid")),
        traceparent: None,
    }
}

pub fn over_budget() -> BudgetStop {
    let usage = |used, limit| Usage { used, limit };
    let units =
        [("messages", usage(3, 3)), ("tokens", usage(30, 100)), (WALL_US, usage(1_500, 9_000_000))];
    BudgetStop {
        over: OverBudget {
            account: path("/root/auditors"),
            unit: "messages".into(),
            used: 3,
            limit: 3,
        },
        unix_ms: NOON,
        units: units.map(|(unit, usage)| (unit.to_owned(), usage)).into(),
    }
}

pub fn found(name: &str) -> Found {
    Found {
        name: name.to_owned(),
        provides: Some("ms_actor::refs::handle::Ref<ms_store::actor::StoreActor>".into()),
        path: path("/root/auditors"),
        incarnation: Some(Incarnation(2)),
        lifecycle: Lifecycle::Running,
        groups: vec!["stores".into()],
    }
}

pub fn traces() -> Vec<TraceLine> {
    let line = |at_us, waited_us, took_us| TraceLine {
        at_us,
        path: path("/root/auditors/auditor-3"),
        message: "demo::audit::AuditFile".into(),
        waited_us,
        took_us,
    };
    vec![line(61_000_000, Some(12), Some(3_100)), line(61_000_250, None, None)]
}
