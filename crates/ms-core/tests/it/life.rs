use ms_core::life::*;

const LIFE: &str = "00ab34cd56ef7890";

fn place(text: &str) -> Place {
    text.parse().expect("a place")
}

#[test]
fn places_are_read_as_they_are_written() {
    for text in [format!("{LIFE}.41.7"), "41.7".to_owned(), "41".to_owned()] {
        assert_eq!(place(&text).to_string(), text);
    }
    for bad in [
        "",
        "x",
        "1.",
        ".1",
        "+1",
        "1.2.3",
        "1.2.3.4",
        "0000000000000000.1.2",
        "00AB34CD56EF7890.1.2",
    ] {
        assert!(bad.parse::<Place>().is_err(), "{bad}");
    }
    assert!(format!("{LIFE}.1").parse::<Place>().is_err());
}

#[test]
fn a_place_counts_in_its_own_life_only() {
    let life: NodeLife = LIFE.parse().expect("a life");
    let own = |numbers: &str| place(&format!("{LIFE}.{numbers}")).resumed(life, (10, 20));
    assert_eq!(own("3.4"), Resumed::After { node: 3, tasks: Some(4) });
    assert_eq!(own("10.20"), Resumed::After { node: 10, tasks: Some(20) });
    for beyond in ["11.0", "3.21"] {
        assert_eq!(own(beyond), Resumed::AnotherLife, "{beyond}");
    }
    for other in ["0000000000000001.3.4", "3.4", "3"] {
        assert_eq!(place(other).resumed(life, (10, 20)), Resumed::AnotherLife, "{other}");
    }
    for beginning in ["0", "0.0", "0000000000000001.0.0"] {
        assert_eq!(place(beginning).resumed(life, (10, 20)), Resumed::Beginning);
    }
}
