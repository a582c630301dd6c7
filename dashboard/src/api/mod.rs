//! The API: what can be asked, and how it is answered.

mod actor;
mod batches;
mod body;
mod breakers;
mod buttons;
mod compat;
mod controls;
mod cursor;
mod events;
mod health;
mod lines;
mod live;
mod metrics;
mod operation;
mod operations;
mod page;
mod problem;
mod records;
mod routes;
mod session;
mod settings;
mod stats;
mod wording;
mod ws;

pub(crate) use batches::Batches;
pub(crate) use body::read_body;
pub use compat::NewDownload;
pub(crate) use compat::Starter;
pub(crate) use health::Pulse;
pub(crate) use lines::Lines;
pub(crate) use problem::{Problem, code};
pub(crate) use routes::router;
