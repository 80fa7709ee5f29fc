//! Groups, as OTP's `pg`.

use crate::common;

use common::{Echo, Listener, echo, heard, port, settle, virtually};
use ms_actor::spawn;
use ms_registry::{Change, GroupError, Name, Registry, RegistryConfig};
use proptest::prelude::*;

/// OTP: pg_SUITE:pg, pg_SUITE:single
#[test]
fn a_member_leaves_as_often_as_it_joined() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let (a, b) = (echo(&node, "/root/a"), echo(&node, "/root/b"));
        for member in [&a, &b, &a] {
            registry.join("crawlers", &member.reference).await.unwrap();
        }
        let [ra, rb] = [&a, &b].map(|child| child.reference.clone());
        assert_eq!(
            registry.members::<Echo>("crawlers"),
            [ra.clone(), rb.clone(), ra.clone()],
            "in order"
        );
        registry.leave("crawlers", &ra).await.unwrap();
        assert_eq!(registry.members::<Echo>("crawlers"), [ra.clone(), rb.clone()]);
        registry.leave("crawlers", &ra).await.unwrap();
        let error = registry.leave("crawlers", &ra).await.expect_err("left as often");
        assert!(matches!(error, GroupError::NotJoined { .. }));
        assert_eq!(registry.which_groups(), [Name::new("crawlers").unwrap()]);
        registry.leave("crawlers", &rb).await.unwrap();
        assert_eq!(registry.which_groups(), [], "an empty group is none");
    });
}

#[test]
fn membership_survives_a_restart_and_ends_with_the_member() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let child = echo(&node, "/root/a");
        registry.join("g", &child.reference).await.unwrap();
        registry.join("g", &child.reference).await.unwrap();
        child.crash().await;
        child.restart();
        settle().await;
        assert_eq!(registry.members::<Echo>("g").len(), 2);
        child.give_up();
        assert_eq!(registry.members::<Echo>("g").len(), 0, "at once");
        settle().await;
        assert_eq!(registry.which_groups(), []);
        assert!(matches!(
            registry.join("g", &child.reference).await,
            Err(GroupError::MemberGone { .. })
        ));
    });
}

/// OTP: pg_SUITE:monitor
#[test]
fn a_group_watcher_gets_the_members_and_then_each_join_and_leave_once() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let (a, b) = (echo(&node, "/root/a"), echo(&node, "/root/b"));
        let group = Name::new("g").unwrap();
        registry.join("g", &a.reference).await.unwrap();
        let listener = spawn(&node, "listener", Listener::default()).unwrap();
        let (subscription, members) =
            registry.watch_group(group.clone(), port(&listener)).await.unwrap();
        assert_eq!(members, std::slice::from_ref(&a.any));
        registry.join("g", &b.reference).await.unwrap();
        registry.join("other", &b.reference).await.unwrap();
        registry.leave("g", &b.reference).await.unwrap();
        a.give_up();
        let joined = |child: &common::Child<Echo>| Change::Joined {
            group: group.clone(),
            member: child.any.clone(),
        };
        let left = |child: &common::Child<Echo>| Change::Left {
            group: group.clone(),
            member: child.any.clone(),
        };
        assert_eq!(heard(&listener).await, [joined(&b), left(&b), left(&a)]);
        registry.unwatch(subscription).await.unwrap();
        registry.join("g", &b.reference).await.unwrap();
        assert_eq!(heard(&listener).await, []);
        assert!(registry.unwatch(subscription).await.is_err());
    });
}

#[derive(Debug, Clone)]
enum Step {
    Join(usize, usize),
    Leave(usize, usize),
    Crash(usize),
    GiveUp(usize),
    CrashRegistry,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4usize, 0..3usize).prop_map(|(m, g)| Step::Join(m, g)),
        4 => (0..4usize, 0..3usize).prop_map(|(m, g)| Step::Leave(m, g)),
        1 => (0..4usize).prop_map(Step::Crash),
        1 => (0..4usize).prop_map(Step::GiveUp),
        1 => Just(Step::CrashRegistry),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn counts_are_those_of_a_list(steps in prop::collection::vec(step(), 0..60)) {
        virtually(|node| async move {
            let registry = Registry::new(RegistryConfig::default());
            let actor: common::Child<ms_registry::RegistryActor> =
                common::Child::start(&node, "/root/registry", &registry.blueprint());
            let children: Vec<_> = (0..4).map(|n| echo(&node, &format!("/root/c{n}"))).collect();
            let mut model = vec![Vec::<usize>::new(); 3];
            for step in steps {
                match step {
                    Step::Join(m, g) => {
                        let joined = registry.join(format!("g{g}"), &children[m].reference).await;
                        assert_eq!(joined.is_ok(), !children[m].any.is_closed());
                        if joined.is_ok() {
                            model[g].push(m);
                        }
                    }
                    Step::Leave(m, g) => {
                        let left = registry.leave(format!("g{g}"), &children[m].reference).await;
                        let latest = model[g].iter().rposition(|known| *known == m);
                        assert_eq!(left.is_ok(), latest.is_some());
                        latest.map(|at| model[g].remove(at));
                    }
                    Step::Crash(m) => {
                        if !children[m].any.is_closed() {
                            children[m].crash().await;
                            children[m].restart();
                        }
                    }
                    Step::GiveUp(m) => {
                        children[m].give_up();
                        model.iter_mut().for_each(|group| group.retain(|known| *known != m));
                        settle().await;
                    }
                    Step::CrashRegistry => {
                        actor.crash().await;
                        actor.restart();
                        settle().await;
                    }
                }
                for (g, expected) in model.iter().enumerate() {
                    let expected: Vec<_> = expected.iter().map(|&m| children[m].any.clone()).collect();
                    assert_eq!(registry.members_any(format!("g{g}")), expected);
                }
            }
        });
    }
}
