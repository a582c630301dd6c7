//! The journal through its public interface.

mod dump;
mod fixture;
mod kill;
mod sled;
mod store;
