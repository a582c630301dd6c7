//! Downloads from servers that lie, stall, break off, and from a real one.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bench;
mod chaos;
mod kill;
mod lies;
mod nginx;
mod paced;
mod resources;
mod resume;
mod server;
mod sources;
mod tls;

const MIB: usize = 1024 * 1024;
