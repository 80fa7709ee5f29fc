//! YAML, from the events of `saphyr-parser`.
//!
//! One document, the plain data types (YAML 1.2 core schema), names that are texts
//! and occur once. An alias is a copy, and copies count: ten lines of aliases to
//! aliases reach [`MAX_VALUES`] before they fill the memory.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

use super::{MAX_DEPTH, MAX_VALUES, Source};
use crate::error::ConfigError;
use crate::value::{Place, Raw, Spot};

pub(super) fn parse(source: &Source, text: &str) -> Result<Spot, ConfigError> {
    let parser = Parser::new_from_str(text);
    let mut reader = Reader { source, parser, anchors: HashMap::new(), values: 0 };
    reader.document()
}

struct Reader<'a, I: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> {
    source: &'a Source,
    parser: I,
    /// The values of the anchors, and how many values each contains.
    anchors: HashMap<usize, (Raw, usize)>,
    values: usize,
}

impl<'a, I: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> Reader<'a, I> {
    fn document(&mut self) -> Result<Spot, ConfigError> {
        let empty = Spot { raw: Raw::Null, place: self.source.place(1, 1) };
        let mut root = None;
        while let Some((event, place)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                _ if root.is_some() => {
                    return Err(self
                        .source
                        .syntax(place, "a second document; keep one in each file"));
                }
                event => root = Some(self.value(event, place, 0)?),
            }
        }
        Ok(root.unwrap_or(empty))
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Place)>, ConfigError> {
        match self.parser.next() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, self.place(span.start)))),
            Some(Err(error)) => {
                Err(self.source.syntax(self.place(*error.marker()), error.info().to_owned()))
            }
        }
    }

    /// Returns the next event within a list or a table, which the parser never leaves open.
    fn inner(&mut self) -> Result<(Event<'a>, Place), ConfigError> {
        // Made beforehand, because `next` borrows the reader.
        let ends = || self.source.syntax(self.source.place(1, 1), "the file ends within a value");
        let ends = ends();
        self.next()?.ok_or(ends)
    }

    // The parser counts lines from 1 and columns from 0.
    fn place(&self, marker: Marker) -> Place {
        self.source.place(marker.line(), marker.col() + 1)
    }

    fn count(&mut self, more: usize, depth: usize, place: &Place) -> Result<(), ConfigError> {
        self.values = self.values.saturating_add(more);
        if self.values > MAX_VALUES || depth > MAX_DEPTH {
            let message =
                format!("more than {MAX_VALUES} values (aliases are copies) or {MAX_DEPTH} levels");
            return Err(self.source.syntax(place.clone(), message));
        }
        Ok(())
    }

    fn value(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Spot, ConfigError> {
        let before = self.values;
        self.count(1, depth, &place)?;
        let (raw, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.untagged(tag.is_some(), &place)?;
                (scalar(&text, style), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.untagged(tag.is_some(), &place)?;
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.untagged(tag.is_some(), &place)?;
                (self.table(depth)?, anchor)
            }
            Event::Alias(anchor) => {
                let Some((raw, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.source.syntax(place, "an alias within its own anchor"));
                };
                // Counted before the copy is kept, so that a bomb ends here and not in memory.
                self.count(size, depth, &place)?;
                (raw, 0)
            }
            _ => return Err(self.source.syntax(place, "a value is missing")),
        };
        // The parser numbers anchors from 1, and gives 0 to a value without one.
        if anchor > 0 {
            self.anchors.insert(anchor, (raw.clone(), self.values - before));
        }
        Ok(Spot { raw, place })
    }

    fn untagged(&self, has_tag: bool, place: &Place) -> Result<(), ConfigError> {
        match has_tag {
            true => Err(self.source.syntax(place.clone(), "tags are not supported; leave it out")),
            false => Ok(()),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Raw, ConfigError> {
        let mut items = Vec::new();
        loop {
            let (event, place) = self.inner()?;
            if event == Event::SequenceEnd {
                return Ok(Raw::List(items));
            }
            items.push(self.value(event, place, depth + 1)?);
        }
    }

    fn table(&mut self, depth: usize) -> Result<Raw, ConfigError> {
        let mut entries: Vec<(String, Place, Spot)> = Vec::new();
        loop {
            let (event, place) = self.inner()?;
            let name = match event {
                Event::MappingEnd => return Ok(Raw::Table(entries)),
                Event::Scalar(name, _, _, tag) => {
                    self.untagged(tag.is_some(), &place)?;
                    name.into_owned()
                }
                _ => return Err(self.source.syntax(place, "a name must be a string")),
            };
            if let Some((_, first, _)) = entries.iter().find(|(other, ..)| *other == name) {
                let message = format!("`{name}` is defined twice, first at {first}");
                return Err(self.source.syntax(place, message));
            }
            let (event, at) = self.inner()?;
            let spot = self.value(event, at, depth + 1)?;
            entries.push((name, place, spot));
        }
    }
}

/// Returns the value of a scalar. The type of a plain one follows from its text; a quoted one is a
/// text.
fn scalar(text: &str, style: ScalarStyle) -> Raw {
    if style != ScalarStyle::Plain {
        return Raw::Text(text.to_owned());
    }
    // `yes`, `no`, `on` and `off` stay texts: they are truth values in YAML 1.1 only.
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Raw::Null,
        "true" | "True" | "TRUE" => return Raw::Bool(true),
        "false" | "False" | "FALSE" => return Raw::Bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse() {
        return Raw::Integer(number);
    }
    // Rust also parses `inf`, `nan` and `infinity` as numbers. In a configuration they are words.
    match text.parse() {
        Ok(number) if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            Raw::Float(number)
        }
        _ => Raw::Text(text.to_owned()),
    }
}
