//! What the author of a step says beats every rule, also when the journal is judged again.

use std::io;
use std::time::Duration;

use resurge_journal::ResourceKey;
use resurge_journal::failure::{Advice, Applied, Class, Condition, Scope};
use resurge_steps::StepError;
use resurge_steps::classify::reclassify;

fn denied() -> StepError {
    io::Error::from_raw_os_error(libc::EACCES).into()
}

fn refused() -> StepError {
    io::Error::from_raw_os_error(libc::ECONNREFUSED).into()
}

/// The journal's evidence alone leads to the same end.
#[track_caller]
fn agrees(error: &StepError) {
    let failure = error.to_failure();
    let again = reclassify(&failure.evidence);
    assert_eq!(
        (
            again.class,
            again.kind,
            again.advice,
            again.limit,
            again.scope,
            again.applied,
            again.rule
        ),
        (
            failure.class,
            failure.kind,
            failure.advice,
            failure.limit,
            failure.scope,
            failure.applied,
            failure.rule
        )
    );
}

#[test]
fn the_author_has_the_last_word() {
    let delay = Duration::from_micros(1_500_700);
    for (error, advice, limit) in [
        (refused().never(), Advice::Never, None),
        (
            denied().retry_after(delay),
            Advice::After { delay: Duration::from_millis(1500), shared: false },
            None,
        ),
        (denied().class_as(Class::Network), Advice::BACKOFF, None),
        (refused().class_as(Class::Permission), Advice::Never, None),
        (refused().limit(7), Advice::BACKOFF, Some(7)),
        (refused().stretch(3), Advice::Backoff { stretch: 3 }, None),
        (denied().stretch(3).never(), Advice::Never, None),
        (StepError::permanent("no").stretch(2), Advice::Backoff { stretch: 2 }, None),
    ] {
        assert_eq!((error.advice(), error.ruling().limit), (&advice, limit), "{error:?}");
        assert!(error.is_overridden());
        agrees(&error);
    }
    assert!(!denied().is_overridden());
    assert!(!StepError::new(Class::Network, "mine", "x").is_overridden());
    assert!(StepError::permanent("no").is_overridden());
}

#[test]
fn a_class_brings_its_scope_and_keeps_the_kind() {
    let error = denied().class_as(Class::Server);
    let failure = error.to_failure();
    assert_eq!((failure.class, failure.scope), (Class::Server, Scope::Host));
    assert_eq!((failure.kind.as_str(), failure.rule.as_str()), ("denied", "author.class_as"));
}

#[test]
fn an_attempt_without_effect_and_a_resource_are_told_to_the_journal() {
    let key = ResourceKey::host("https", "example.org", 443).unwrap();
    let error = denied().not_sent().resource(key.clone());
    let failure = error.to_failure();
    assert_eq!((failure.applied, failure.resource), (Applied::NotSent, Some(key)));
    agrees(&error);
}

#[test]
fn a_full_drive_is_waited_for_whatever_its_path() {
    for path in ["/", "/home/anna/models", &format!("/{}", "ü".repeat(120))] {
        let error = refused().needs_space(path, 3 * 1024 * 1024 * 1024);
        let failure = error.to_failure();
        assert_eq!((failure.class, failure.kind.as_str()), (Class::Resource, "disk_full"));
        assert_eq!(failure.scope, Scope::Volume);
        assert!(failure.hint.as_deref().unwrap().contains("3072 MiB"), "{failure:?}");
        let condition =
            Condition::DiskSpace { path: path.to_owned(), bytes: 3 * 1024 * 1024 * 1024 };
        assert_eq!(failure.advice, Advice::WhenReady(condition));
        agrees(&error);
    }
}

#[test]
fn there_is_room_for_the_author_behind_the_longest_chain() {
    let mut deep = io::Error::from_raw_os_error(libc::EMFILE);
    for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::NotFound].repeat(10) {
        deep = io::Error::new(kind, io::Error::new(io::ErrorKind::TimedOut, deep));
    }
    let path = format!("/{}", "a".repeat(300));
    let error = StepError::from(deep).limit(3).not_sent().needs_space(path, 7);
    agrees(&error);
    assert!(matches!(error.advice(), Advice::WhenReady(_)));
}

#[test]
fn a_failure_fits_into_the_journal_however_long_its_texts_are() {
    let error = StepError::new(Class::Network, "ü".repeat(200), "x".repeat(9000));
    assert!(error.to_failure().kind.len() <= 64);
    agrees(&error);
}
