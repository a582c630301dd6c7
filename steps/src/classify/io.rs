//! Rules for `std::io::Error`: the number of the system first, then the kind.

use std::io::{self, ErrorKind};

use resurge_journal::failure::Class;

use super::chain::{Says, Verdict};

/// What an I/O error says; nothing if it only wraps another error that says more.
pub(super) fn says(error: &io::Error) -> Says {
    let by_number = error.raw_os_error().and_then(|number| find(system::BY_NUMBER, &number));
    match by_number.or_else(|| by_kind(error.kind())) {
        Some(verdict) if error.get_ref().is_some() => Says::Unless(verdict),
        Some(verdict) => Says::Sure(verdict),
        None => Says::Nothing,
    }
}

/// What the kind alone says.
pub(super) fn by_kind(kind: ErrorKind) -> Option<Verdict> {
    find(BY_KIND, &kind)
}

fn find<K: PartialEq>(table: &[(K, Verdict)], key: &K) -> Option<Verdict> {
    table.iter().find(|(candidate, _)| candidate == key).map(|(_, verdict)| *verdict)
}

const REFUSED: Verdict = Verdict::retry(
    Class::Network,
    "refused",
    "the server does not accept connections: it may be down, or a firewall blocks it",
);
pub(super) const DROPPED: Verdict =
    Verdict::retry(Class::Network, "dropped", "the connection broke; nothing to do if it recovers");
const OFFLINE: Verdict =
    Verdict::retry(Class::Network, "offline", "check whether this machine is connected");
pub(super) const TIMED_OUT: Verdict =
    Verdict::retry(Class::Timeout, "timed_out", "the other side answers slowly or not at all");
const DISK_FULL: Verdict =
    Verdict::retry(Class::Resource, "disk_full", "free some space on the drive");
const QUOTA: Verdict =
    Verdict::retry(Class::Resource, "quota", "your disk quota is used up; free some space");
const HANDLES: Verdict =
    Verdict::retry(Class::Resource, "handles", "too many open files; do less at the same time");
const PORTS: Verdict =
    Verdict::retry(Class::Resource, "ports", "no free network port; do less at the same time");
const MEMORY: Verdict = Verdict::retry(Class::Resource, "memory", "close other programs");
const BUSY: Verdict =
    Verdict::retry(Class::Conflict, "busy", "another program uses the file; close it");
const IO: Verdict =
    Verdict::retry(Class::Integrity, "io", "the drive reports read or write errors; check it");
const DENIED: Verdict = Verdict::never(
    Class::Permission,
    "denied",
    "check who owns the file or folder, or choose another one",
);
const PATH: Verdict = Verdict::never(Class::Validation, "path", "check the path");

const BY_KIND: &[(ErrorKind, Verdict)] = &[
    (ErrorKind::ConnectionRefused, REFUSED),
    (ErrorKind::ConnectionReset, DROPPED),
    (ErrorKind::ConnectionAborted, DROPPED),
    (ErrorKind::NotConnected, DROPPED),
    (ErrorKind::BrokenPipe, DROPPED),
    (ErrorKind::UnexpectedEof, DROPPED),
    (ErrorKind::NetworkUnreachable, OFFLINE),
    (ErrorKind::HostUnreachable, OFFLINE),
    (ErrorKind::NetworkDown, OFFLINE),
    (ErrorKind::TimedOut, TIMED_OUT),
    (ErrorKind::StorageFull, DISK_FULL),
    (ErrorKind::WriteZero, DISK_FULL),
    (ErrorKind::QuotaExceeded, QUOTA),
    (ErrorKind::OutOfMemory, MEMORY),
    (ErrorKind::AddrNotAvailable, PORTS),
    (
        ErrorKind::AddrInUse,
        Verdict::retry(Class::Conflict, "address_in_use", "another program uses the port"),
    ),
    (ErrorKind::ResourceBusy, BUSY),
    (ErrorKind::ExecutableFileBusy, BUSY),
    (ErrorKind::WouldBlock, BUSY),
    (ErrorKind::Interrupted, BUSY),
    (ErrorKind::Deadlock, BUSY),
    (ErrorKind::StaleNetworkFileHandle, BUSY),
    (ErrorKind::PermissionDenied, DENIED),
    (
        ErrorKind::ReadOnlyFilesystem,
        Verdict::never(Class::Permission, "read_only", "the drive is read-only; choose another"),
    ),
    (
        ErrorKind::NotFound,
        Verdict::never(Class::NotFound, "file_missing", "check that the file or folder exists"),
    ),
    (ErrorKind::AlreadyExists, PATH),
    (ErrorKind::NotADirectory, PATH),
    (ErrorKind::IsADirectory, PATH),
    (ErrorKind::DirectoryNotEmpty, PATH),
    (ErrorKind::InvalidFilename, PATH),
    (
        ErrorKind::FileTooLarge,
        Verdict::never(
            Class::Validation,
            "file_too_large",
            "the format of the drive cannot hold files this large; choose another drive",
        ),
    ),
    (
        ErrorKind::CrossesDevices,
        Verdict::never(Class::Internal, "cross_device", "keep both folders on one drive"),
    ),
    (ErrorKind::InvalidData, FORMAT),
    (
        ErrorKind::InvalidInput,
        Verdict::never(Class::Validation, "input", "check the settings of the step"),
    ),
    (
        ErrorKind::Unsupported,
        Verdict::never(Class::Validation, "unsupported", "the system cannot do this"),
    ),
];

pub(super) const FORMAT: Verdict =
    Verdict::never(Class::Validation, "format", "the data is not in the expected format");

/// Numbers without a usable kind, or whose kind says less.
#[cfg(unix)]
mod system {
    use super::{BUSY, DROPPED, HANDLES, IO, MEMORY, OFFLINE, PATH, Verdict};

    pub(super) const BY_NUMBER: &[(i32, Verdict)] = &[
        (libc::EMFILE, HANDLES),
        (libc::ENFILE, HANDLES),
        (libc::ENOBUFS, MEMORY),
        (libc::EIO, IO),
        (libc::EHOSTDOWN, OFFLINE),
        (libc::EPROTO, DROPPED),
        (libc::ENOLCK, BUSY),
        (libc::ELOOP, PATH),
    ];
}

/// Numbers without a usable kind, or whose kind says less. Not tested on Windows.
#[cfg(windows)]
mod system {
    use super::{BUSY, DISK_FULL, DROPPED, HANDLES, IO, MEMORY, OFFLINE, Verdict};

    pub(super) const BY_NUMBER: &[(i32, Verdict)] = &[
        (4, HANDLES),     // ERROR_TOO_MANY_OPEN_FILES
        (10024, HANDLES), // WSAEMFILE
        (10055, MEMORY),  // WSAENOBUFS
        (23, IO),         // ERROR_CRC
        (1117, IO),       // ERROR_IO_DEVICE
        (32, BUSY),       // ERROR_SHARING_VIOLATION
        (33, BUSY),       // ERROR_LOCK_VIOLATION
        (39, DISK_FULL),  // ERROR_HANDLE_DISK_FULL
        (112, DISK_FULL), // ERROR_DISK_FULL
        (10052, DROPPED), // WSAENETRESET
        (10064, OFFLINE), // WSAEHOSTDOWN
    ];
}

#[cfg(not(any(unix, windows)))]
mod system {
    pub(super) const BY_NUMBER: &[(i32, super::Verdict)] = &[];
}

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::super::classify;
    use super::*;

    #[test]
    fn numbers_of_the_system_are_told_apart() {
        let table = [
            (libc::ECONNREFUSED, Class::Network, "refused", true),
            (libc::ECONNRESET, Class::Network, "dropped", true),
            (libc::ECONNABORTED, Class::Network, "dropped", true),
            (libc::EPIPE, Class::Network, "dropped", true),
            (libc::ENETUNREACH, Class::Network, "offline", true),
            (libc::EHOSTUNREACH, Class::Network, "offline", true),
            (libc::ENETDOWN, Class::Network, "offline", true),
            (libc::EHOSTDOWN, Class::Network, "offline", true),
            (libc::ETIMEDOUT, Class::Timeout, "timed_out", true),
            (libc::ENOSPC, Class::Resource, "disk_full", true),
            (libc::EDQUOT, Class::Resource, "quota", true),
            (libc::EMFILE, Class::Resource, "handles", true),
            (libc::ENFILE, Class::Resource, "handles", true),
            (libc::EADDRNOTAVAIL, Class::Resource, "ports", true),
            (libc::ENOMEM, Class::Resource, "memory", true),
            (libc::EACCES, Class::Permission, "denied", false),
            (libc::EPERM, Class::Permission, "denied", false),
            (libc::EROFS, Class::Permission, "read_only", false),
            (libc::EBUSY, Class::Conflict, "busy", true),
            (libc::ETXTBSY, Class::Conflict, "busy", true),
            (libc::EAGAIN, Class::Conflict, "busy", true),
            (libc::ENOLCK, Class::Conflict, "busy", true),
            (libc::ESTALE, Class::Conflict, "busy", true),
            (libc::EIO, Class::Integrity, "io", true),
            (libc::ENOENT, Class::NotFound, "file_missing", false),
            (libc::ENOTDIR, Class::Validation, "path", false),
            (libc::EISDIR, Class::Validation, "path", false),
            (libc::ENAMETOOLONG, Class::Validation, "path", false),
            (libc::ELOOP, Class::Validation, "path", false),
            (libc::EFBIG, Class::Validation, "file_too_large", false),
            (libc::EXDEV, Class::Internal, "cross_device", false),
        ];
        for (number, class, kind, retry) in table {
            let error = io::Error::from_raw_os_error(number);
            let verdict = classify(&error);
            assert_eq!(
                (verdict.class, verdict.kind, verdict.retry),
                (class, kind, retry),
                "{error}"
            );
            assert!(verdict.hint.is_some(), "{error}");
        }
    }

    #[test]
    fn a_full_device_is_out_of_space() {
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let error = full.write_all(b"x").unwrap_err();
        assert_eq!(classify(&error).kind, "disk_full");
    }

    #[test]
    fn a_file_that_may_not_be_read_is_denied() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        // The superuser may read everything; it may not remove the kernel's own files.
        let error = File::open(&path).err();
        let error = error.unwrap_or_else(|| std::fs::remove_file("/proc/version").unwrap_err());
        assert_eq!(classify(&error).class, Class::Permission, "{error}");
    }

    #[test]
    fn a_wrapped_error_says_more_than_the_kind_around_it() {
        let inner = serde_json::from_str::<u8>("{").unwrap_err();
        let error = io::Error::new(ErrorKind::ConnectionReset, inner);
        assert_eq!(classify(&error).kind, "format");
        let error = io::Error::new(ErrorKind::ConnectionReset, "just text");
        assert_eq!(classify(&error).kind, "dropped");
    }
}
