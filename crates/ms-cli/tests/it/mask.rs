//! Masks what differs from run to run in the output of `msctl`: times, sizes, ids, ports.

use serde_json::{Map, Value};

/// Numbers of JSON that differ from run to run, by their key.
const VARIES: [&str; 9] =
    ["pid", "seq", "at", "arbiter", "handled", "uid", "line", "column", "version"];

/// Replaces what differs in a text by its name. Columns that are padded to a masked width are two
/// blanks apart.
pub fn text(text: &str) -> String {
    text.lines().map(|one| format!("{}\n", line(one))).collect()
}

fn line(line: &str) -> String {
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    // The number of blanks before each word: one stays one, more become two.
    let gaps = line.trim_start().split(' ').scan(1, |blanks, word| {
        let before = *blanks;
        *blanks = if word.is_empty() { before + 1 } else { 1 };
        Some((!word.is_empty()).then_some(before))
    });
    let gaps: Vec<usize> = gaps.flatten().collect();
    let counted = |at: usize| words.get(at).is_some_and(|word| is_number(word));
    let event = counted(0) && words.get(1).is_some_and(|word| is_span(word));
    let mut out = if event { String::new() } else { indent };
    for (at, one) in words.iter().enumerate() {
        if at > 0 {
            out.push_str(if gaps[at] > 1 { "  " } else { " " });
        }
        let before = |back: usize| at.checked_sub(back).map_or("", |at| words[at]);
        match (before(2), before(1)) {
            _ if event && at == 0 => out.push_str("<seq>"),
            (_, "pid" | "uid") if is_number(one.trim_end_matches([':', ','])) => {
                out.push_str(&format!("<{}>", before(1)));
                out.push_str(&one[one.trim_end_matches([':', ',']).len()..]);
            }
            // The window of a supervisor comes from its spec, and is the same in every run.
            ("restarts", "in") => out.push_str(one),
            _ => out.push_str(&word(one)),
        }
    }
    out
}

fn word(word: &str) -> String {
    let marks = |c: char| "\"'(),;[]{}".contains(c);
    let start = word.find(|c| !marks(c)).unwrap_or(word.len());
    let core = word[start..].trim_end_matches(|c| marks(c) || c == ':' || c == '.');
    let rest = &word[start + core.len()..];
    format!("{}{}{rest}", &word[..start], core_of(core))
}

fn core_of(core: &str) -> String {
    let hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let parts = |by: char| core.split(by).collect::<Vec<_>>();
    match () {
        () if core.len() == 36 && hex(&core.replace('-', "")) => "<id>".to_owned(),
        () if core.len() == 16 && hex(core) => "<life>".to_owned(),
        () if is_span(core) => "<time>".to_owned(),
        () if parts('-').len() == 3 && parts('-').into_iter().all(digits) => "<date>".to_owned(),
        () if parts(':').len() == 3 && parts(':').into_iter().all(digits) => "<clock>".to_owned(),
        () if core.ends_with('%') && core[..core.len() - 1].split('.').all(digits) => {
            "<share>".to_owned()
        }
        () => match core.split_once(':') {
            Some(("127.0.0.1", port)) if digits(port) => "127.0.0.1:<port>".to_owned(),
            // A place in a source moves with every line above it.
            Some((file, at)) if file.ends_with(".rs") && at.split(':').all(digits) => {
                format!("{file}:<line>")
            }
            _ => core.to_owned(),
        },
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_digit())
}

/// `850us`, `3.2ms`, `4s`, `2m03s`, `5h12m`, `3d04h`, `12.345s`.
fn is_span(word: &str) -> bool {
    let units = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let first = word.starts_with(|c: char| c.is_ascii_digit());
    let letters: String = units.chars().filter(|c| !c.is_ascii_digit()).collect();
    first && ["us", "ms", "s", "ms", "hm", "dh", "m", "h"].contains(&letters.as_str())
}

/// Masks every number, for output that is all counts.
pub fn numbers(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line_of_numbers(line))).collect()
}

fn line_of_numbers(line: &str) -> String {
    // The indent of a count depends on its number of digits.
    let line = match count(line) {
        Some(message) => format!("  <n> x {message}"),
        None => line.to_owned(),
    };
    let mut out = String::new();
    let mut inside = false;
    for c in line.chars() {
        let number = c.is_ascii_digit() || (inside && c == '.');
        if number && !inside {
            out.push_str("<n>");
        }
        if !number {
            out.push(c);
        }
        inside = number;
    }
    out
}

/// Returns the message of a line that counts messages of one type.
fn count(line: &str) -> Option<&str> {
    let (count, message) = line.trim_start().split_once(" x ")?;
    is_number(count).then_some(message)
}

/// Masks every number, and folds the counted messages into one line.
///
/// For an actor that others look at: how often they did decides which messages there are, and
/// whether one of them was timed.
pub fn counts(text: &str) -> String {
    let mut out = String::new();
    let mut counted = false;
    for line in text.lines() {
        let again = std::mem::replace(&mut counted, count(line).is_some());
        match (counted, again) {
            (true, true) => {}
            (true, false) => out.push_str("  <n> x <message>\n"),
            (false, _) if line.trim_start().starts_with("in mailbox") => {
                out.push_str("  in mailbox  <waits>\n");
            }
            (false, _) => out.push_str(&numbers(line)),
        }
    }
    out
}

/// Masks what differs in a document; its fields and their types stay.
pub fn json(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let one = |(key, value): (&String, &Value)| (key.clone(), below(key, value));
            Value::Object(map.iter().map(one).collect::<Map<_, _>>())
        }
        Value::Array(all) => Value::Array(all.iter().map(json).collect()),
        Value::String(words) => Value::String(text(words).trim_end_matches('\n').to_owned()),
        other => other.clone(),
    }
}

fn below(key: &str, value: &Value) -> Value {
    let varies = key.ends_with("_ms") || key.ends_with("_us") || VARIES.contains(&key);
    // A measurement is null until there was something to measure.
    let measured = key.starts_with("wait_") || key == "uptime_ms" || key == "arbiter";
    match value {
        Value::Number(_) if varies => Value::String("<n>".to_owned()),
        Value::Null if measured => Value::String("<n>".to_owned()),
        // The times of a task are large numbers, and null until they come.
        Value::Number(number) if number.as_u64().is_some_and(|n| n > 1_000_000_000) => {
            Value::String("<n>".to_owned())
        }
        other => json(other),
    }
}
