//! Made-up records for the tests beside the code.

mod arbitrary;
mod docs;

pub(crate) use arbitrary::records;
