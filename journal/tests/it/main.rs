//! The journal through its public interface.

mod archive;
mod damage;
mod disk;
mod fixture;
mod follow;
mod kill;
mod marker;
mod store;
