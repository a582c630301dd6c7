//! Typed classification of errors: over the whole chain of causes, never by message text.
//!
//! Two halves that know nothing of each other: extraction turns an error into
//! [`Evidence`](resurge_journal::failure::Evidence), and a table of rules turns evidence into a
//! [`Ruling`]. The journal keeps the evidence, so the rules can be run again over its history.
//!
//! | file | what it does |
//! |---|---|
//! | `extract` | errors, HTTP answers and exits of programs, as typed facts |
//! | `redact` | takes secrets out of texts |
//! | `rules` | the table: what each fact means, one row for each rule |
//! | `judge` | finds the row that decides |
//! | `author` | what the author of a step says, which beats every rule |
//! | `user` | rules of the user, before and after ours |

mod author;
mod extract;
mod judge;
mod redact;
mod rules;
mod ruling;
mod user;

#[cfg(feature = "download")]
pub use extract::http_status;
pub use extract::{evidence_of, exit_status, grpc_status};
pub use judge::{catalogue, classify, reclassify};
pub use redact::redact;
pub use rules::RuleInfo;
pub use ruling::Ruling;
pub use user::{Rule, Rules};

pub(crate) use author::{Author, apply, overrides};
pub(crate) use extract::{gist, of_class};
