//! `launcher status`: where every artifact stands, read from the journal without an engine.

mod json;
mod show;

pub(crate) use show::{fold, run};
