//! One setup as a stateright model.

use stateright::{Model, Property};

use crate::laws::{COMES_TO_REST, Law};
use crate::setup::Setup;
use crate::world::{Action, World};

/// One supervisor, and the world that does things to it.
#[derive(Debug, Clone)]
pub struct Tree(pub Setup);

impl Model for Tree {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        World::new(&self.0).into_iter().collect()
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.possible(actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.step(action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all: Vec<Property<Self>> = vec![
            law::<0>(),
            law::<1>(),
            law::<2>(),
            law::<3>(),
            law::<4>(),
            law::<5>(),
            law::<6>(),
            law::<7>(),
            law::<8>(),
            law::<10>(),
            law::<11>(),
        ];
        // This law is a question to each state and not to a step, so no step can break it.
        all.push(Property::always(Law::LateEvent.name(), |_, world: &World| {
            world.ignores_late_events()
        }));
        all.push(Property::eventually(COMES_TO_REST, |_, world: &World| {
            world.broken().is_some() || world.rests()
        }));
        all
    }
}

/// Returns the property of a law. stateright takes function pointers, which cannot capture a law, so
/// the law is a const parameter.
fn law<const AT: usize>() -> Property<Tree> {
    Property::always(Law::ALL[AT].name(), |_, world: &World| world.broken() != Some(Law::ALL[AT]))
}
