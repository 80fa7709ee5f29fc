//! Ids and paths.

use ms_core::{ActorPath, ChildId};

#[test]
fn ids_refuse_what_could_leave_a_directory_or_forge_a_log() {
    for bad in ["", "../../x", "a/b", "a\0b", "CON", "a.", "-a", "ä", "a b", &"x".repeat(65)] {
        assert!(ChildId::new(bad).is_err(), "{bad:?}");
    }
    for good in ["a", "0", "crawler-3", "a_b", &"x".repeat(64)] {
        assert!(ChildId::new(good).is_ok(), "{good:?}");
    }
}

#[test]
fn paths_know_parent_name_and_containment() {
    let path = ActorPath::new("/root/agents/crawler-3").expect("valid");
    assert_eq!(path.name(), "crawler-3");
    let agents = path.parent().expect("has one");
    assert_eq!(agents.as_str(), "/root/agents");
    assert!(path.is_within(&agents) && path.is_within(&path));
    assert!(!ActorPath::new("/root/agents-2").expect("valid").is_within(&agents));
    assert_eq!(ActorPath::new("/root").expect("valid").parent(), None);
    assert!(ActorPath::new("root").is_err() && ActorPath::new("/a//b").is_err());
}

#[test]
fn the_path_of_a_child_is_right_at_every_length() {
    // Short ones are put together on the stack, long ones are not.
    let id = ChildId::new("c".repeat(40)).expect("valid");
    let mut path = ActorPath::new("/r").expect("valid");
    for depth in 1..8 {
        path = path.child(&id);
        assert_eq!(path.as_str(), format!("/r{}", format!("/{id}").repeat(depth)));
        assert_eq!(ActorPath::new(path.as_str()).as_ref(), Ok(&path));
    }
    // The lengths about the border, one by one.
    for len in 1..=64 {
        let parent = ActorPath::new(format!("/{}", "p".repeat(64))).expect("valid");
        let id = ChildId::new("c".repeat(len)).expect("valid");
        assert_eq!(parent.child(&id).as_str(), format!("{parent}/{id}"));
    }
}
