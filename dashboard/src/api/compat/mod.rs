//! The routes of the launcher that this engine was first made for, with real effect.
//!
//! Bodies are `{"success": true, ..}`, refusals `{"success": false, "error": ".."}`.

mod download;
pub(super) mod downloads;
pub(super) mod recovery;
mod refused;
pub(super) mod settings;
mod start;

pub(in crate::api) use refused::{Refusal, in_old_words};
pub use start::NewDownload;
pub(crate) use start::Starter;
