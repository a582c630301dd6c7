//! Rules for tasks, programs, what the ready-made steps find, and what a class says by itself.

use resurge_journal::failure::{Class, Scope};

use super::row::Plan::{Backoff, Never, Now};
use super::row::{Plan, Row};

/// For what no rule knows.
pub(in crate::classify) const UNKNOWN: Row =
    Row::new("unknown", Class::Unknown, "unknown", Backoff(1))
        .limit(2)
        .hint("no rule knows this error; it may pass by itself");

/// A class that its author chose, without further knowledge.
const fn class(id: &'static str, class: Class, plan: Plan, hint: &'static str) -> Row {
    Row::new(id, class, "", plan).hint(hint)
}

pub(super) const ROWS: &[Row] = &[
    Row::new("task.elapsed", Class::Timeout, "elapsed", Backoff(1))
        .scope(Scope::Host)
        .hint("it took longer than it may; allow more time if it is merely slow")
        .sure(&[("tokio", "elapsed")]),
    Row::new("task.panic", Class::Internal, "panic", Never)
        .hint("report this as a defect of the step")
        .sure(&[("tokio", "panic")]),
    Row::new("task.cancelled", Class::Cancelled, "cancelled", Never)
        .hint("the work was called off")
        .sure(&[("tokio", "cancelled")]),
    Row::new("program.failed", Class::Unknown, "exit", Backoff(1))
        .limit(1)
        .hint("the program failed; see what it printed last")
        .sure(&[("exit", "*"), ("signal", "*")]),
    Row::new("step.artifact", Class::Validation, "artifact", Never)
        .not_sent()
        .hint("correct the artifact")
        .sure(&[("resurge", "artifact")]),
    Row::new("step.superseded", Class::Interrupted, "superseded", Never)
        .hint("nothing to do: another attempt took its place")
        .sure(&[("resurge", "superseded")]),
    Row::new("step.checkpoint_too_large", Class::Internal, "checkpoint_too_large", Never)
        .hint("keep large data in a file and its name in the checkpoint")
        .sure(&[("resurge", "checkpoint_too_large")]),
    Row::new("step.journal", Class::Interrupted, "journal_unavailable", Backoff(1))
        .hint("the journal cannot be written; open the engine again")
        .sure(&[("resurge", "journal_unavailable")]),
    Row::new("data.digest", Class::Integrity, "digest_mismatch", Backoff(2))
        .limit(2)
        .hint("the file was damaged on the way and put aside; it is fetched again")
        .sure(&[("data", "digest_mismatch")]),
    Row::new("data.size", Class::Integrity, "size_mismatch", Backoff(2))
        .limit(2)
        .hint("the file was cut on the way and put aside; it is fetched again")
        .sure(&[("data", "size_mismatch")]),
    Row::new("data.published_hash", Class::Validation, "published_hash", Never)
        .hint("the published digest looks wrong: correct it, or use another source")
        .sure(&[("data", "published_hash")]),
    Row::new("data.published_size", Class::Validation, "published_size", Never)
        .hint("the published size looks wrong: correct it, or use another source")
        .sure(&[("data", "published_size")]),
    Row::new("data.promise", Class::Integrity, "", Never)
        .hint("correct the size or the address, or give the digest of the file")
        .sure(&[("transfer", "size"), ("transfer", "encoded"), ("transfer", "too_long")]),
    Row::new("data.changed", Class::Integrity, "changed", Now)
        .limit(1)
        .hint("the file changed on the server; it is fetched anew")
        .sure(&[("data", "changed")]),
    class("class.network", Class::Network, Backoff(1), "check the connection")
        .scope(Scope::Host)
        .sure(&[("class", "network")]),
    class("class.timeout", Class::Timeout, Backoff(1), "allow more time if it is merely slow")
        .scope(Scope::Host)
        .sure(&[("class", "timeout")]),
    class("class.throttled", Class::Throttled, Backoff(1), "the site limits requests; wait")
        .scope(Scope::Host)
        .sure(&[("class", "throttled")]),
    class("class.server", Class::Server, Backoff(1), "the server failed on its side")
        .scope(Scope::Host)
        .sure(&[("class", "server")]),
    class("class.resource", Class::Resource, Backoff(1), "free memory, space or file handles")
        .sure(&[("class", "resource")]),
    class("class.permission", Class::Permission, Never, "check the rights of your account")
        .sure(&[("class", "permission")]),
    class("class.validation", Class::Validation, Never, "correct the request or the settings")
        .sure(&[("class", "validation")]),
    class("class.not_found", Class::NotFound, Never, "check that it exists")
        .sure(&[("class", "not_found")]),
    class("class.conflict", Class::Conflict, Backoff(1), "see who else is using it")
        .sure(&[("class", "conflict")]),
    class("class.integrity", Class::Integrity, Backoff(1), "the data is damaged; fetch it again")
        .sure(&[("class", "integrity")]),
    class("class.security", Class::Security, Never, "going on would not be safe; look into it")
        .sure(&[("class", "security")]),
    class(
        "class.cancelled",
        Class::Cancelled,
        Never,
        "it was called off; start it again if need be",
    )
    .sure(&[("class", "cancelled")]),
    class("class.interrupted", Class::Interrupted, Backoff(1), "nothing to do: it goes on")
        .sure(&[("class", "interrupted")]),
    class("class.internal", Class::Internal, Never, "report this as a defect")
        .sure(&[("class", "internal")]),
    class("class.unknown", Class::Unknown, Backoff(1), "it may pass by itself")
        .limit(2)
        .sure(&[("class", "unknown")]),
    UNKNOWN,
];
