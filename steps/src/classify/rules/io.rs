//! Rules for the system's errors, other than those of the network.

use resurge_journal::failure::{Class, Scope};

use super::row::Plan::{Backoff, Never, Now};
use super::row::Row;

pub(super) const ROWS: &[Row] = &[
    Row::new("io.disk_full", Class::Resource, "disk_full", Backoff(1))
        .scope(Scope::Volume)
        .hint("free some space on the drive")
        .sure(&[("io", "storage_full"), ("io", "write_zero"), ("os", "ENOSPC")]),
    Row::new("io.quota", Class::Resource, "quota", Backoff(1))
        .scope(Scope::Volume)
        .hint("your disk quota is used up; free some space")
        .sure(&[("io", "quota_exceeded")]),
    Row::new("io.handles", Class::Resource, "handles", Backoff(2))
        .scope(Scope::Process)
        .hint("too many open files; do less at the same time")
        .sure(&[("os", "EMFILE"), ("os", "ENFILE")]),
    Row::new("io.ports", Class::Resource, "ports", Backoff(2))
        .scope(Scope::Process)
        .not_sent()
        .hint("no free network port; do less at the same time")
        .sure(&[("io", "addr_not_available")]),
    Row::new("io.memory", Class::Resource, "memory", Backoff(4))
        .limit(2)
        .scope(Scope::Process)
        .hint("there is not enough memory; close other programs")
        .sure(&[("io", "out_of_memory"), ("signal", "9")]),
    Row::new("io.denied", Class::Permission, "denied", Never)
        .hint("check who owns the file or folder, or choose another one")
        .sure(&[("io", "permission_denied")]),
    Row::new("io.read_only", Class::Permission, "read_only", Never)
        .scope(Scope::Volume)
        .hint("the drive is read-only; choose another")
        .sure(&[("io", "read_only_filesystem")]),
    Row::new("io.file_in_use", Class::Conflict, "file_in_use", Backoff(1))
        .limit(10)
        .hint("another program, such as an antivirus, uses the file; close it")
        .sure(&[("os", "ERROR_SHARING_VIOLATION"), ("os", "ERROR_LOCK_VIOLATION")]),
    Row::new("io.busy", Class::Conflict, "busy", Backoff(1))
        .limit(8)
        .hint("another program uses the file; close it")
        .sure(&[
            ("io", "resource_busy"),
            ("io", "executable_file_busy"),
            ("io", "would_block"),
            ("io", "deadlock"),
            ("io", "stale_network_file_handle"),
            ("os", "ENOLCK"),
        ]),
    Row::new("io.address_in_use", Class::Conflict, "address_in_use", Backoff(1))
        .limit(8)
        .hint("another program uses the port")
        .sure(&[("io", "addr_in_use")]),
    Row::new("io.interrupted", Class::Conflict, "busy", Now)
        .hint("nothing to do: a signal came in between")
        .sure(&[("io", "interrupted")]),
    Row::new("io.drive", Class::Integrity, "io", Backoff(1))
        .limit(1)
        .scope(Scope::Volume)
        .hint("the drive reports read or write errors; check it")
        .sure(&[("os", "EIO"), ("os", "ERROR_CRC")]),
    Row::new("io.missing", Class::NotFound, "file_missing", Never)
        .hint("check that the file or folder exists")
        .sure(&[("io", "not_found")]),
    Row::new("io.path", Class::Validation, "path", Never).hint("check the path").sure(&[
        ("os", "ELOOP"),
        ("io", "already_exists"),
        ("io", "not_a_directory"),
        ("io", "is_a_directory"),
        ("io", "directory_not_empty"),
        ("io", "invalid_filename"),
    ]),
    Row::new("io.file_too_large", Class::Validation, "file_too_large", Never)
        .scope(Scope::Volume)
        .hint("the format of the drive cannot hold files this large; choose another drive")
        .sure(&[("io", "file_too_large")]),
    Row::new("io.cross_device", Class::Internal, "cross_device", Never)
        .hint("keep both folders on one drive")
        .sure(&[("io", "crosses_devices")]),
    Row::new("io.input", Class::Validation, "input", Never)
        .hint("check the settings of the step")
        .sure(&[("io", "invalid_input")]),
    Row::new("io.unsupported", Class::Validation, "unsupported", Never)
        .hint("the system cannot do this")
        .sure(&[("io", "unsupported")]),
    Row::new("data.format", Class::Validation, "format", Never)
        .hint("the data is not in the expected format")
        .sure(&[("io", "invalid_data"), ("json", "*")])
        .unless(&[("reqwest", "decode")]),
];
