//! TOML, by the spanned tree of the `toml` crate.

use ::toml::de::{DeTable, DeValue};

use super::{MAX_DEPTH, MAX_VALUES, Source};
use crate::error::ConfigError;
use crate::value::{Place, Raw, Spot};

/// The parser's message about a key that a table has already.
const DUPLICATE: &str = "duplicate key";

pub(super) fn parse(source: &Source, text: &str) -> Result<Spot, Vec<ConfigError>> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let errors = errors.iter().map(|error| {
            let span = error.span().unwrap_or(0..0);
            let mut what = one_line(error.message());
            // A key is not a secret, so it is quoted. Any other text may be one.
            if let Some(key) = text.get(span.clone()).filter(|_| what == DUPLICATE) {
                what = format!("{what} `{}`", key.trim());
            }
            source.syntax(lines.place(source, text, span.start), what)
        });
        return Err(errors.collect());
    }
    let mut reader = Reader { source, text, lines, values: 0 };
    reader.table(table.get_ref(), 0, 0).map_err(|error| vec![error])
}

/// Joins the lines of a parser's message.
fn one_line(message: &str) -> String {
    message.lines().collect::<Vec<_>>().join("; ")
}

/// The offsets at which lines begin, from which an offset gets its line and column.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(after_breaks).collect())
    }

    fn place(&self, source: &Source, text: &str, at: usize) -> Place {
        let line = self.0.partition_point(|&start| start <= at).max(1);
        let start = self.0[line - 1];
        let column = text.get(start..at).map_or(0, |before| before.chars().count()) + 1;
        source.place(line, column)
    }
}

struct Reader<'a> {
    source: &'a Source,
    text: &'a str,
    lines: Lines,
    values: usize,
}

impl Reader<'_> {
    fn place(&self, at: usize) -> Place {
        self.lines.place(self.source, self.text, at)
    }

    fn table(&mut self, table: &DeTable<'_>, at: usize, depth: usize) -> Result<Spot, ConfigError> {
        let mut entries = Vec::with_capacity(table.len());
        for (name, value) in table {
            let key_place = self.place(name.span().start);
            let spot = self.value(value.get_ref(), value.span().start, depth + 1)?;
            entries.push((name.get_ref().to_string(), key_place, spot));
        }
        Ok(Spot { raw: Raw::Table(entries), place: self.place(at) })
    }

    fn value(&mut self, value: &DeValue<'_>, at: usize, depth: usize) -> Result<Spot, ConfigError> {
        let place = self.place(at);
        self.values += 1;
        if self.values > MAX_VALUES || depth > MAX_DEPTH {
            let message = format!("more than {MAX_VALUES} values or {MAX_DEPTH} levels");
            return Err(self.source.syntax(place, message));
        }
        let raw = match value {
            DeValue::String(text) => Raw::Text(text.to_string()),
            DeValue::Boolean(value) => Raw::Bool(*value),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(Raw::Integer)
                .map_err(|_| self.source.syntax(place.clone(), "the number is too large"))?,
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .map(Raw::Float)
                .map_err(|_| self.source.syntax(place.clone(), "not a number"))?,
            // No key takes a date. As a text it gets the usual refusal.
            DeValue::Datetime(date) => Raw::Text(date.to_string()),
            DeValue::Array(items) => Raw::List(
                items
                    .iter()
                    .map(|item| self.value(item.get_ref(), item.span().start, depth + 1))
                    .collect::<Result<_, _>>()?,
            ),
            DeValue::Table(table) => return self.table(table, at, depth),
        };
        Ok(Spot { raw, place })
    }
}
