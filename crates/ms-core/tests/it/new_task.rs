use ms_core::task::*;
use serde_json::Value;

fn task() -> NewTask {
    NewTask::new(AgentKind::new("crawler").expect("valid"), Value::Null)
}

#[test]
fn every_bound_is_checked_and_the_field_named() {
    type Spoil = fn(&mut NewTask);
    let cases: [(&str, Spoil); 5] = [
        ("retry.max_attempts", |t| t.retry.max_attempts = 0),
        ("retry.max_attempts", |t| t.retry.max_attempts = 101),
        ("retry.jitter", |t| t.retry.jitter = f64::NAN),
        ("deadline_ms", |t| t.deadline_ms = Some(0)),
        ("attempt_ms", |t| t.attempt_ms = Some(MAX_TASK_TIME + 1)),
    ];
    assert!(task().check().is_ok());
    for (field, spoil) in cases {
        let mut bad = task();
        spoil(&mut bad);
        let error = bad.check().expect_err("out of bounds");
        assert!(matches!(error, TaskError::OutOfBounds { what, .. } if what == field), "{error}");
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

/// In bounds one by one, and impossible together: another error, for no schema can say it.
#[test]
fn what_contradicts_itself_is_no_value_out_of_bounds() {
    type Spoil = fn(&mut NewTask);
    let cases: [(&str, Spoil); 3] = [
        ("delay_ms", |t| (t.delay_ms, t.deadline_ms) = (Some(5_000), Some(1_000))),
        ("delay_ms", |t| (t.delay_ms, t.deadline_ms) = (Some(1_000), Some(1_000))),
        ("retry.backoff_min_ms", |t| {
            (t.retry.backoff_min_ms, t.retry.backoff_max_ms) = (2, 1);
        }),
    ];
    for (field, spoil) in cases {
        let mut bad = task();
        spoil(&mut bad);
        let error = bad.check().expect_err("contradicts itself");
        assert!(matches!(error, TaskError::Contradiction { what, .. } if what == field), "{error}");
    }
    let mut tight = task();
    (tight.delay_ms, tight.deadline_ms) = (Some(999), Some(1_000));
    assert!(tight.check().is_ok());
}

#[test]
fn unknown_fields_and_wild_priorities_are_refused() {
    for bad in [
        r#"{"kind":"a","prioritty":1}"#,
        r#"{"kind":"a","priority":101}"#,
        r#"{"kind":"../a"}"#,
        r#"{"payload":1}"#,
    ] {
        assert!(serde_json::from_str::<NewTask>(bad).is_err(), "{bad}");
    }
}
