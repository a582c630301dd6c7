//! What is known by a number or by name: exits of programs, gRPC, a class that its author chose.

use std::process::ExitStatus;

use resurge_journal::failure::{Class, Evidence, Failure};

/// How a program ended: `exit:3`, or `signal:9` where it was killed.
///
/// Meant for programs that failed; what a code means is for rules of the user to say.
pub fn exit_status(status: ExitStatus) -> Evidence {
    let mut evidence = Evidence::default();
    match (status.code(), signal(status)) {
        (Some(code), _) => evidence.fact("exit", code),
        (None, Some(signal)) => evidence.fact("signal", signal),
        (None, None) => evidence.fact("exit", "unknown"),
    };
    evidence
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
const fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

/// How a gRPC call ended, by its code, such as 14 for `UNAVAILABLE`.
pub fn grpc_status(code: i32) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.fact("grpc", code);
    evidence
}

/// A class and a kind that the author of a step chose.
pub(crate) fn of_class(class: Class, kind: &str) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.fact("class", class.name());
    evidence.fact("kind", crate::error::cut(kind, Failure::KIND_BYTES_MAX));
    evidence
}
