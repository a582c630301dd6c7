//! Turns what went wrong into typed facts.

mod chain;
#[cfg(feature = "download")]
mod http;
mod io;
mod kinds;
#[cfg(feature = "download")]
mod net;
mod own;
mod plain;

pub use chain::evidence_of;
pub(crate) use chain::gist;
#[cfg(feature = "download")]
pub use http::http_status;
pub(crate) use plain::of_class;
pub use plain::{exit_status, grpc_status};
