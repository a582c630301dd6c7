//! The dashboard through a real socket.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod api;
mod client;
mod document;
mod doors;
mod house;
mod limits;
mod page;
mod sockets;
mod streams;
mod tokens;
