//! A journal, or one run of it, in one file that can be sent around.

mod error;
mod export;
mod format;
mod import;
mod read;

pub use error::{ArchiveError, ExportError, ImportError};
pub use export::{Exported, export};
pub use import::import;
pub use read::Archive;
