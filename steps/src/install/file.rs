//! Publishes one file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use resurge_journal::failure::Class;

use super::gate::Gate;
use super::plan::{Intent, Place};
use crate::artifact::{Expected, Verified};
use crate::digest::Hasher;
use crate::error::StepError;
use crate::fs::{FileStamp, Kind, wait_for_room};

/// How things stand before the rename.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// An earlier attempt has published the file.
    Published,
    /// The file is flushed and may be renamed.
    Ready,
}

/// What became of the rename.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Renamed {
    Done,
    /// The file is on another volume; it has to be copied first.
    OtherVolume,
}

const BLOCK: usize = 1024 * 1024;

/// Looks at what is there, and flushes the source. Blocks.
pub(super) fn prepare(
    place: &Place,
    verified: &Verified,
    saved: Option<&Intent>,
    gate: &Gate,
) -> Result<Standing, StepError> {
    gate.check()?;
    let target = place.parent.join(&place.name);
    let intended = match saved {
        Some(Intent::File { stamp }) => Some(stamp),
        _ => None,
    };
    if let Ok(stamp) = FileStamp::of(&target)
        && (stamp == verified.stamp || Some(&stamp) == intended)
    {
        return published(place);
    }
    place.sweep(&[])?;
    if let Some(found) = place.parent.find(&place.name)?
        && !matches!(found.kind, Kind::File | Kind::Link)
    {
        let message = format!("`{}` is not a file, so a file cannot replace it", target.display());
        return Err(StepError::new(Class::Validation, "target_is_not_a_file", message)
            .hint("move it away, or install under another name"));
    }
    match FileStamp::of(&verified.path) {
        Ok(stamp) if stamp == verified.stamp => flush(&verified.path)?,
        Ok(_) => return Err(source_lost(verified, "was changed since it was checked")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Some file systems number their files anew, so the content has the last word.
            return if has_content(&target, verified.size, &verified.digest, gate)? {
                published(place)
            } else {
                Err(source_lost(verified, "is gone"))
            };
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Standing::Ready)
}

fn published(place: &Place) -> Result<Standing, StepError> {
    place.parent.sync()?;
    place.tidy();
    Ok(Standing::Published)
}

/// Renames the checked file to its final name. Blocks.
pub(super) fn publish(place: &Place, source: &Path, gate: &Gate) -> Result<Renamed, StepError> {
    gate.pass(|| match place.parent.rename_here(source, &place.name) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(Renamed::OtherVolume),
        done => {
            done.map_err(|error| StepError::from(error).during("publish the file"))?;
            place.parent.sync()?;
            if let Some(from) = source.parent() {
                // The old name may come back after a power loss; the next attempt removes it.
                let _ = crate::fs::Dir::open(from).and_then(|from| from.sync());
            }
            Ok(Renamed::Done)
        }
    })
}

/// Copies the checked file onto the volume of its target, durably. Blocks.
pub(super) fn copy(
    place: &Place,
    verified: &Verified,
    gate: &Gate,
) -> Result<(String, FileStamp), StepError> {
    if let Some(free) = place.parent.free_bytes().filter(|free| *free < verified.size) {
        let message = format!("installing needs {} bytes, but only {free} are free", verified.size);
        let error = StepError::new(Class::Resource, "disk_full", message);
        return Err(wait_for_room(error, place.parent.path(), verified.size));
    }
    let name = place.staged();
    let copied = copy_to(place, &name, verified, gate);
    if copied.is_err() {
        // The error that led here says more than one of cleaning up.
        let _ = place.remove(&name);
    }
    Ok((name, copied?))
}

fn copy_to(
    place: &Place,
    name: &str,
    verified: &Verified,
    gate: &Gate,
) -> Result<FileStamp, StepError> {
    let mut from = File::open(&verified.path)?;
    let mut to = place.parent.create_file(name, false)?;
    let mut done = 0;
    each_block(&mut from, gate, |block| {
        done += block.len() as u64;
        gate.cx().progress(done, Some(verified.size));
        to.write_all(block)
    })?;
    to.set_modified(from.metadata()?.modified()?)?;
    to.sync_all()?;
    let stamp = FileStamp::of_file(&to)?;
    if stamp.agrees_with(&verified.stamp) {
        Ok(stamp)
    } else {
        Err(source_lost(verified, "was changed since it was checked"))
    }
}

/// Whether the file has this size and this digest; reads it only if the size is right.
fn has_content(path: &Path, size: u64, digest: &Expected, gate: &Gate) -> Result<bool, StepError> {
    if FileStamp::of(path).map_or(true, |stamp| stamp.size() != size) {
        return Ok(false);
    }
    let mut hasher = Hasher::new(digest.algorithm());
    each_block(&mut File::open(path)?, gate, |block| {
        hasher.update(block);
        Ok(())
    })?;
    Ok(hasher.finish() == *digest)
}

fn each_block(
    file: &mut File,
    gate: &Gate,
    mut work: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), StepError> {
    let mut block = vec![0; BLOCK];
    loop {
        gate.check()?;
        let read = file.read(&mut block)?;
        match block.get(..read).filter(|read| !read.is_empty()) {
            Some(read) => work(read)?,
            None => return Ok(()),
        }
    }
}

fn flush(path: &Path) -> io::Result<()> {
    // Windows flushes only what is open for writing.
    OpenOptions::new().read(true).write(cfg!(windows)).open(path)?.sync_all()
}

/// Retryable: before the next attempt the engine sees it too, and has the file fetched again.
pub(super) fn source_lost(verified: &Verified, what: &str) -> StepError {
    let message = format!("`{}` {what}", verified.path.display());
    StepError::new(Class::Integrity, "source_lost", message).hint("it is fetched again")
}
