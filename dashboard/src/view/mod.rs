//! What people see.

pub(crate) mod redact;
