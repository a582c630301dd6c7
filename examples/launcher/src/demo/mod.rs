//! `launcher demo`: a flaky server and a launcher that copes with it, in one process.

mod fault;
mod http;
mod model;
mod server;
mod show;

pub(crate) use show::run;
