//! Items as lines of text.

use quote::ToTokens;
use syn::{Attribute, Field, Fields, Generics, Signature, Visibility, WhereClause};

/// Returns tokens as text, with spaces where rustfmt would set them.
pub(super) fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" <", "<"),
        (" >", ">"),
        (" ,", ","),
        (" ;", ";"),
        (" : ", ": "),
        ("& ", "&"),
        ("( ", "("),
        (" )", ")"),
        (" (", "("),
        ("[ ", "["),
        (" ]", "]"),
        (" ?", "?"),
        ("' ", "'"),
        (",)", ")"),
        (", >", ">"),
        (",>", ">"),
        ("->", " -> "),
        ("- >", " -> "),
        ("  ", " "),
        ("  ", " "),
    ] {
        text = text.replace(spaced, tight);
    }
    text.replace("dyn(", "dyn (").trim().to_owned()
}

/// Returns what holds for the whole item: hidden in the documentation, by feature, not exhaustive.
pub(super) fn marks(attributes: &[Attribute]) -> String {
    let mut marks = String::new();
    for attribute in attributes {
        let path = attribute.path();
        let hidden = path.is_ident("doc") && text(&attribute.meta).contains("hidden");
        if hidden || path.is_ident("non_exhaustive") || path.is_ident("cfg") {
            marks += &format!("#[{}] ", text(&attribute.meta));
        }
    }
    marks
}

/// Returns the traits that an item has by `#[derive]`.
pub(super) fn derived(attributes: &[Attribute]) -> Vec<String> {
    let mut traits = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        let _ = attribute.parse_nested_meta(|meta| {
            let last = meta.path.segments.last();
            traits.extend(last.map(|segment| segment.ident.to_string()));
            Ok(())
        });
    }
    traits
}

/// Returns a function's signature with its full path in place of its name.
pub(super) fn function(path: &str, signature: &Signature) -> String {
    let mut signature = signature.clone();
    signature.ident = syn::Ident::new("ITS_PATH", signature.ident.span());
    text(&signature).replace("ITS_PATH", path)
}

/// Returns the parameters that stand behind a type's name.
pub(super) fn parameters(generics: &Generics) -> String {
    if generics.params.is_empty() { String::new() } else { text(generics) }
}

pub(super) fn bounds(clause: Option<&WhereClause>) -> String {
    clause.map(|clause| format!(" {}", text(clause))).unwrap_or_default()
}

/// Returns the fields of a variant as they are written.
pub(super) fn variant(fields: &Fields) -> String {
    let one = |field: &Field| match &field.ident {
        Some(name) => format!("{name}: {}", text(&field.ty)),
        None => text(&field.ty),
    };
    let all: Vec<_> = fields.iter().map(one).collect();
    match fields {
        Fields::Named(_) => format!(" {{ {} }}", all.join(", ")),
        Fields::Unnamed(_) => format!("({})", all.join(", ")),
        Fields::Unit => String::new(),
    }
}

/// Returns the public fields of a struct, each with its name or place.
pub(super) fn fields(fields: &Fields) -> Vec<(String, String)> {
    let named = fields.iter().enumerate();
    named
        .filter(|(_, field)| matches!(field.vis, Visibility::Public(_)))
        .map(|(place, field)| {
            let name = field.ident.as_ref().map_or_else(|| place.to_string(), ToString::to_string);
            (name, text(&field.ty))
        })
        .collect()
}
