//! `launcher top`: what the dashboard shows, on a terminal.
//!
//! `app` and `draw` are pure: keys and views go in, wishes and frames come out. `remote` and
//! `local` are the two ends that views can come from, `run` is the loop between them.

mod app;
mod ask;
mod clock;
mod draw;
#[cfg(test)]
mod ends_tests;
mod error;
mod feed;
mod ink;
mod keys;
mod local;
mod notice;
mod remote;
mod run;
mod screen;
mod source;
mod sse;
mod stage;
#[cfg(test)]
mod testing;
mod text;
mod window;

pub(crate) use error::TopError;
pub(crate) use run::run;
