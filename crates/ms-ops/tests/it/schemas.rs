//! The schemas of all operations are a golden file: a change of one is a change of the version.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;

use ms_ops::{OpKind, Table};

/// `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_schemas_are_what_they_were() {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden/operations.json");
    let now = serde_json::to_string_pretty(&Table::standard().schemas()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(place, &now).expect("written");
    }
    let before = fs::read_to_string(place).expect("there");
    assert_eq!(before, now, "raise `since` of what is new, and run with UPDATE_GOLDEN=1");
}

/// A steering has an id by which a repeat is known (the compiler sees to that), and one that is aimed
/// at an actor says which incarnation it means. Both may be left out.
#[test]
fn every_steering_can_be_repeated_and_names_the_incarnation_that_is_meant() {
    for row in Table::standard().rows().filter(|row| row.kind == OpKind::Steer) {
        let schema = row.schema();
        let properties = schema["properties"].as_object().expect("fields");
        let required = schema["required"].as_array().expect("fields");
        let mut wanted = vec!["request_id"];
        if properties.contains_key("path") {
            wanted.push("incarnation");
        }
        for field in wanted {
            assert!(properties.contains_key(field), "{}.{field}", row.name);
            assert!(!required.contains(&field.into()), "{}.{field}", row.name);
        }
    }
}

#[test]
fn every_operation_and_every_field_says_what_it_is() {
    for row in Table::standard().rows() {
        assert!(row.name.split_once('.').is_some(), "{}", row.name);
        assert!(row.doc.len() > 20, "{}: {}", row.name, row.doc);
        for field in row.fields() {
            assert!(!field.doc.trim().is_empty(), "{}.{}", row.name, field.name);
            let schema = &field.schema;
            let bounded = match schema["type"].as_str() {
                Some("string") => ["maxLength", "pattern", "enum", "format"]
                    .iter()
                    .any(|bound| schema.get(bound).is_some()),
                Some("array") => schema.get("maxItems").is_some(),
                _ => true,
            };
            assert!(bounded, "{}.{}: {schema}", row.name, field.name);
        }
    }
}
