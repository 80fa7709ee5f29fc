//! Random scenarios of links, monitors, exit signals, groups and names.

use serde_json::{Value, json};

use super::random::Random;

const REASONS: [&str; 7] = ["boom", "boom", "normal", "shutdown", "{shutdown,x}", "kill", "killed"];

/// Returns the scenario of a seed.
#[must_use]
pub(super) fn scenario(seed: u64) -> Value {
    // Inverted, so that the two families do not use the same random numbers for one seed.
    let mut random = Random::new(!seed);
    let ids: Vec<String> = (0..2 + random.below(4)).map(|n| format!("p{n}")).collect();
    let processes: Vec<Value> =
        ids.iter().map(|id| json!({"id": id, "trap": random.percent(40)})).collect();
    let mut unnamed = ids.clone();
    let count = 6 + random.below(14);
    let steps: Vec<Value> = (0..count).map(|_| step(&mut random, &ids, &mut unnamed)).collect();
    json!({"name": format!("live-processes-{seed}"), "processes": processes, "steps": steps})
}

/// Returns a random step. Only a process in `unnamed` is registered, and only once: OTP permits one
/// name a process, we permit several.
fn step(random: &mut Random, ids: &[String], unnamed: &mut Vec<String>) -> Value {
    let of = random.below(ids.len());
    let to = (of + 1 + random.below(ids.len() - 1)) % ids.len();
    let (of, to) = (&ids[of], &ids[to]);
    let group = *random.pick(&["g", "h"]);
    let name = *random.pick(&["n", "m"]);
    let reason = REASONS[random.below(REASONS.len())];
    match random.below(30) {
        0..=4 => json!({"op": "link", "of": of, "to": to}),
        5 => json!({"op": "unlink", "of": of, "to": to}),
        6..=9 => json!({"op": "monitor", "of": of, "to": to}),
        10 | 11 => json!({"op": "demonitor", "of": of, "to": to}),
        12..=14 => json!({"op": "exit", "to": to, "reason": reason}),
        15 | 16 => json!({"op": "die", "of": of, "reason": reason}),
        17..=19 => json!({"op": "join", "of": of, "group": group}),
        20 | 21 => json!({"op": "leave", "of": of, "group": group}),
        22 | 23 => json!({"op": "members", "group": group}),
        24 => json!({"op": "groups"}),
        25 | 26 if !unnamed.is_empty() => {
            let of = unnamed.swap_remove(random.below(unnamed.len()));
            json!({"op": "register", "of": of, "name": name})
        }
        27 => json!({"op": "unregister", "name": name}),
        _ => json!({"op": "whereis", "name": name}),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn scenarios_are_well_formed_and_replay_from_their_seed() {
        for seed in 0..500 {
            let made = super::scenario(seed);
            assert_eq!(made, super::scenario(seed), "seed {seed}");
            crate::processes::check(&made).expect("well-formed");
        }
    }
}
