//! `launcher demo`: flaky servers and a launcher that copes with them.

mod dashboard;
mod fault;
mod http;
mod model;
mod server;
mod show;
mod table;

pub(crate) use dashboard::{Show, Tempo, play, play_engine};
pub(crate) use show::run;
