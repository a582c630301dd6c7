//! What is wrong with a manifest.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The part that it is in, such as ``artifact `tiny-model` ``.
    pub place: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("the manifest {} cannot be read; check the path", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the manifest {} is not TOML:\n{}", path.display(), message.trim_end())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why, as the parser tells it.
        message: String,
    },
    /// The file breaks rules.
    #[error("the manifest {} cannot be used; nothing was started{}", path.display(), list(problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    [""].into_iter().chain(lines.iter().map(String::as_str)).collect::<Vec<_>>().join("\n  ")
}
