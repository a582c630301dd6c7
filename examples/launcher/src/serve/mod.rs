//! The dashboard: on its own with `launcher serve`, or beside another command.

mod args;
mod front;
mod order;
mod run;
mod served;

pub(crate) use args::{Beside, Door};
pub(crate) use front::{Front, refused};
pub(crate) use run::run;
pub(crate) use served::Served;
