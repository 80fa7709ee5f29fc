//! OTP's supervisor_SUITE: starting, and what is refused before.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use common::*;
use ms_actor::MailboxSpec;
use ms_actor::host::Blueprint;
use ms_core::{AutoShutdown, Backoff, ExitReason, IdError, Restart};
use ms_policy::{ChildSpecError, CommandError, FlagError, SpecError};
use ms_supervisor::{
    ChildSpec, DynamicChild, Heartbeat, StartRootError, SupervisorError, SupervisorRef,
    SupervisorSpec, start_root,
};

use crate::common;

/// OTP: supervisor_SUITE:sup_start_normal
#[test]
fn a1_a_started_supervisor_can_be_stopped_by_its_parent() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root").child(probe(&log, "a"))).await;
        assert_eq!(rows(&root).await, "a:up");
        assert_eq!(root.stop(Duration::from_secs(5)).await, ExitReason::Shutdown);
        assert_eq!(log.take(), ["+a", "-a"]);
    });
}

/// OTP: supervisor_SUITE:sup_start_fail
#[test]
fn a7_an_init_that_panics_fails_the_start_with_the_panic() {
    paused(|node| async move {
        let tree = SupervisorSpec::one_for_one("root").init(|_| panic!("no config"));
        let error = not_started(&node, tree).await;
        assert!(
            matches!(&error, StartRootError::Failed(reason) if reason.to_string().contains("no config")),
            "{error}"
        );
    });
}

/// OTP: supervisor_SUITE:sup_start_ignore_child
#[test]
fn a4_a_child_that_ignores_keeps_its_spec_and_can_be_started_later() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(
            &node,
            SupervisorSpec::one_for_one("root").child(scripted(&log, "boot", &["ignore", "ok"])),
        )
        .await;
        let added = root.start_child(scripted(&log, "added", &["ignore", "ok"])).await.expect("ok");
        assert!(added.actor.is_none());
        assert_eq!(rows(&root).await, "boot:down added:down");
        for name in ["boot", "added"] {
            assert!(root.restart_child(&id(name)).await.expect("starts").actor.is_some());
        }
        assert_eq!(rows(&root).await, "boot:up added:up");
    });
}

/// OTP: supervisor_SUITE:sup_start_ignore_temporary_child, supervisor_SUITE:sup_start_ignore_temporary_child_start_child
#[test]
fn a4_a_temporary_child_that_ignores_leaves_nothing_behind() {
    paused(|node| async move {
        let log = Log::default();
        let ignoring = |name: &str| scripted(&log, name, &["ignore"]).restart(Restart::Temporary);
        let tree = SupervisorSpec::one_for_one("root").child(ignoring("t")).child(probe(&log, "a"));
        let root = start(&node, tree).await;
        assert_eq!(rows(&root).await, "a:up");
        assert!(root.start_child(ignoring("u")).await.expect("ok").actor.is_none());
        assert_eq!(rows(&root).await, "a:up");
    });
}

/// OTP: supervisor_SUITE:sup_start_ignore_temporary_child_start_child_simple, supervisor_SUITE:sup_start_ignore_permanent_child_start_child_simple
#[test]
fn g5_a_dynamic_child_that_ignores_leaves_nothing_behind() {
    paused(|node| async move {
        for restart in [Restart::Temporary, Restart::Permanent] {
            let log = Log::default();
            let template = scripted(&log, "w", &["ignore", "ok"]).restart(restart);
            let root = start(&node, SupervisorSpec::dynamic("root", template)).await;
            assert!(root.start_another().await.expect("ok").actor.is_none());
            assert_eq!(root.count_children().await.expect("answers").workers, 0);
            assert!(root.start_another().await.expect("ok").actor.is_some());
            root.stop(Duration::from_secs(5)).await;
        }
    });
}

/// OTP: supervisor_SUITE:sup_start_child_returns_error
#[test]
fn g1_a_child_that_does_not_start_leaves_no_spec() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root")).await;
        for outcomes in [&["error"], &["panic"]] {
            let error = refused(root.start_child(scripted(&log, "a", outcomes)).await);
            assert!(matches!(error, CommandError::StartFailed { .. }), "{error}");
            assert_eq!(rows(&root).await, "");
        }
    });
}

/// OTP: supervisor_SUITE:sup_start_child_returns_error_simple
#[test]
fn g5_a_dynamic_child_that_does_not_start_is_an_error_of_the_caller() {
    paused(|node| async move {
        let log = Log::default();
        let template = scripted(&log, "w", &["error", "ok"]);
        let root = start(&node, SupervisorSpec::dynamic("root", template)).await;
        let error = refused(root.start_another().await);
        assert_eq!(error, CommandError::StartFailed { reason: ExitReason::failed("boom") });
        root.start_another().await.expect("the next one starts");
        assert_eq!(root.count_children().await.expect("answers").active, 1);
    });
}

/// OTP: supervisor_SUITE:sup_start_map_simple
#[test]
fn g5_the_template_is_read_by_its_id() {
    paused(|node| async move {
        let log = Log::default();
        let template = probe(&log, "w").restart(Restart::Transient);
        let root = start(&node, SupervisorSpec::dynamic("root", template)).await;
        root.start_another().await.expect("starts");
        let spec = root.get_childspec(&id("w")).await.expect("there");
        assert_eq!((spec.id, spec.policy.restart), (id("w"), Restart::Transient));
        assert_eq!(refused(root.get_childspec(&id("1")).await), CommandError::NotFound);
    });
}

/// OTP: supervisor_SUITE:sup_start_map_faulty_specs, supervisor_SUITE:sup_flags
#[test]
fn a2_bad_flags_and_bad_specs_are_refused_before_anything_starts() {
    paused(|node| async move {
        let log = Log::default();
        let tree = || SupervisorSpec::one_for_one("root").child(probe(&log, "first"));
        let cases = [
            tree().intensity(1, Duration::ZERO),
            tree().intensity(1, Duration::from_millis(1500)),
            tree().max_children(3),
            tree().child(probe(&log, "first")),
            tree().child(probe(&log, "Bad Id")),
            SupervisorSpec::dynamic("root", probe(&log, "w")).child(probe(&log, "x")),
        ];
        for tree in cases {
            let error = not_started(&node, tree.clone()).await;
            assert!(matches!(error, StartRootError::Spec(_) | StartRootError::Id(_)), "{error}");
            assert!(tree.check().is_err(), "said beforehand, too");
        }
        assert!(log.take().is_empty());
    });
}

fn nothing() -> MailboxSpec {
    MailboxSpec::default()
}

/// An actor whose blueprint gives it a mailbox that holds nothing.
fn unreachable_actor() -> Blueprint {
    let blueprint = Blueprint::actor(|| Idle);
    blueprint.mailbox(MailboxSpec { capacity: Some(0), ..nothing() })
}

struct Idle;

impl actix::Actor for Idle {
    type Context = ms_actor::Context<Self>;
}

fn nested(levels: usize) -> SupervisorSpec {
    let leaf = SupervisorSpec::one_for_one("leaf").child(ChildSpec::actor("x", || Idle));
    (3..levels).fold(leaf, |below, n| {
        SupervisorSpec::one_for_one(format!("s{n}")).child(ChildSpec::supervisor(below))
    })
}

/// A path has 64 levels at most: a tree of more is refused as a whole, however deep it is, and
/// one of exactly as many starts.
#[test]
fn x31_a_tree_deeper_than_a_path_may_be_is_refused_where_it_is_made() {
    paused(|node| async move {
        for levels in [65, 66, 70, 3_000] {
            let tree =
                SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(nested(levels)));
            assert!(matches!(tree.check(), Err(StartRootError::Id(IdError::TooDeep(_)))));
            let error = not_started(&node, tree).await;
            let StartRootError::Id(error @ IdError::TooDeep(_)) = error else { panic!("{error}") };
            assert!(error.to_string().contains("leaf/x"), "{error}");
        }
        let tree = SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(nested(64)));
        let root = start(&node, tree).await;
        let mut at = root.as_supervisor().clone();
        for n in (3..64).rev() {
            at = at.supervisor(&format!("s{n}")).await.expect("is there");
        }
        let leaf = at.supervisor("leaf").await.expect("is there");
        assert_eq!(leaf.path().segments().count(), 63);
        let x = leaf.get::<Idle>("x").await.expect("is there");
        assert_eq!(x.path().as_str().parse(), Ok(x.path().clone()), "its path is one");

        // What is added at run time is held to the same.
        leaf.start_child(ChildSpec::actor("y", || Idle)).await.expect("level 64");
        let below = SupervisorSpec::one_for_one("z").child(ChildSpec::actor("deep", || Idle));
        let error = leaf.start_child(ChildSpec::supervisor(below.clone())).await.expect_err("65");
        assert!(matches!(error, SupervisorError::Id(IdError::TooDeep(_))), "{error}");
        let dynamic = SupervisorSpec::dynamic("pool", ChildSpec::actor("x", || Idle));
        let above = leaf.path().parent().expect("not the root");
        let above = SupervisorRef::of(&root.find(&above).await.expect("is there")).expect("one");
        let pool =
            above.start_child(ChildSpec::supervisor(dynamic)).await.expect("64 with its own");
        let pool = SupervisorRef::of(&pool.actor.expect("runs")).expect("a supervisor");
        pool.start_another().await.expect("level 64");
        let error = pool.start_dynamic(DynamicChild::supervisor(below)).await.expect_err("65");
        assert!(matches!(error, SupervisorError::Id(IdError::TooDeep(_))), "{error}");
    });
}

/// OTP: supervisor_SUITE:child_specs, supervisor_SUITE:child_specs_map
#[test]
fn h4_bad_child_specs_are_refused_at_the_start_and_by_start_child() {
    paused(|node| async move {
        let log = Log::default();
        let backoff = Backoff {
            min: Duration::from_secs(2),
            max: Duration::from_secs(1),
            jitter: 0.0,
            reset_after: Duration::from_secs(1),
        };
        let root =
            start(&node, SupervisorSpec::one_for_one("root").intensity(1, Duration::from_secs(1)))
                .await;
        type Case = (ChildSpec, fn(&ChildSpecError) -> bool);
        let every = |every| Heartbeat { every, missed: 3 };
        let bad: [Case; 6] = [
            (probe(&log, "a").heartbeat(every(Duration::MAX)), |error| {
                matches!(error, ChildSpecError::InvalidHeartbeat(_))
            }),
            (probe(&log, "a").heartbeat(every(Duration::ZERO)), |error| {
                matches!(error, ChildSpecError::InvalidHeartbeat(_))
            }),
            (probe(&log, "a").mailbox(MailboxSpec { capacity: Some(0), ..nothing() }), |error| {
                matches!(error, ChildSpecError::InvalidMailbox(_))
            }),
            (ChildSpec::blueprint("a", unreachable_actor()), |error| {
                matches!(error, ChildSpecError::InvalidMailbox(_))
            }),
            (probe(&log, "a").restart(Restart::Transient).significant(true), |error| {
                matches!(error, ChildSpecError::SignificantNeedsAutoShutdown(_))
            }),
            (probe(&log, "a").backoff(backoff), |error| {
                matches!(error, ChildSpecError::InvalidBackoff(_))
            }),
        ];
        for (spec, is) in bad {
            let CommandError::InvalidSpec(error) = refused(root.start_child(spec.clone()).await)
            else {
                panic!("a bad spec");
            };
            assert!(is(&error), "{error}");
            let tree = SupervisorSpec::one_for_one("x").child(spec);
            assert!(tree.check().is_err());
            let started = start_root(&node, tree).await;
            assert!(matches!(started, Err(StartRootError::Spec(_))), "{started:?}");
        }
        let minds = SupervisorSpec::one_for_one("x").auto_shutdown(AutoShutdown::AnySignificant);
        let transient = probe(&log, "a").restart(Restart::Transient).significant(true);
        assert!(minds.clone().child(transient).check().is_ok());
        let permanent = minds.child(probe(&log, "a").significant(true)).check();
        assert!(matches!(
            permanent,
            Err(StartRootError::Spec(SpecError::StartSpec(ChildSpecError::SignificantPermanent(
                _
            ))))
        ));
        let period = SupervisorSpec::one_for_one("x").intensity(1, Duration::ZERO).check();
        assert!(matches!(
            period,
            Err(StartRootError::Spec(SpecError::SupervisorData(FlagError::InvalidPeriod(_))))
        ));
        assert!(log.take().is_empty());
    });
}

/// OTP: supervisor_SUITE:faulty_application_shutdown
#[test]
fn a3_a_failed_boot_far_below_carries_its_reason_up() {
    paused(|node| async move {
        let log = Log::default();
        let inner = SupervisorSpec::one_for_one("inner").child(probe(&log, "x")).child(scripted(
            &log,
            "y",
            &["error"],
        ));
        let tree = SupervisorSpec::one_for_one("root")
            .child(probe(&log, "a"))
            .child(ChildSpec::supervisor(inner));
        let StartRootError::Failed(reason) = not_started(&node, tree).await else {
            panic!("a start error");
        };
        let ExitReason::ChildStartFailed { child, reason } = reason else { panic!("{reason}") };
        assert_eq!(child, id("inner"));
        let ExitReason::ChildStartFailed { child, reason } = &*reason else { panic!("{reason}") };
        assert_eq!((child, &**reason), (&id("y"), &ExitReason::failed("boom")));
        assert_eq!(log.take(), ["+a", "+x", "!y", "-x", "-a"]);
    });
}
