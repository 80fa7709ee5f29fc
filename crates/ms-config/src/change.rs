//! The difference between the configuration in force and one just read: what can change now, and
//! what needs a restart.

use crate::declare::{Apply, Settings, keys};

/// The result of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<C> {
    /// The configuration to put in force: the present one with the live changes.
    pub config: C,
    /// The keys that change now.
    pub live: Vec<String>,
    /// The keys whose new value needs a restart, and is not applied.
    pub restart: Vec<String>,
}

/// Compares two configurations key by key.
#[must_use]
pub fn change<C: Settings>(in_force: &C, read: &C) -> Change<C> {
    let mut config = in_force.clone();
    let (mut live, mut restart) = (Vec::new(), Vec::new());
    for key in keys::<C>() {
        if in_force.same(read, &key.path) {
            continue;
        }
        match key.apply {
            Apply::Live => {
                config.copy(read, &key.path);
                live.push(key.path);
            }
            // Not copied: half of a change that needs a restart would be in force.
            Apply::Restart => restart.push(key.path),
        }
    }
    Change { config, live, restart }
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "a declared section is `pub`")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings;

    settings! {
        /// A program that can change what it logs while it runs, but not how long it stops.
        pub struct Program rules none {
            /// The filter.
            log_filter: String = "info".to_owned() => live;
            /// The deadline.
            within: Duration = Duration::from_secs(25) => restart;
        } sections {}
    }

    #[test]
    fn what_needs_a_restart_is_named_and_stays_as_it_is() {
        let in_force = Program::default();
        let mut read = in_force.clone();
        read.log_filter = "debug".to_owned();
        read.within = Duration::from_secs(20);
        let change = change(&in_force, &read);
        assert_eq!(
            (&change.live[..], &change.restart[..]),
            (&["log_filter".to_owned()][..], &["within".to_owned()][..],)
        );
        assert_eq!(change.config.log_filter, "debug");
        assert_eq!(change.config.within, in_force.within);
    }
}
