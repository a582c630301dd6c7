//! Durable file operations, and how files are recognised again.

mod stamp;

pub use stamp::FileStamp;
