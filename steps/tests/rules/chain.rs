//! What decides in a chain of causes.

use std::io::{self, ErrorKind};

use resurge_steps::StepError;

#[derive(Debug, thiserror::Error)]
#[error("while preparing")]
struct Outer(#[source] Box<dyn std::error::Error + Send + Sync>);

#[test]
fn a_cause_is_found_behind_other_errors() {
    let wrapped = io::Error::other(Outer(io::Error::from_raw_os_error(28).into()));
    let error = StepError::from(Outer(Outer(wrapped.into()).into()));
    assert_eq!(error.kind(), "disk_full");
    assert_eq!(error.to_string(), "while preparing: No space left on device (os error 28)");
    let mut deep = io::Error::from_raw_os_error(28);
    for kind in [ErrorKind::ConnectionReset, ErrorKind::NotFound].repeat(10) {
        deep = io::Error::new(kind, Outer(deep.into()));
    }
    assert_eq!(StepError::from(deep).kind(), "disk_full", "however deep it is buried");
}

#[test]
fn texts_do_not_decide() {
    let error = Outer("connection refused: 403 no space left on device".into());
    assert_eq!(StepError::from(error).rule(), "unknown");
}

#[test]
fn a_wrapped_error_says_more_than_the_kind_around_it() {
    let inner = serde_json::from_str::<u8>("{").unwrap_err();
    let error = io::Error::new(ErrorKind::ConnectionReset, inner);
    assert_eq!(StepError::from(error).kind(), "format");
    let error = io::Error::new(ErrorKind::ConnectionReset, "just text");
    assert_eq!(StepError::from(error).kind(), "dropped");
}

#[test]
fn json_that_could_not_be_read_is_told_from_json_that_is_wrong() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::ConnectionReset.into())
        }
    }
    let broken = serde_json::from_reader::<_, u8>(Broken).unwrap_err();
    assert_eq!(StepError::from(broken).kind(), "dropped");
}
