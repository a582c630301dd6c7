//! Whether a journal is what it should be.
