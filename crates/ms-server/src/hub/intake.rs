//! The kinds of tasks that are accepted, and the count of refused payloads of each.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use actix::Message;
use ms_actor::StateValue;
use ms_core::Invalid;
use ms_core::task::AgentKind;
use ms_router::{Module, ModuleHandler, SystemError};

/// A payload was refused at its submission.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), SystemError>")]
pub(crate) struct PayloadRefused {
    pub(crate) kind: AgentKind,
    pub(crate) invalid: Invalid,
}

/// Counts refused payloads by kind.
pub(crate) struct Intake;

/// The refusals of one kind.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    count: u64,
    /// The field of the last one, without its value: payloads may contain secrets.
    field: Option<String>,
}

impl Module for Intake {
    const NAME: &'static str = "intake";
    type Config = Vec<AgentKind>;
    type State = BTreeMap<AgentKind, Refusals>;
    type Error = Infallible;

    async fn initialize(kinds: Vec<AgentKind>, _: Arc<()>) -> Result<Self::State, Infallible> {
        Ok(kinds.into_iter().map(|kind| (kind, Refusals::default())).collect())
    }

    fn view(state: &Self::State) -> StateValue {
        let of = |Refusals { count, field }: &Refusals| {
            StateValue::map([
                ("refused", StateValue::from(*count)),
                ("last_field", field.as_deref().map(StateValue::from).into()),
            ])
        };
        StateValue::map(state.iter().map(|(kind, refusals)| (kind.to_string(), of(refusals))))
    }
}

impl ModuleHandler<PayloadRefused> for Intake {
    type Answer = ();

    fn handle(
        state: &mut Self::State,
        PayloadRefused { kind, invalid }: PayloadRefused,
    ) -> Result<(), Infallible> {
        let refusals = state.entry(kind.clone()).or_default();
        refusals.count += 1;
        refusals.field = Some(invalid.field);
        let kind = kind.to_string();
        metrics::counter!("ms_framework_payloads_refused_total", "kind" => kind).increment(1);
        Ok(())
    }
}
