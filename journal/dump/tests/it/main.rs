//! `journal-dump` as its users start it.

// A line about a failure has many fields.
#![recursion_limit = "256"]

mod archive;
mod dump;
#[path = "../../../tests/it/fixture.rs"]
mod fixture;
mod follow;
mod recovery;
mod repair;
mod simulate;
mod story;
mod verify;
