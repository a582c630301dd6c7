//! The journal through its public interface.

mod sled;
mod store;
