//! A download over HTTP(S) that goes on at the very byte where it was broken off.
//!
//! | file | what it does |
//! |---|---|
//! | `plan`, `judge`, `identity`, `range`, `redirect`, `place` | decide, without input or output |
//! | `attempt`, `exchange`, `request`, `transfer` | one attempt, one source, one request, one body |
//! | `client`, `partial`, `writer`, `keeper` | connections, the partial file, its writer, its checkpoints |

mod attempt;
mod client;
mod exchange;
mod identity;
mod judge;
mod keeper;
mod options;
mod partial;
mod place;
mod plan;
mod range;
mod redirect;
mod request;
mod saved;
mod step;
mod transfer;
mod writer;

pub use crate::artifact::Downloaded;
pub use options::{Download, InvalidHeader};
