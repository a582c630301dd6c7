//! The steps that work on files: check, unpack, install.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod archive;
mod archives;
mod common;
mod half_done;
mod install;
mod space;
mod tools;
mod verify;
