//! `Duration::MAX` is "no limit" wherever a service takes a time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::parts;

use std::time::Duration;

use ms_runtime::ShutdownReason;
use parts::{Parts, builder, paused, virtual_settings};

#[test]
fn x33_no_limit_is_no_fault_for_a_service() {
    paused(async {
        let parts = Parts::default();
        let patient =
            |name| parts.part(name).start_within(Duration::MAX).stop_within(Duration::MAX);
        let mut settings = virtual_settings();
        settings.shutdown.grace = Duration::MAX;
        settings.shutdown.deadline = Duration::MAX;
        settings.shutdown.stop_within = Duration::MAX;
        settings.shutdown.cleanup_within = Duration::MAX;
        settings.shutdown.forced_within = Duration::MAX;
        settings.emergency.limit = Duration::MAX;
        settings.check().expect("a deadline of for ever fits into a grace of for ever");
        let all = [patient("store"), patient("api").needs(["store"])];
        let service = builder(settings, all).start().await.expect("boots");
        assert_eq!(parts.log.of("start"), ["store", "api"]);
        let end = service.shut_down(ShutdownReason::Requested("over".to_owned())).await;
        assert_eq!(parts.log.of("stop"), ["api", "store"]);
        assert_eq!(end.code(), 0);
    });
}
