//! Made-up records for the tests beside the code.

mod arbitrary;

pub(crate) use arbitrary::records;
