//! Names of `std::io::ErrorKind`, as they stand in evidence.

use std::io::ErrorKind;

/// The name of a kind; `other` for those without a meaning.
pub(super) fn name(kind: ErrorKind) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == kind).map_or("other", |(_, name)| name)
}

const NAMES: &[(ErrorKind, &str)] = &[
    (ErrorKind::ConnectionRefused, "connection_refused"),
    (ErrorKind::ConnectionReset, "connection_reset"),
    (ErrorKind::ConnectionAborted, "connection_aborted"),
    (ErrorKind::NotConnected, "not_connected"),
    (ErrorKind::BrokenPipe, "broken_pipe"),
    (ErrorKind::UnexpectedEof, "unexpected_eof"),
    (ErrorKind::NetworkUnreachable, "network_unreachable"),
    (ErrorKind::HostUnreachable, "host_unreachable"),
    (ErrorKind::NetworkDown, "network_down"),
    (ErrorKind::TimedOut, "timed_out"),
    (ErrorKind::StorageFull, "storage_full"),
    (ErrorKind::WriteZero, "write_zero"),
    (ErrorKind::QuotaExceeded, "quota_exceeded"),
    (ErrorKind::OutOfMemory, "out_of_memory"),
    (ErrorKind::AddrNotAvailable, "addr_not_available"),
    (ErrorKind::AddrInUse, "addr_in_use"),
    (ErrorKind::ResourceBusy, "resource_busy"),
    (ErrorKind::ExecutableFileBusy, "executable_file_busy"),
    (ErrorKind::WouldBlock, "would_block"),
    (ErrorKind::Interrupted, "interrupted"),
    (ErrorKind::Deadlock, "deadlock"),
    (ErrorKind::StaleNetworkFileHandle, "stale_network_file_handle"),
    (ErrorKind::PermissionDenied, "permission_denied"),
    (ErrorKind::ReadOnlyFilesystem, "read_only_filesystem"),
    (ErrorKind::NotFound, "not_found"),
    (ErrorKind::AlreadyExists, "already_exists"),
    (ErrorKind::NotADirectory, "not_a_directory"),
    (ErrorKind::IsADirectory, "is_a_directory"),
    (ErrorKind::DirectoryNotEmpty, "directory_not_empty"),
    (ErrorKind::InvalidFilename, "invalid_filename"),
    (ErrorKind::FileTooLarge, "file_too_large"),
    (ErrorKind::CrossesDevices, "crosses_devices"),
    (ErrorKind::InvalidData, "invalid_data"),
    (ErrorKind::InvalidInput, "invalid_input"),
    (ErrorKind::Unsupported, "unsupported"),
];
