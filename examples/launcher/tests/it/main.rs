//! The launcher from outside: the binary, a server that can be told what to do, the journal.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may fail by panicking"
)]

mod bench;
mod clocks;
mod commands;
mod dashboards;
mod disks;
mod journal;
mod kills;
mod manifests;
mod outages;
mod retries;
mod runs;
mod server;
mod shows;
#[cfg(target_os = "linux")]
mod terminals;
mod throttled;
mod web;
