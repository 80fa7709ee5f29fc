//! Ports of loopback that another process may have: fixed ones, and those that were released.

use super::functions::{Function, Source};
use crate::lex::calls;

/// Functions that listen or connect.
const CALLS: &[&str] = &["bind", "connect", "connect_timeout", "listen", "try_get", "try_to"];
const HOSTS: &[&str] = &[
    "127.0.0.1",
    "localhost",
    "[::1]",
    "0.0.0.0",
    "[::]",
    "LOCALHOST",
    "UNSPECIFIED",
    // As in `SocketAddr::from(([127, 0, 0, 1], 80))`.
    "127, 0, 0, 1]",
];
/// Beginnings of settings that give a server its address.
const SETTINGS: &[&str] = &["bind=", "bind = \\\"", "bind = \""];

/// Returns the places of fixed ports: in the arguments of `bind` and the like, and in settings of
/// servers.
pub(super) fn fixed(source: &Source, function: &Function) -> Vec<usize> {
    let start = function.body.start;
    let (code, text) = (&source.code[function.body.clone()], &source.text[function.body.clone()]);
    let called = CALLS.iter().flat_map(|name| calls(code, name)).filter(|(_, given)| {
        let given = &text[given.clone()];
        HOSTS.iter().any(|host| given.match_indices(host).any(|(at, _)| has_port(given, at, host)))
    });
    let called = called.map(|(at, _)| at);
    // Only if a program is started with it. Elsewhere it is a value like others.
    let starts = code.contains(".set(") || code.contains(".arg");
    let settings = SETTINGS.iter().flat_map(|setting| text.match_indices(setting));
    let set = settings.filter(|(at, setting)| {
        let value = &text[at + setting.len()..];
        starts && HOSTS.iter().any(|host| value.starts_with(host) && has_port(value, 0, host))
    });
    called.chain(set.map(|(at, _)| at)).map(|at| start + at).collect()
}

/// Returns the places where a port is asked for and its listener is dropped at once. Another process may
/// then take the port.
pub(super) fn released(source: &Source, function: &Function) -> Vec<usize> {
    let code = &source.code[function.body.clone()];
    let dropped = calls(code, "bind").filter(|(at, given)| {
        let rest = super::flow::statement(code, *at);
        let rest = rest.get(given.end - at..).unwrap_or_default();
        let chain: Vec<&str> = rest.split(['(', ')', '.', '?', '"', ' ', '\n']).collect();
        let kept = |word: &&str| !["", "await", "unwrap", "expect"].contains(word);
        chain.into_iter().find(kept) == Some("local_addr")
    });
    dropped.map(|(at, _)| function.body.start + at).collect()
}

/// Says whether a port other than 0 follows a host: `:80`, `, 80`.
fn has_port(text: &str, at: usize, host: &str) -> bool {
    let rest = text[at + host.len()..].trim_start_matches([':', ',', ' ', ')', ']']);
    let separated = rest.len() < text[at + host.len()..].len();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    separated && digits.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn count(body: &str) -> usize {
        let code = format!("fn a() {{ {body} }}");
        let source = Source::new(Path::new("crates/ms-a/tests/it/x.rs"), code);
        fixed(&source, &source.functions()[0]).len()
    }

    #[test]
    fn a_port_that_was_given_back_is_found() {
        let count = |body: &str| {
            let code = format!("fn a() {{ {body} }}");
            let source = Source::new(Path::new("crates/ms-a/tests/it/x.rs"), code);
            released(&source, &source.functions()[0]).len()
        };
        let dropped = "bind(\"127.0.0.1:0\").expect(\"free\")\n    .local_addr().unwrap()";
        assert_eq!(count(dropped), 1);
        assert_eq!(count("let a = bind(x).await?.local_addr()?;"), 1);
        assert_eq!(count("let l = bind(x).unwrap(); let a = l.local_addr();"), 0);
    }

    #[test]
    fn a_fixed_port_is_found_where_it_is_used() {
        for bad in [
            "TcpListener::bind(\"127.0.0.1:8080\").unwrap();",
            "TcpStream::connect((Ipv4Addr::LOCALHOST, 9090)).await;",
            "connect(SocketAddr::from(([127, 0, 0, 1], 80)));",
            "place.set(\"http.bind=127.0.0.1:8080\").start();",
        ] {
            assert_eq!(count(bad), 1, "{bad}");
        }
        for good in [
            "TcpListener::bind(\"127.0.0.1:0\").unwrap();",
            "connect((Ipv4Addr::LOCALHOST, port));",
            "assert_eq!(parse(\"127.0.0.1:8080\"), 1);",
            "place.set(\"http.bind=0.0.0.0:0\").start();",
            "place.set(\"http.bind=127.0.0.1:70000\").start();",
        ] {
            assert_eq!(count(good), 0, "{good}");
        }
    }
}
