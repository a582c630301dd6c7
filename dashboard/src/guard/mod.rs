//! What stands before every request: who may ask, from where, how much and how often.

mod auth;
mod bucket;
mod door;
mod headers;
mod host;
mod idempotency;
mod limits;
mod origin;
mod slot;

pub(crate) use auth::{Credential, set_cookie, unset_cookie};
pub(crate) use bucket::Bucket;
pub(crate) use door::{Host, guard, read_only};
pub(crate) use host::AllowedHost;
pub(crate) use idempotency::{Answers, work};
pub use limits::{Limits, Rate};
pub(crate) use slot::Slot;
