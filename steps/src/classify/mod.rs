//! Typed classification of errors: over the whole chain of causes, never by message text.
//!
//! | file | rules for |
//! |---|---|
//! | `io` | numbers of the system, then `std::io::ErrorKind` |
//! | `own` | `serde_json`, tokio, and the errors of this crate |
//! | `net` | reqwest, hyper, h2, rustls, url |
//! | `http` | HTTP status and the headers that ask for a delay |

mod chain;
#[cfg(feature = "download")]
mod http;
mod io;
#[cfg(feature = "download")]
mod net;
mod own;

pub use chain::{Verdict, classify};
#[cfg(feature = "download")]
pub use http::{HttpVerdict, http_status};
