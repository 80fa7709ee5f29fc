//! Cases of OTP's pg and of registered names that no other test covers.

#![allow(clippy::unwrap_used, reason = "tests")]

use crate::common;

use common::{Echo, echo, settle, virtually};
use ms_core::ExitReason;
use ms_registry::{Registry, RegistryConfig};

/// OTP: pg_SUITE:leave_exit_race
#[test]
fn a_member_that_leaves_and_ends_at_once_is_gone_once() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        for n in 0..100 {
            let member = echo(&node, &format!("/root/m{n}"));
            registry.join("test", &member.reference).await.unwrap();
            let (left, ()) = tokio::join!(registry.leave("test", &member.reference), async {
                member.any.kill();
                member.give_up();
            });
            // Whichever of the two came first.
            drop(left);
        }
        settle().await;
        assert!(registry.members_any("test").is_empty() && registry.which_groups().is_empty());
    });
}

/// OTP: pg_SUITE:thundering_herd
#[test]
fn ten_thousand_groups_do_not_hold_up_one_join() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let member = echo(&node, "/root/a");
        for n in 0..10_000 {
            registry.join(format!("g{n}").as_str(), &member.reference).await.unwrap();
        }
        registry.join("one-more", &member.reference).await.unwrap();
        assert_eq!(registry.which_groups().len(), 10_001);
        member.give_up();
        settle().await;
        assert!(registry.which_groups().is_empty());
    });
}

/// OTP: registered_names:whereis, registered_names:unregister, registered_names:otp_8099
#[test]
fn a_name_is_nobodys_before_and_after_and_free_again_when_its_owner_was_killed() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        assert!(registry.whereis("name").is_none());
        for n in 0..100 {
            let owner = echo(&node, &format!("/root/o{n}"));
            registry.register("name", &owner.reference).await.unwrap();
            assert_eq!(registry.whereis("name"), Some(owner.any.clone()));
            if n % 2 == 0 {
                registry.unregister("name", &owner.reference).await.unwrap();
            } else {
                owner.kill().await;
                owner.give_up();
            }
            assert!(registry.whereis("name").is_none());
        }
    });
}

/// OTP: gen_server_SUITE:stop4
#[test]
fn an_actor_is_stopped_by_its_name() {
    virtually(|node| async move {
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let child = echo(&node, "/root/a");
        registry.register("to_stop", &child.reference).await.unwrap();
        let end = child.any.monitor();
        registry.lookup::<Echo>("to_stop").unwrap().any().stop(ExitReason::Normal);
        assert_eq!(end.await.reason, ExitReason::Normal);
        child.give_up();
        assert!(registry.lookup::<Echo>("to_stop").is_err());
    });
}
