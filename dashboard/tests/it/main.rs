//! The dashboard through a real socket.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod api;
mod batches;
mod bounds;
mod client;
mod compat;
mod controls;
mod document;
mod doors;
mod house;
mod idempotency;
mod limits;
mod metrics;
mod names;
mod operations;
mod page;
mod promises;
mod readers;
mod sockets;
mod stalls;
mod streams;
mod tokens;
mod views;
mod wording;
