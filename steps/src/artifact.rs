//! What to fetch, what it must be, and where it goes: the input of the ready-made steps.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[cfg(feature = "fs")]
use crate::fs::FileStamp;

/// An artifact: where it comes from, what it must be, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Where it is fetched from; `http` or `https`.
    pub url: String,
    /// Other places that hold the very same bytes, tried in turn after a failure.
    ///
    /// A partial download goes on at another place only if `digest` is known.
    #[serde(default)]
    pub mirrors: Vec<String>,
    /// The digest it must have; without one only its length is checked.
    #[serde(default)]
    pub digest: Option<Expected>,
    /// Its size in bytes, if that is known beforehand.
    #[serde(default)]
    pub size: Option<u64>,
    /// Folder for the partial file; on the volume of `root`, so that it can be renamed into place.
    pub staging: PathBuf,
    /// The folder that nothing may leave.
    pub root: PathBuf,
    /// Where it goes, below `root`: a file, or a folder if it is unpacked.
    pub install_to: InstallPath,
    /// Whether it is an archive to be unpacked.
    #[serde(default)]
    pub unpack: Unpack,
}

/// A file that was fetched and not yet checked: what the download gives and the check takes.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downloaded {
    /// Where the file is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// The digest computed while it arrived.
    pub digest: Expected,
    /// Shows that the file is still the one that was hashed.
    pub stamp: FileStamp,
    /// The server it came from, without path, query or secrets.
    pub origin: String,
    /// Bytes that an earlier attempt had left.
    pub resumed_bytes: u64,
    /// Bytes that were fetched by the last attempt.
    pub fetched_bytes: u64,
    /// Whether nothing showed that the file is complete: the server told no length.
    pub unverified_length: bool,
}

/// A file that passed the check.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Where the file is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub digest: Expected,
    /// Shows that the file is still the one that was checked.
    pub stamp: FileStamp,
    /// What the file was checked against.
    pub checked: Checked,
    /// Where the next step will rename it to, if it goes into its place as it is.
    ///
    /// A process that dies after that rename finds the file here, and nothing is fetched again.
    pub target: Option<PathBuf>,
}

/// What a file was checked against.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// The digest that was published for it.
    Digest,
    /// Only the size that was published for it: any damage that keeps the size goes unseen.
    Size,
    /// Nothing was published to check it against.
    Nothing,
}

/// A digest that a file must have, such as `sha256:9f86d0…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expected {
    algorithm: Algorithm,
    hex: String,
}

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// SHA-2 with 256 bits.
    Sha256,
    /// SHA-2 with 512 bits.
    Sha512,
    /// BLAKE3 with 256 bits.
    Blake3,
}

/// What becomes of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Unpack {
    /// It is installed as it is.
    #[default]
    #[serde(rename = "none")]
    No,
    /// A zip archive, unpacked into a folder.
    #[serde(rename = "zip")]
    Zip,
    /// A gzip-compressed tar archive, unpacked into a folder.
    #[serde(rename = "tar.gz")]
    TarGz,
    /// A zstd-compressed tar archive, unpacked into a folder.
    #[serde(rename = "tar.zst")]
    TarZst,
}

/// A path below some root: relative, without `..`, safe on every system.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstallPath(String);

/// A value of an [`Artifact`] that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidArtifact {
    /// Not a path below the root.
    #[error("`{path}` is not a path below the install folder: {problem}")]
    Path {
        /// The path.
        path: String,
        /// The rule that it breaks.
        problem: &'static str,
    },
    /// Not a digest.
    #[error("`{text}` is not a {algorithm} digest; use {digits} hexadecimal digits")]
    Digest {
        /// The text.
        text: String,
        /// The algorithm.
        algorithm: Algorithm,
        /// Digits that it needs.
        digits: usize,
    },
    /// Not an algorithm.
    #[error("`{text}` is not a digest such as `sha256:…`, `sha512:…` or `blake3:…`")]
    Algorithm {
        /// The text.
        text: String,
    },
}

impl Algorithm {
    /// Hexadecimal digits of a digest.
    pub const fn hex_digits(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 64,
            Self::Sha512 => 128,
        }
    }

    /// The algorithm of this name.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha512, Self::Blake3].into_iter().find(|a| a.name() == name)
    }

    /// Its name, such as `sha256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Blake3 => "blake3",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Expected {
    /// A digest in hexadecimal; upper case is accepted.
    ///
    /// # Errors
    /// [`InvalidArtifact::Digest`] if it has another length or other characters.
    pub fn new(algorithm: Algorithm, hex: &str) -> Result<Self, InvalidArtifact> {
        let digits = algorithm.hex_digits();
        if hex.len() == digits && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self { algorithm, hex: hex.to_ascii_lowercase() })
        } else {
            Err(InvalidArtifact::Digest { text: hex.to_owned(), algorithm, digits })
        }
    }

    /// What a hasher computed; its hexadecimal digits are right by construction.
    #[cfg(feature = "digest")]
    pub(crate) const fn of_digest(algorithm: Algorithm, hex: String) -> Self {
        Self { algorithm, hex }
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest in lower-case hexadecimal.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex)
    }
}

impl FromStr for Expected {
    type Err = InvalidArtifact;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || InvalidArtifact::Algorithm { text: text.to_owned() };
        let (name, hex) = text.split_once(':').ok_or_else(unknown)?;
        let algorithm = Algorithm::by_name(name).ok_or_else(unknown)?;
        Self::new(algorithm, hex)
    }
}

impl TryFrom<String> for Expected {
    type Error = InvalidArtifact;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Expected> for String {
    fn from(expected: Expected) -> Self {
        expected.to_string()
    }
}

impl InstallPath {
    /// Checks a path: relative, forward slashes, no `..`, and usable on Linux, macOS and Windows.
    ///
    /// # Errors
    /// [`InvalidArtifact::Path`] with the rule that it breaks.
    pub fn new(path: impl Into<String>) -> Result<Self, InvalidArtifact> {
        let path = path.into();
        match problem_with(&path) {
            None => Ok(Self(path)),
            Some(problem) => Err(InvalidArtifact::Path { path, problem }),
        }
    }

    /// The path as text, with forward slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below a root.
    pub fn below(&self, root: &Path) -> PathBuf {
        self.0.split('/').fold(root.to_owned(), |path, part| path.join(part))
    }
}

impl fmt::Display for InstallPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for InstallPath {
    type Error = InvalidArtifact;

    fn try_from(path: String) -> Result<Self, Self::Error> {
        Self::new(path)
    }
}

impl From<InstallPath> for String {
    fn from(path: InstallPath) -> Self {
        path.0
    }
}

/// The first rule that a relative path breaks. Also used for the entries of archives.
pub(crate) fn problem_with(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty");
    }
    if path.len() > PATH_BYTES_MAX {
        return Some("it is longer than 1024 bytes");
    }
    if path.starts_with('/') {
        return Some("it is absolute");
    }
    if path.contains('\\') {
        return Some("it contains a backslash; use `/`");
    }
    if path.contains(':') {
        return Some("it contains a colon, which names a drive or a stream on Windows");
    }
    if path.chars().any(char::is_control) {
        return Some("it contains a control character");
    }
    path.split('/').find_map(problem_with_component)
}

fn problem_with_component(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        return Some("it has an empty component");
    }
    if part == ".." {
        return Some("it leaves the folder with `..`");
    }
    if part == "." {
        return Some("it contains a `.` component");
    }
    if part.len() > COMPONENT_BYTES_MAX {
        return Some("a component is longer than 255 bytes");
    }
    if part.ends_with('.') || part.ends_with(' ') {
        return Some("a component ends with a dot or a space, which Windows drops");
    }
    let stem = part.split('.').next().unwrap_or(part).trim_end();
    if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(stem)) {
        return Some("a component is a device name on Windows");
    }
    None
}

const PATH_BYTES_MAX: usize = 1024;
const COMPONENT_BYTES_MAX: usize = 255;
const RESERVED: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8",
    "COM9", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_install_path_stays_below_its_root() {
        let root = Path::new("/models");
        let path = InstallPath::new("checkpoints/tiny.safetensors").unwrap();
        assert_eq!(path.below(root), Path::new("/models/checkpoints/tiny.safetensors"));
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "c:/x",
            "a\\b",
            "a\0b",
            "a\nb",
            "nul",
            "a/COM1.txt",
            "a/b.",
            "a /b",
            &"x".repeat(256),
            &"a/".repeat(600),
        ] {
            assert!(InstallPath::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_digest_has_the_length_of_its_algorithm() {
        let hex = "AB".repeat(32);
        let digest: Expected = format!("sha256:{hex}").parse().unwrap();
        assert_eq!(digest.hex(), hex.to_lowercase());
        assert!(format!("sha512:{hex}").parse::<Expected>().is_err());
        assert!(format!("md5:{hex}").parse::<Expected>().is_err());
        assert!("sha256:xyz".parse::<Expected>().is_err());
    }
}
