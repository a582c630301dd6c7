//! Rules for `std::io::Error`: the number of the system first, then the kind.

use std::io;

use resurge_journal::failure::Class;

use super::chain::Verdict;

/// What an I/O error says; none if it only wraps another error that says more.
pub(super) fn classify(error: &io::Error) -> Option<Verdict> {
    (error.kind() == io::ErrorKind::StorageFull).then_some(Verdict {
        class: Class::Resource,
        kind: "disk_full",
        hint: Some("free some space on the drive"),
        retry: true,
    })
}
