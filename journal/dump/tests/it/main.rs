//! `journal-dump` as its users start it.

mod dump;
#[path = "../../../tests/it/fixture.rs"]
mod fixture;
mod story;
