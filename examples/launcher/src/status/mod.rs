//! `launcher status`: where every artifact stands, read from the journal without an engine.

mod json;
mod show;
mod summary;

pub(crate) use show::{fold, run, stats};
