//! Durable file operations, and how files are recognised again.
//!
//! Linux is tested; the variants for macOS and Windows follow the documentation of those systems
//! and have not been run.

mod space;
mod stamp;

#[cfg(feature = "install")]
mod beneath;
#[cfg(any(feature = "install", feature = "verify"))]
mod blocking;
#[cfg(feature = "install")]
#[cfg_attr(unix, path = "dir_unix.rs")]
#[cfg_attr(not(unix), path = "dir_portable.rs")]
mod dir;
#[cfg(any(feature = "install", feature = "verify"))]
mod quarantine;
#[cfg(any(feature = "download", feature = "install", feature = "verify"))]
mod room;

pub use space::free_space;
pub use stamp::FileStamp;

#[cfg(feature = "install")]
pub(crate) use beneath::{Beneath, Found, Kind};
#[cfg(any(feature = "install", feature = "verify"))]
pub(crate) use blocking::blocking;
#[cfg(feature = "install")]
pub(crate) use dir::Dir;
#[cfg(feature = "install")]
pub(crate) use quarantine::bad_path;
#[cfg(feature = "verify")]
pub(crate) use quarantine::quarantine;
#[cfg(feature = "download")]
pub(crate) use room::MARGIN_BYTES;
#[cfg(any(feature = "download", feature = "install", feature = "verify"))]
pub(crate) use room::or_wait_for_room;
#[cfg(feature = "install")]
pub(crate) use room::wait_for_room;
