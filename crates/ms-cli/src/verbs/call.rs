//! `msctl call`

use clap::Args;
use ms_control::ControlError;
use ms_ops::{OpKind, Table};
use serde_json::{Map, Value};

use crate::args::after_help;
use crate::confirm::{REPEAT, Yes, consent};
use crate::context::Cx;
use crate::exit::{Failure, Outcome};
use crate::render;

/// Call any operation by its name
///
/// The list below has the standard operations; a node may have more. An operation that
/// changes the node asks first, and the node records it; one that is not in the list needs
/// --yes. The answer is JSON; a stream
/// prints one document a line until it ends or Ctrl-C.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = help(&Table::standard()))]
pub(crate) struct Call {
    /// Name of the operation, such as actors.inspect
    name: String,
    /// Its fields, as a JSON object
    #[arg(default_value = "{}", value_name = "JSON")]
    fields: String,
    #[command(flatten)]
    yes: Yes,
}

/// Returns the examples, and every operation of a table with its purpose and its fields.
fn help(table: &Table) -> String {
    let mut text = after_help!(
        "msctl call node.info",
        "msctl call actors.inspect '{\"path\":\"/root/agents\"}'",
        "msctl call actors.count '{\"path\":\"/root/agents/crawler-3\",\"on\":true}' --yes",
    )
    .to_owned();
    text.push_str("\n\nOPERATIONS (with their fields; those in [ ] are optional)\n");
    for row in table.rows() {
        let summary = row.doc.split("\n\n").next().unwrap_or_default();
        let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
        let fields = row.fields().into_iter().map(|field| match field.optional {
            true => format!(" [{}]", field.name),
            false => format!(" {}", field.name),
        });
        let fields: String = fields.collect();
        text.push_str(&format!("  {}{fields}\n      {summary}\n", row.name));
    }
    text.truncate(text.trim_end().len());
    text
}

impl Call {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let fields = fields(&self.fields)?;
        let table = Table::standard();
        let kind = match table.row(&self.name) {
            Ok(row) => row.kind,
            // The node may know it, and it may change something. But most likely it is a slip of the
            // pen, and a question about that would hide it.
            Err(_) if self.yes.yes => OpKind::Steer,
            Err(error) => {
                return Err(ControlError::from(error)
                    .next("`msctl call --help` lists the names; --yes asks the node all the same")
                    .into());
            }
        };
        if kind.outlives_its_caller() {
            let what = format!("call {}", render::clean(&self.name));
            consent(&self.yes, &what, REPEAT)?.obtain(&what)?;
        }
        let mut items = cx.connect().await?.named(self.name, fields).await?;
        while let Some(item) = items.next().await {
            let item = item?;
            match (kind, cx.json) {
                // A line for each item even without --json: pretty documents in a row are hard to
                // split.
                (OpKind::Watch, _) => cx.out.json_line("item", None, &item)?,
                (_, true) => cx.out.json("answer", &item)?,
                (_, false) => cx.out.document(&item)?,
            }
        }
        Ok(())
    }
}

fn fields(text: &str) -> Result<Map<String, Value>, Failure> {
    // As strictly as the node, so that a duplicate key is refused here and not dropped unseen.
    let read = ms_json::parse(text.as_bytes(), ms_json::MAX_DEPTH);
    let wrong = |why: String| {
        ControlError::bad_request("the fields are not a JSON object")
            .why(why)
            .next("write them as '{\"path\":\"/root\"}'; `msctl call --help` lists their names")
    };
    match read {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(wrong("it is another JSON value".to_owned()).into()),
        Err(error) => Err(wrong(error.to_string()).into()),
    }
}

#[cfg(test)]
mod tests {
    use ms_ops::{Target, operation};

    use super::*;

    operation! {
        /// Greets somebody, in the words of the node.
        Read NamesRead "greetings.greet" 1;
        pub(crate) struct Greet -> String {
            /// The person to greet.
            pub name: String [max 64, "length of the name"],
            /// The number of greetings.
            pub times: Option<u32> [max 3, "number of times"],
        }
        fn target(&self) -> Target<'_> {
            Target::Node
        }
    }

    #[test]
    fn an_operation_of_the_table_is_in_the_help_with_its_text() {
        let help = help(&Table::standard().with::<Greet>());
        assert!(help.contains("  greetings.greet name [times]\n      Greets somebody"), "{help}");
        for row in Table::standard().rows() {
            assert!(help.contains(&format!("  {}", row.name)), "{}", row.name);
        }
    }

    #[test]
    fn fields_are_an_object() {
        assert!(fields("{}").expect("an object").is_empty());
        for bad in ["", "[]", "{", "{\"a\":1,\"a\":2}"] {
            assert!(fields(bad).is_err(), "{bad}");
        }
    }
}
