//! The journal through its public interface.

mod archive;
mod checkpoints;
mod damage;
mod disk;
mod fixture;
mod follow;
mod kept_bodies;
mod kill;
mod marker;
mod mending;
mod payloads;
mod renewal;
mod store;
mod timeline;
mod trim;
#[cfg(unix)]
mod unsynced;
