//! JSON in the form of the golden files: some keys first, the others by name.

use std::fmt::Write;

use serde_json::Value;

const FIRST: [&str; 10] =
    ["name", "about", "step", "op", "event", "id", "path", "type", "strategy", "tree"];

/// Encodes a value as one line of a golden file.
#[must_use]
pub fn encode(value: &Value) -> String {
    let mut text = String::new();
    put(value, &mut text);
    text
}

fn put(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                put(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let rank =
                |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| (rank(key), key.as_str()));
            text.push('{');
            for (at, (key, value)) in fields.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                // Writing to a string cannot fail.
                let _ = write!(text, "{}:", Value::from(key.as_str()));
                put(value, text);
            }
            text.push('}');
        }
        scalar => {
            let _ = write!(text, "{scalar}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn keys_come_in_the_oracles_order() {
        let value = json!({"result": "ok", "events": [{"child": "a\"b", "event": "start"}], "op": "boot", "step": 0});
        let text =
            r#"{"step":0,"op":"boot","events":[{"event":"start","child":"a\"b"}],"result":"ok"}"#;
        assert_eq!(super::encode(&value), text);
    }
}
