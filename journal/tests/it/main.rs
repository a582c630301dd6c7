//! The journal through its public interface.

mod fixture;
mod kill;
mod sled;
mod store;
