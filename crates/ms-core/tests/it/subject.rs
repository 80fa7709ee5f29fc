use ms_core::subject::*;
use proptest::prelude::*;

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let subject = |text: &str| Subject::new(text).unwrap_err();
    assert_eq!(subject(""), SubjectError::Empty);
    assert_eq!(subject(&"a".repeat(256)), SubjectError::TooLong { bytes: 256 });
    assert_eq!(subject(&vec!["a"; 17].join(".")), SubjectError::TooManyTokens { tokens: 17 });
    for (text, at) in [(".a", 1), ("a..b", 2), ("a.", 2)] {
        assert_eq!(subject(text), SubjectError::EmptyToken { text: text.to_owned(), at });
    }
    for (text, at, found) in [("a b", 1, ' '), ("a.ü", 2, 'ü'), ("a.b*", 2, '*')] {
        let text = text.to_owned();
        assert_eq!(subject(&text), SubjectError::BadCharacter { text: text.clone(), at, found });
    }
    for text in ["*", "a.*", "a.>"] {
        assert_eq!(subject(text), SubjectError::Wildcard { text: text.to_owned() });
        assert!(Filter::new(text).is_ok());
    }
    assert!(matches!(Filter::new("a.>.b"), Err(SubjectError::RestNotLast { .. })));
    assert!(Subject::new(&"a".repeat(255)).is_ok());
    assert!(Subject::new(&vec!["a"; 16].join(".")).is_ok());
}

/// What the rules say, one token after the other, from the end of both.
fn matches_naively(filter: &[&str], subject: &[&str]) -> bool {
    match (filter, subject) {
        ([], []) => true,
        ([">"], [_, ..]) => true,
        ([wanted, filter @ ..], [found, subject @ ..]) => {
            (*wanted == "*" || wanted == found) && matches_naively(filter, subject)
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn matching_follows_the_rules(
        filter in "[ab*]([.][ab*]){0,4}([.]>)?",
        subject in "[ab]([.][ab]){0,5}",
    ) {
        let (f, s) = (Filter::new(&filter).unwrap(), Subject::new(&subject).unwrap());
        let (ft, st): (Vec<_>, Vec<_>) = (f.tokens().collect(), s.tokens().collect());
        prop_assert_eq!(f.matches(&s), matches_naively(&ft, &st));
        prop_assert!(Filter::from(&s).matches(&s));
    }

    /// Any text is either refused with a reason or stays what it was.
    #[test]
    fn any_text_is_refused_or_kept(text in ".{0,40}") {
        match Subject::new(&text) {
            Ok(subject) => {
                prop_assert_eq!(subject.as_str(), text.as_str());
                prop_assert!(Filter::new(&text).is_ok());
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
