//! The rules of classification, row by row, and what the author and the user may change.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod author;
mod chain;
mod provoked;
mod secrets;
mod table;
mod user;
