//! The context of a verb: the node to ask, the longest wait, and the output.

use std::path::PathBuf;
use std::time::Duration;

use ms_control::Client;
use ms_control::discover::Places;

use crate::exit::Failure;
use crate::output::Out;

/// The global options, as a verb uses them.
///
/// It stands below both the grammar and the verbs: a verb names nothing of the grammar.
#[derive(Debug)]
pub(crate) struct Cx {
    /// The socket that was named on the command line.
    pub(crate) control: Option<PathBuf>,
    /// Longest wait for an answer.
    pub(crate) timeout: Duration,
    /// Whether to answer in JSON.
    pub(crate) json: bool,
    /// The output.
    pub(crate) out: Out,
}

impl Cx {
    /// Finds the node and connects to it.
    ///
    /// Each call opens a connection of its own. A verb that asks a person in between connects
    /// again afterwards: the node closes connections that are idle for longer than people think.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        let path = Places::from_env().find(self.control.as_deref()).await?;
        Ok(Client::connect(&path, self.timeout).await?)
    }
}
