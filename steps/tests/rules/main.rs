//! The rules of classification, row by row, and what the author and the user may change.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod table;
