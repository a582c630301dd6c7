//! `std::io::Error`: the number of the system first, then the kind.

use std::io::Error;

use super::chain::Facts;
use super::kinds;

/// What an I/O error is.
///
/// The name of a number is a fact of its own, because numbers mean something else on other
/// systems: a journal can be judged wherever it is read.
pub(super) fn facts(error: &Error) -> Facts {
    let mut facts = Facts::new();
    if let Some(number) = error.raw_os_error() {
        facts.push(("errno", number.to_string()));
        let name = NAMES.iter().find(|(known, _)| *known == number);
        facts.extend(name.map(|(_, name)| ("os", (*name).to_owned())));
    }
    let name = if error.get_ref().is_some() { "io.wrap" } else { "io" };
    facts.push((name, kinds::name(error.kind()).to_owned()));
    facts
}

/// Numbers without a usable kind, or whose kind says less.
#[cfg(unix)]
const NAMES: &[(i32, &str)] = &[
    (libc::EMFILE, "EMFILE"),
    (libc::ENFILE, "ENFILE"),
    (libc::ENOBUFS, "ENOBUFS"),
    (libc::EIO, "EIO"),
    (libc::EHOSTDOWN, "EHOSTDOWN"),
    (libc::EPROTO, "EPROTO"),
    (libc::ENOLCK, "ENOLCK"),
    (libc::ELOOP, "ELOOP"),
];

/// The same for Windows, under the names that the rules know. Not tested there.
#[cfg(windows)]
const NAMES: &[(i32, &str)] = &[
    (4, "EMFILE"),      // ERROR_TOO_MANY_OPEN_FILES
    (10024, "EMFILE"),  // WSAEMFILE
    (10055, "ENOBUFS"), // WSAENOBUFS
    (23, "ERROR_CRC"),
    (1117, "EIO"), // ERROR_IO_DEVICE
    (32, "ERROR_SHARING_VIOLATION"),
    (33, "ERROR_LOCK_VIOLATION"),
    (39, "ENOSPC"),       // ERROR_HANDLE_DISK_FULL
    (112, "ENOSPC"),      // ERROR_DISK_FULL
    (10052, "ENETRESET"), // WSAENETRESET
    (10064, "EHOSTDOWN"), // WSAEHOSTDOWN
];

#[cfg(not(any(unix, windows)))]
const NAMES: &[(i32, &str)] = &[];
