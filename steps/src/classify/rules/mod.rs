//! The table of rules: one row says what its facts mean.

mod http;
mod io;
mod net;
mod row;
mod step;

pub use row::RuleInfo;
pub(super) use row::{Plan, Row, When};

/// Every table, in the order in which they are asked.
pub(super) const TABLES: &[&[Row]] = &[http::ROWS, io::ROWS, net::ROWS, step::ROWS];

pub(super) use net::{BAD_ANSWER, DROPPED, TLS_IO};
pub(super) use step::UNKNOWN;
