//! The API: what can be asked, and how it is answered.

mod actor;
mod body;
mod breakers;
mod buttons;
mod events;
mod health;
mod page;
mod problem;
mod records;
mod routes;
mod session;
mod settings;
mod stats;
mod ws;

pub(crate) use body::read_body;
pub(crate) use problem::{Problem, code};
pub(crate) use routes::router;
