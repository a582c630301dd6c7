//! The Download Dashboard of the Resurge workflow engine.
//!
//! A page to look at while downloads go on, the API behind it, and the guard before both. It reads
//! the events of an [`Engine`](resurge::Engine) and sends it commands, no more: whatever it can do
//! can be done without it.
//!
//! | to | see |
//! |---|---|
//! | serve it | [`Dashboard::serve`], [`Dashboard::url`] |
//! | put it into a server of your own | [`Dashboard::router`] |
//! | keep others out | [`Token`], [`DashboardBuilder::hosts`], [`Limits`] |
//! | add to it | [`Button`], [`DashboardBuilder::starter`] |
//! | show it elsewhere, such as on a terminal | [`Dashboard::watch`], [`view::View`] |

mod api;
mod assets;
mod board;
mod button;
mod dashboard;
mod guard;
mod serve;
mod token;
mod turns;
pub mod view;

pub use api::NewDownload;
pub use board::{Live, ViewMessage};
pub use button::Button;
pub use dashboard::{Dashboard, DashboardBuilder, DashboardError};
pub use guard::{Limits, Rate};
pub use serve::ServeError;
pub use token::{Token, TokenError};
