//! The dependencies of the components of `ms-server`. They are repeated here so that `msctl config
//! validate` can check a configured order without a server.

use ms_core::lifecycle::{ComponentId, DependencyGraph, OrderHint};

/// The components of `ms-server`, each with the components it needs. A test of the server compares
/// this list with the real components.
pub const COMPONENTS: [(&str, &[&str]); 13] = [
    ("configuration", &[]),
    ("observability", &["configuration"]),
    ("database", &[]),
    ("storage", &["database"]),
    ("credentials", &[]),
    ("keyring", &[]),
    ("ledger", &["keyring"]),
    ("event-bus", &[]),
    ("router", &[]),
    ("outside", &[]),
    ("budgets", &[]),
    ("transport", &["database", "credentials"]),
    ("application", &["database", "budgets"]),
];

/// Checks a configured order against the dependencies of the server's own components and of
/// `more`, which a program adds. A dependency on a component that is not among them is ignored.
///
/// # Errors
/// The problem as a clause, such as "has an entry that is not an id".
pub fn order(wish: &[String], more: &[(String, Vec<String>)]) -> Result<(), String> {
    let mut ids = Vec::with_capacity(wish.len());
    for name in wish {
        let id = ComponentId::new(name);
        let id = id.map_err(|error| format!("has an entry that is not an id: {error}"))?;
        if ids.contains(&id) {
            return Err(format!("has {name:?} twice; keep one"));
        }
        ids.push(id);
    }
    let graph = graph(more).map_err(|error| format!("cannot be checked: {error}"))?;
    graph.check_hint(&OrderHint::new(ids)).map_err(|error| format!("cannot be kept: {error}"))
}

fn graph(
    more: &[(String, Vec<String>)],
) -> Result<DependencyGraph, ms_core::lifecycle::GraphError> {
    let own = COMPONENTS.iter().map(|(id, needs)| (*id, needs.to_vec()));
    let more = more.iter().map(|(id, needs)| (&**id, needs.iter().map(String::as_str).collect()));
    // A program may replace a component of the server by its own, whose needs count then.
    let own = own.filter(|(id, _)| !more.clone().any(|(other, _): (&str, Vec<&str>)| other == *id));
    let all: Vec<(&str, Vec<&str>)> = own.chain(more.clone()).collect();
    let known = |name: &&str| all.iter().any(|(id, _)| id == name);
    let nodes = all.iter().filter_map(|(id, needs)| {
        let needs = needs.iter().filter(|need| known(need));
        let needs = needs.filter_map(|need| ComponentId::new(need).ok()).collect();
        Some((ComponentId::new(id).ok()?, needs))
    });
    DependencyGraph::new(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(names: &str) -> Vec<String> {
        names.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_order_that_what_components_need_forbids_is_refused() {
        assert_eq!(order(&wish("logging database transport application"), &[]), Ok(()));
        assert!(order(&wish("transport database"), &[]).is_err_and(|why| why.contains("swap")));
        assert!(order(&wish("a a"), &[]).is_err_and(|why| why.contains("twice")));
        assert!(order(&wish("../a"), &[]).is_err_and(|why| why.contains("not an id")));
        let own = [("api".to_owned(), wish("database cache"))];
        assert!(order(&wish("api database"), &own).is_err());
        assert_eq!(order(&wish("database api"), &own), Ok(()));
    }
}
