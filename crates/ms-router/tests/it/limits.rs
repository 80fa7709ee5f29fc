//! `Duration::MAX` is "no limit" wherever the router takes a time.

#![allow(clippy::unwrap_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::{Keyed, pool, settle, virtually};
use ms_router::All;

#[test]
fn x33_no_limit_is_no_fault_for_the_router() {
    virtually(|node| async move {
        let (router, _workers) = pool(&node, &[0, 0]).await;
        settle().await;
        let router = router.within(Duration::MAX);
        assert!(router.ask_one(Keyed(1)).await.is_ok());
        assert_eq!(router.publish_waiting(Keyed(2)).await.unwrap().len(), 2);
        let asked = router.route(Keyed(3)).aggregate(All::new()).within(Duration::MAX);
        assert_eq!(asked.await.unwrap().len(), 2);
    });
}
