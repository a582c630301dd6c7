//! The journal through its public interface.

mod disk;
mod fixture;
mod kill;
mod store;
