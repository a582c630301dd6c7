//! The token: who has it may do everything that the dashboard can do.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The secret that a client must show.
///
/// Its debug form does not tell it.
#[derive(Clone)]
pub struct Token {
    text: String,
}

/// A token that could not be read or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The system has no luck to give.
    #[error(
        "the system gives no random bytes; make 64 hex digits yourself and write them to the token file"
    )]
    Random,
    /// The file cannot be read or written.
    #[error("the token file {} cannot be used; make its folder writable for this user, or name another file", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else stands at the path.
    #[error("{} is no regular file; remove it, and a new token is made there", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Others than the owner may read or write the file.
    #[error("others may read the token file {}; remove it, and a new token is made that only you can read", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to somebody else.
    #[error("the token file {} belongs to another user; remove it or name another file", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("the file {} holds no token of 64 hex digits; remove it, and a new one is made", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// Makes a token of 32 random bytes.
    ///
    /// # Errors
    /// [`TokenError::Random`] if the system gives no random bytes.
    pub fn random() -> Result<Self, TokenError> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| TokenError::Random)?;
        Ok(Self { text: hex(&bytes) })
    }

    /// Reads the token of a file, or makes one there that only its owner can read.
    ///
    /// A file that others may read is refused: somebody may know the token already. On systems
    /// without permission bits the folder must keep others out.
    ///
    /// # Errors
    /// [`TokenError`] if the file cannot be read or made, or if it is not safe to use.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, TokenError> {
        let path = path.as_ref();
        match Self::create(path) {
            Err(TokenError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                Self::load(path)
            }
            made => made,
        }
    }

    /// The token in 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn create(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::Io { path: path.to_owned(), source };
        let token = Self::random()?;
        let mut options = OpenOptions::new();
        // Neither a file nor a link may stand there.
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        let written = file.write_all(token.text.as_bytes()).and_then(|()| file.sync_all());
        if let Err(source) = written {
            // Half a token would be refused for ever; that it cannot be removed changes nothing.
            drop(std::fs::remove_file(path));
            return Err(failed(source));
        }
        Ok(token)
    }

    fn load(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::Io { path: path.to_owned(), source };
        let is_link = path.symlink_metadata().map_err(failed)?.is_symlink();
        if is_link {
            return Err(TokenError::NotAFile { path: path.to_owned() });
        }
        let file = open_no_link(path).map_err(failed)?;
        check(&file, path)?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        let text = text.trim();
        let is_token = text.len() == 2 * TOKEN_BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
        if is_token {
            Ok(Self { text: text.to_owned() })
        } else {
            Err(TokenError::Malformed { path: path.to_owned() })
        }
    }

    /// Whether this is the token; takes as long whatever is given.
    pub(crate) fn is(&self, given: &str) -> bool {
        // Comparing two hashes of blake3 takes constant time.
        blake3::hash(given.as_bytes()) == blake3::hash(self.text.as_bytes())
    }

    /// What a browser keeps instead of the token, the same after a restart.
    pub(crate) fn cookie(&self) -> String {
        hex(&blake3::derive_key(COOKIE_PURPOSE, self.text.as_bytes()))
    }

    /// Whether this is the cookie; takes as long whatever is given.
    pub(crate) fn is_cookie(&self, given: &str) -> bool {
        blake3::hash(given.as_bytes()) == blake3::hash(self.cookie().as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(unix)]
fn open_no_link(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // Not to wait for the other end of a pipe that stands there instead.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open_no_link(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

/// Refuses what is no file of ours that only we can read.
fn check(file: &File, path: &Path) -> Result<(), TokenError> {
    let failed = |source| TokenError::Io { path: path.to_owned(), source };
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(TokenError::NotAFile { path: path.to_owned() });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(TokenError::NotOurs { path: path.to_owned() });
        }
        if found.mode() & 0o077 != 0 {
            return Err(TokenError::Exposed { path: path.to_owned() });
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}

const TOKEN_BYTES: usize = 32;
const FILE_BYTES_MAX: u64 = 1_024;
const COOKIE_PURPOSE: &str = "resurge dashboard 2026-11 cookie of a browser";
