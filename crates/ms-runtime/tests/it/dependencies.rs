//! The values that components provide to each other: by type, and checked before anything starts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::parts::{Log, Parts, builder, paused, virtual_settings};
use ms_core::lifecycle::Phase;
use ms_runtime::{
    Component, ComponentContext, ComponentFailure, ComponentSpec, DependencyError,
    ServiceStartError, ShutdownReason,
};

#[derive(Clone, Debug, PartialEq)]
struct Prices(u32);

#[derive(Clone, Debug, PartialEq)]
struct Pool(u32);

/// Opens a pool with each incarnation.
struct Vault(u32);

impl Component for Vault {
    async fn init(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        match self.0 {
            0 => Ok(()),
            n => Ok(cx.provide(Pool(n))?),
        }
    }
}

/// Asks for both.
struct Shop(Log);

impl Component for Shop {
    async fn start(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        let (Prices(price), Pool(pool)) = (cx.require()?, cx.require()?);
        self.0.add(format!("got {price} {pool}"));
        let undeclared = cx.require::<String>().expect_err("it is not declared");
        assert!(matches!(&undeclared, DependencyError::Undeclared { .. }), "{undeclared}");
        assert!(undeclared.to_string().contains("requires::<alloc::string::String>()"));
        cx.provide(7_u8).expect_err("it is not declared");
        Ok(())
    }
}

fn vault(pool: u32) -> ComponentSpec {
    ComponentSpec::new("vault", move || Vault(pool)).provides(Prices(2)).provides_later::<Pool>()
}

fn shop(log: &Log) -> ComponentSpec {
    let log = log.clone();
    let spec = ComponentSpec::new("shop", move || Shop(log.clone()));
    spec.requires::<Prices>().requires::<Pool>()
}

/// S8.2-02: by type, from the spec of another component and from its start. A component that
/// requires starts after its provider, without an explicit need.
#[test]
fn a_component_gets_what_it_requires_from_the_one_that_provides_it() {
    paused(async {
        let log = Log::default();
        // Declared first, of the same phase: the requirement alone puts it behind.
        let service = builder(virtual_settings(), [shop(&log), vault(5)]).start().await.unwrap();
        assert_eq!(log.take(), ["got 2 5"]);
        let end = service.shut_down(ShutdownReason::Requested("test".into())).await;
        assert_eq!(end.code(), 0);
        let started = builder(virtual_settings(), [shop(&log), vault(5)]).plan().unwrap();
        let order: Vec<_> = started.start_order().iter().map(ToString::to_string).collect();
        assert_eq!(order, ["vault", "shop"]);
    });
}

/// S8.2-02: a value that is declared and not given fails the start of the component that requires
/// it, by name.
#[test]
fn what_a_provider_keeps_to_itself_is_named() {
    paused(async {
        let failed = builder(virtual_settings(), [shop(&Log::default()), vault(0)]).start().await;
        let error = failed.expect_err("there is no pool");
        let text = format!("{error:?}");
        assert!(text.contains("the component shop requires"), "{text}");
        assert!(text.contains("::Pool, which vault declares but has not provided yet"), "{text}");
        assert_eq!(error.code(), 4);
    });
}

/// S8.2-02: errors are found before anything starts. Both sides are named, all errors come at once,
/// and the exit code says that nothing was started.
#[test]
fn a_requirement_that_nobody_fulfils_is_found_before_anything_starts() {
    paused(async {
        let (parts, log) = (Parts::default(), Log::default());
        let early = parts.part("early").phase(Phase::Configuration);
        let twice = |name: &str| parts.part(name).provides(7_u16);
        let specs = [early, shop(&log), twice("first"), twice("second")];
        let service = builder(virtual_settings(), specs);
        let service = service.without::<Pool>("vault", "open one");
        let error = service.clone().start().await.expect_err("nobody provides them");
        assert!(parts.log.lines().is_empty(), "{:?}", parts.log.lines());
        let Some(ServiceStartError::Dependencies(faults)) = error.service() else {
            panic!("{error:?}")
        };
        let texts: Vec<_> = faults.0.iter().map(ToString::to_string).collect();
        let has = |text: &str| texts.iter().any(|fault| fault.contains(text));
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert!(has("the components first and second both provide u16"), "{texts:?}");
        assert!(has("::Prices, which no component provides; add one"), "{texts:?}");
        assert!(
            has("the component shop requires")
                && has("component vault would provide")
                && has("is left out: open one"),
            "{texts:?}"
        );
        assert_eq!(error.code(), 8);
        assert_eq!(service.plan().expect_err("the check finds it too").code(), 8);
    });
}

/// A provider that starts in a later phase is refused, as any such need is.
#[test]
fn a_provider_of_a_later_phase_is_refused() {
    let late = vault(5).phase(Phase::Applications);
    let early = shop(&Log::default()).phase(Phase::Data);
    let error = builder(virtual_settings(), [late, early]).plan().expect_err("too late");
    assert!(format!("{error:?}").contains("shop starts in phase 4 and needs vault"), "{error:?}");
}

/// S8.2-02: a tree can require, too. A failure of its maker ends the boot, by name.
#[test]
fn a_tree_gets_what_it_requires_when_it_is_put_together() {
    paused(async {
        let tree = |asks_too_soon: bool| {
            ComponentSpec::tree_of("tree", move |cx| {
                let Prices(price) = cx.require()?;
                assert_eq!(price, 2);
                if asks_too_soon {
                    let _: Pool = cx.require()?;
                }
                Ok(ms_supervisor::SupervisorSpec::one_for_one("tree"))
            })
            .requires::<Prices>()
            .requires::<Pool>()
        };
        let service = builder(virtual_settings(), [vault(5), tree(false)]).start().await.unwrap();
        let end = service.shut_down(ShutdownReason::Requested("test".into())).await;
        assert_eq!(end.code(), 0);
        let failed = builder(virtual_settings(), [vault(5), tree(true)]).start().await;
        let error = failed.expect_err("it is given later only");
        let text = format!("{error:?}");
        assert!(text.contains("the component tree could not be put together"), "{text}");
        assert_eq!(error.code(), 8);
    });
}
