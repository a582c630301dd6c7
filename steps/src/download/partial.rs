//! The partial file: whose it is, and how much of it can be relied on. Blocking.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::artifact::Algorithm;
use crate::context::StepContext;
use crate::digest::Hasher;

/// Where the file of a step stands: the run's id keeps it apart from all others.
pub(super) fn path(staging: &Path, cx: &StepContext) -> PathBuf {
    staging.join(format!("{}-{}.part", cx.run(), cx.step()))
}

/// Opens the file of a step, or creates it; none if an earlier attempt still writes to it.
///
/// Never follows a symbolic link: whatever is not a plain file of one name makes room.
pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if !is_plain_file(path)? {
        fs::remove_file(path)?;
    }
    let file = match options().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options().open(path)?,
        created => created?,
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // Some network file systems know no locks. The lock spares bandwidth, not correctness.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(file)),
    }
}

/// Whether the path is free, or holds a plain file without a second name.
fn is_plain_file(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_file() && has_one_name(&metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn has_one_name(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) == 1
}

#[cfg(not(unix))]
const fn has_one_name(_metadata: &fs::Metadata) -> bool {
    true
}

#[cfg(unix)]
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW);
    options
}

#[cfg(not(unix))]
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options
}

/// What a checkpoint says about the file, and what may be believed of it.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// Bytes that were durable.
    pub(super) offset: u64,
    /// The hasher over these bytes or a little fewer; none if it cannot be restored.
    pub(super) hasher: Option<Hasher>,
    /// Whether the machine has run ever since: then whatever was written is there.
    pub(super) same_boot: bool,
    /// Length of the whole file.
    pub(super) total: Option<u64>,
    /// Whether a digest will judge the file in the end.
    pub(super) digest: bool,
}

/// Keeps as much of the file as is proven, cuts off the rest, and gives the hasher over it.
///
/// The file is left open at the end of what is kept.
pub(super) fn recover(
    file: &mut File,
    algorithm: Algorithm,
    claim: Option<Claim>,
) -> io::Result<Hasher> {
    let length = file.metadata()?.len();
    let kept = claim.as_ref().map_or(0, |claim| proven(claim, length));
    let begun = claim.and_then(|claim| claim.hasher);
    let hasher = begun.filter(|h| h.algorithm() == algorithm && h.position() <= kept);
    let mut hasher = hasher.unwrap_or_else(|| Hasher::new(algorithm));
    read_into(&mut hasher, file, kept)?;
    let kept = hasher.position();
    file.set_len(kept)?;
    file.seek(SeekFrom::Start(kept))?;
    Ok(hasher)
}

/// How many bytes of the file are the beginning of what was fetched.
fn proven(claim: &Claim, length: u64) -> u64 {
    // A file that grew past its end was written by somebody else; only what was synced counts.
    let grew = claim.total.is_some_and(|total| length > total);
    if length < claim.offset {
        // Somebody cut or replaced it; only a digest can tell whether this is still the beginning.
        return if claim.digest { length } else { 0 };
    }
    if claim.same_boot && !grew { length } else { claim.offset }
}

fn read_into(hasher: &mut Hasher, file: &mut File, until: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(hasher.position()))?;
    let mut rest = file.take(until.saturating_sub(hasher.position()));
    let mut block = vec![0; READ_BYTES];
    loop {
        match rest.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(read) => hasher.update(block.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

const READ_BYTES: usize = 1024 * 1024;

/// Makes the name of the file durable.
#[cfg(unix)]
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Makes the name of the file durable; other systems do so by themselves.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "its twin can fail")]
pub(super) const fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
