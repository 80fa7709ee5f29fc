//! What is generated from the declaration: the reference page and the JSON schema.

use std::fs;

use ms_config::{Value, keys, reference, schema};
use ms_runtime::section::FrameworkConfig;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
const MARK: &str = "<!-- generated from the section of each crate; UPDATE_DOCS=1 cargo test -p ms-config --test it reference writes it -->";

#[test]
fn the_reference_page_has_every_key_as_it_is_declared() {
    let read = || fs::read_to_string(PAGE).expect("docs/configuration.md is there");
    let page = read();
    let (prose, _) = page.split_once(MARK).expect("the page has the mark of its generated part");
    let wanted = format!("{prose}{MARK}\n{}", reference::<FrameworkConfig>());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, &wanted).unwrap();
    }
    assert!(
        read() == wanted,
        "docs/configuration.md is out of date: UPDATE_DOCS=1 cargo test -p ms-config --test it reference"
    );
}

#[test]
fn the_schema_has_every_key_with_type_and_default_and_nothing_else() {
    let schema = schema::<FrameworkConfig>();
    let mut leaves = Vec::new();
    collect(&schema, "", &mut leaves);
    leaves.sort();
    let mut declared: Vec<String> =
        keys::<FrameworkConfig>().into_iter().map(|key| key.path).collect();
    declared.sort();
    assert_eq!(leaves, declared);
    let restarts =
        &schema["properties"]["core"]["properties"]["supervision"]["properties"]["max_restarts"];
    assert_eq!((&restarts["type"], &restarts["default"]), (&"integer".into(), &5.into()));
    assert_eq!((&restarts["minimum"], &restarts["maximum"]), (&0.into(), &10_000.into()));
}

fn collect(node: &Value, at: &str, leaves: &mut Vec<String>) {
    let Some(properties) = node["properties"].as_object() else {
        assert!(node["type"].is_string() || node["enum"].is_array(), "{at} has a type");
        assert!(node["description"].is_string() && !node["default"].is_null(), "{at}");
        leaves.push(at.to_owned());
        return;
    };
    assert_eq!(node["additionalProperties"], Value::Bool(false), "{at}: typos are refused");
    for (name, inner) in properties {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        collect(inner, &path, leaves);
    }
}
