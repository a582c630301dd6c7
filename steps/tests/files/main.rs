//! The steps that work on files: check, unpack, install.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archives;
mod common;
mod install;
mod verify;
