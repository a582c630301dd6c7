//! The folder of a journal: what is in it, who may read it, and that it is on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{base, checkpoint, index, payloads, segment};

/// Tells a journal from every other folder; written last when a journal is created.
pub(super) const MARKER: &str = "FORMAT";
/// What it is called until all of it is written.
pub(super) const MARKER_DRAFT: &str = "FORMAT.new";
/// Far more than any release will write into it.
const MARKER_BYTES_MAX: u64 = 64 * 1024;
/// Stands while a journal is being created; written first, removed last.
pub(super) const CREATING: &str = "CREATING";
/// Where damaged things go; nothing in it is ever removed, nor read but for the bodies it needs.
const QUARANTINE: &str = "quarantine";

/// Format of the folder that this release writes, and the latest that it reads.
const FORMAT: u32 = 2;

/// What stands in [`MARKER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    pub(super) format: u32,
    pub(super) journal: Uuid,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Folder {
    /// Nothing is there.
    Missing,
    /// An empty folder, or one in which the creation of a journal was cut short.
    Unmade,
    Journal {
        journal: Uuid,
    },
    /// A journal of a later format.
    Newer {
        format: u32,
    },
    /// Something else.
    Foreign {
        problem: String,
    },
}

/// Looks at a path without changing anything.
pub(super) fn look(dir: &Path) -> io::Result<Folder> {
    match fs::metadata(dir) {
        Ok(found) if !found.is_dir() => {
            return Ok(Folder::Foreign { problem: "it is not a folder".to_owned() });
        }
        Ok(_) => {}
        Err(error) if is_absent(&error) => return Ok(Folder::Missing),
        Err(error) => return Err(error),
    }
    let mut text = Vec::new();
    let marker = open(&dir.join(MARKER));
    match marker.and_then(|file| file.take(MARKER_BYTES_MAX).read_to_end(&mut text)) {
        Ok(_) => return Ok(read_marker(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return Ok(Folder::Foreign { problem: format!("its {MARKER} file: {error}") });
        }
        Err(error) => return Err(error),
    }
    if dir.join(CREATING).exists() {
        return Ok(Folder::Unmade);
    }
    for entry in fs::read_dir(dir)? {
        if entry?.file_name() != super::lock::NAME {
            let problem = format!("it has no {MARKER} file, but other files");
            return Ok(Folder::Foreign { problem });
        }
    }
    Ok(Folder::Unmade)
}

/// A path can be absent in two ways: nothing is there, or something on the way is a file.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn read_marker(text: &[u8]) -> Folder {
    /// The one field that every format of the marker has.
    #[derive(Deserialize)]
    struct AnyMarker {
        format: u32,
    }
    match serde_json::from_slice::<AnyMarker>(text) {
        Ok(marker) if marker.format > FORMAT => Folder::Newer { format: marker.format },
        Ok(marker) if marker.format < FORMAT => {
            let format = marker.format;
            let problem = format!("format {format} was given up before the first release");
            Folder::Foreign { problem }
        }
        Ok(_) => match serde_json::from_slice::<Marker>(text) {
            Ok(marker) => Folder::Journal { journal: marker.journal },
            Err(error) => Folder::Foreign { problem: format!("its {MARKER} file: {error}") },
        },
        Err(error) => Folder::Foreign { problem: format!("its {MARKER} file: {error}") },
    }
}

/// Makes the folder a journal; the last act of creation.
pub(super) fn write_marker(dir: &Path, journal: Uuid) -> io::Result<()> {
    let draft = dir.join(MARKER_DRAFT);
    let mut text = serde_json::to_vec(&Marker { format: FORMAT, journal })?;
    text.push(b'\n');
    let mut file = create(&draft)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(draft, dir.join(MARKER))?;
    sync_dir(dir)
}

/// Makes the folder that a journal is created in, with a sign that it is being created.
pub(super) fn prepare(dir: &Path) -> io::Result<()> {
    let sign = create(&dir.join(CREATING))?;
    sign.sync_all()?;
    sync_dir(dir)?;
    // What an earlier creation left is without value: no marker was ever written for it.
    for left in [segment::DIR, index::DIR, checkpoint::DIR, payloads::DIR] {
        remove_all(&dir.join(left))?;
    }
    for left in base::NAMES {
        remove(&dir.join(left))?;
    }
    segment::create_dir(dir)
}

/// Copies a folder with all that is in it; nothing if it is not there.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    make_private_dir(to)?;
    for entry in entries {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&path, &to)
        } else {
            // Not with its mode: what may only be read cannot be opened by sled.
            io::copy(&mut open(&path)?, &mut create(&to)?).map(|_| ())
        }?;
    }
    Ok(())
}

/// Bytes of the files of a journal; what others keep beside them is not counted.
pub(super) fn journal_bytes(dir: &Path) -> io::Result<u64> {
    let folders = [segment::DIR, index::DIR, checkpoint::DIR, payloads::DIR, QUARANTINE];
    let mut bytes = 0;
    for folder in folders {
        bytes += bytes_in(&dir.join(folder))?;
    }
    for file in base::NAMES {
        bytes += match fs::metadata(dir.join(file)) {
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            found => found?.len(),
        };
    }
    Ok(bytes)
}

/// Bytes of the files in a folder and in those below it; nothing if it is not there.
pub(super) fn bytes_in(dir: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_in(&entry.path())?,
            Ok(found) => found.len(),
            // What sled has just removed takes up nothing.
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(bytes)
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove_all(dir: &Path) -> io::Result<()> {
    unless_absent(fs::remove_dir_all(dir))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    unless_absent(fs::remove_file(path))
}

fn unless_absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Syncs everything in a folder that somebody else filled.
pub(super) fn sync_all(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { sync_dir(&path) } else { open(&path)?.sync_all() }?;
    }
    sync_dir(dir)
}

/// Syncs a new folder and the way to it.
pub(super) fn sync_created(dir: &Path) -> io::Result<()> {
    sync_dir(dir)?;
    dir.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_dir)
}

/// Moves something damaged out of the way, without losing it.
pub(super) fn quarantine(dir: &Path, name: &str) -> io::Result<()> {
    set_aside(dir, &dir.join(name), name)
}

/// Moves something that does not belong into a journal out of it, without losing it.
pub(super) fn set_aside(dir: &Path, path: &Path, name: &str) -> io::Result<()> {
    let place = place_on_shelf(dir, name)?;
    fs::rename(path, place)?;
    sync_dir(&dir.join(QUARANTINE))?;
    sync_dir(dir)
}

/// Keeps a copy of a file that is about to be written anew without a part of it.
pub(super) fn keep_copy(dir: &Path, name: &str) -> io::Result<()> {
    let place = place_on_shelf(dir, name)?;
    let mut kept = create(&place)?;
    io::copy(&mut open(&dir.join(name))?, &mut kept)?;
    kept.sync_all()?;
    sync_dir(&dir.join(QUARANTINE))?;
    sync_dir(dir)
}

/// A name in quarantine that nothing has.
fn place_on_shelf(dir: &Path, name: &str) -> io::Result<PathBuf> {
    let shelf = dir.join(QUARANTINE);
    make_private_dir(&shelf)?;
    let mut places = (1_u32..).map(|number| shelf.join(format!("{name}-{number}")));
    Ok(places.find(|place| fs::symlink_metadata(place).is_err()).ok_or(ErrorKind::StorageFull)?)
}

/// Files in quarantine that had this name, and those in folders that had it.
pub(super) fn quarantined(dir: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in entries_of(&dir.join(QUARANTINE))? {
        let had = path.file_name().and_then(|found| found.to_str()).unwrap_or_default();
        if !had.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')) {
            continue;
        }
        if path.is_dir() {
            found.extend(entries_of(&path)?.into_iter().filter(|path| path.is_file()));
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// What is in a folder; nothing if it is not there.
fn entries_of(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.path())).collect(),
    }
}

/// Ends a creation.
pub(super) fn finish(dir: &Path) -> io::Result<()> {
    remove(&dir.join(CREATING))?;
    sync_dir(dir)
}

/// Makes what somebody else made readable for its owner alone; sled would let everybody read.
pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        // What a link leads to is not ours.
        if !kind.is_symlink() {
            set_mode(&entry.path(), if kind.is_dir() { DIR_MODE } else { FILE_MODE })?;
        }
    }
    Ok(())
}

/// Makes a folder, and those above it, for its owner alone.
pub(super) fn make_private_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    set_mode(dir, DIR_MODE)
}

/// Makes or empties a file for its owner alone.
pub(super) fn create(path: &Path) -> io::Result<File> {
    open_own(private(OpenOptions::new().write(true).create(true).truncate(true)), path)
}

/// Opens a file, or makes it for its owner alone; keeps what is in it.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    open_own(private(options.read(true).write(true).create(true).truncate(false)), path)
}

/// Opens a file that must be there, for reading and writing.
pub(super) fn open_for_update(path: &Path) -> io::Result<File> {
    open_own(OpenOptions::new().read(true).write(true), path)
}

/// Opens a file for reading.
///
/// Refuses as damaged what is no file: it might never begin, or never end.
pub(super) fn open(path: &Path) -> io::Result<File> {
    regular(with_flags(OpenOptions::new().read(true), false).open(path)?)
}

/// Opens what is written to: the file itself, never one that a link leads to.
fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    match with_flags(options, true).open(path) {
        Err(_) if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) => {
            let problem = format!("{} is a link; put the file itself there", path.display());
            Err(io::Error::other(problem))
        }
        file => regular(file?),
    }
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(ErrorKind::InvalidData, "it is no regular file"))
}

/// What was not written.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// There was no space for it, and nothing that anybody refers to was changed.
    NoRoom(io::Error),
    /// Nobody knows what the disk has of it.
    Failed(io::Error),
}

impl Unwritten {
    /// What a failure says that left everything as it was.
    pub(super) fn harmless(error: io::Error) -> Self {
        if is_full(&error) { Self::NoRoom(error) } else { Self::Failed(error) }
    }
}

/// Of most failures nobody knows what they have left.
impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// For whoever goes on in neither case.
impl From<Unwritten> for io::Error {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::NoRoom(error) | Unwritten::Failed(error) => error,
        }
    }
}

/// Whether there is no space for what was to be written.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Bytes that are free on the disk of a folder, where the system tells.
#[cfg(unix)]
pub(super) fn free_bytes(dir: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
pub(super) fn free_bytes(_dir: &Path) -> Option<u64> {
    None
}

const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, FILE_MODE)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Waits for nobody at the other end of a pipe.
#[cfg(unix)]
fn with_flags(options: &mut OpenOptions, is_own: bool) -> &mut OpenOptions {
    use rustix::fs::OFlags;

    let flags = if is_own { OFlags::NONBLOCK | OFlags::NOFOLLOW } else { OFlags::NONBLOCK };
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed())
}

#[cfg(not(unix))]
fn with_flags(options: &mut OpenOptions, _is_own: bool) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

/// Elsewhere the folder inherits who may read it.
#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Elsewhere folders cannot be opened to be synced.
#[cfg(not(unix))]
pub(super) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests;
