//! Publishes a folder that was unpacked from an archive.

use std::io;

use resurge_journal::failure::Class;

use super::file::source_lost;
use super::gate::Gate;
use super::limits::Limits;
use super::plan::{Intent, Place};
use super::unpack::{Tally, unpack};
use crate::artifact::{Unpack, Verified};
use crate::error::StepError;
use crate::fs::{FileStamp, Found, Kind};

/// How things stand before the folder gets its final name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// An earlier attempt has published it.
    Published(Tally),
    /// It is complete and durable under this name.
    Staged(String, Tally),
    /// There is nothing to go on from.
    Nothing,
}

/// Looks at what an earlier attempt has left, and undoes half a swap. Blocks.
pub(super) fn recover(
    place: &Place,
    verified: &Verified,
    saved: Option<&Intent>,
) -> Result<Standing, StepError> {
    let standing = standing(place, verified, saved)?;
    match &standing {
        Standing::Published(_) => {
            place.parent.sync()?;
            place.sweep(&[])?;
        }
        Standing::Staged(staged, _) => place.sweep(&[staged, &place.old()])?,
        Standing::Nothing => {
            let old = place.old();
            if place.parent.find(&place.name)?.is_none() && place.parent.find(&old)?.is_some() {
                place.parent.rename(&old, &place.name)?;
                place.parent.sync()?;
            }
            place.sweep(&[])?;
        }
    }
    Ok(standing)
}

fn standing(
    place: &Place,
    verified: &Verified,
    saved: Option<&Intent>,
) -> Result<Standing, StepError> {
    let Some(Intent::Tree { staged, id, archive, files, bytes }) = saved else {
        return Ok(Standing::Nothing);
    };
    if *archive != verified.digest {
        return Ok(Standing::Nothing);
    }
    let tally = Tally { files: *files, bytes: *bytes };
    let folder = |name: &str| -> io::Result<Option<Found>> {
        Ok(place.parent.find(name)?.filter(|found| found.kind == Kind::Folder))
    };
    let (target, left) = (folder(&place.name)?, folder(staged)?);
    Ok(match id {
        Some(_) if target.is_some_and(|target| target.id == *id) => Standing::Published(tally),
        Some(_) if left.is_none_or(|left| left.id != *id) => Standing::Nothing,
        // Without numbers there is no swap at once, so one folder stands under one name only.
        None if left.is_none() && target.is_some() => Standing::Published(tally),
        None if left.is_none() => Standing::Nothing,
        _ => Standing::Staged(staged.clone(), tally),
    })
}

/// Unpacks the archive beside the target; leaves nothing behind if that fails. Blocks.
pub(super) fn stage(
    place: &Place,
    verified: &Verified,
    kind: Unpack,
    limits: Limits,
    gate: &Gate,
) -> Result<Intent, StepError> {
    free_target(place)?;
    check_source(verified)?;
    let name = place.staged();
    let staged = fill(place, &name, verified, kind, limits, gate);
    if staged.is_err()
        && let Err(error) = place.remove(&name)
    {
        tracing::warn!(%error, %name, "cannot remove a folder that was being unpacked");
    }
    staged
}

fn fill(
    place: &Place,
    name: &str,
    verified: &Verified,
    kind: Unpack,
    limits: Limits,
    gate: &Gate,
) -> Result<Intent, StepError> {
    place.parent.make_dir(name)?;
    let dir = place.parent.enter(name)?;
    let Tally { files, bytes } = unpack(&verified.path, kind, &dir, limits, gate)?;
    check_source(verified)?;
    place.parent.sync()?;
    let id = place.parent.find(name)?.and_then(|found| found.id);
    let archive = verified.digest.clone();
    Ok(Intent::Tree { staged: name.to_owned(), id, archive, files, bytes })
}

fn check_source(verified: &Verified) -> Result<(), StepError> {
    match FileStamp::of(&verified.path) {
        Ok(stamp) if stamp == verified.stamp => Ok(()),
        Ok(_) => Err(source_lost(verified, "was changed since it was checked")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(source_lost(verified, "is gone"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Only a folder makes way for a folder.
fn free_target(place: &Place) -> Result<bool, StepError> {
    match place.parent.find(&place.name)? {
        None => Ok(true),
        Some(Found { kind: Kind::Folder, .. }) => Ok(false),
        Some(_) => {
            let target = place.parent.join(&place.name);
            let message =
                format!("`{}` is not a folder, so a folder cannot replace it", target.display());
            Err(StepError::new(Class::Validation, "target_is_not_a_folder", message)
                .hint("move it away, or install under another name"))
        }
    }
}

/// Gives the staged folder its final name; the folder that was there is gone afterwards. Blocks.
pub(super) fn publish(place: &Place, staged: &str, gate: &Gate) -> Result<(), StepError> {
    gate.pass(|| {
        let publish = |error: io::Error| StepError::from(error).during("publish the folder");
        if free_target(place)? {
            place.parent.rename(staged, &place.name).map_err(publish)?;
        } else if !place.parent.exchange(staged, &place.name).map_err(publish)? {
            swap_by_renames(place, staged).map_err(publish)?;
        }
        Ok(place.parent.sync()?)
    })?;
    if let Err(error) = place.sweep(&[]) {
        // The installation is done; what is left over is only space.
        tracing::warn!(%error, "cannot remove the folder that was replaced");
    }
    Ok(())
}

/// Two renames; between them the target is missing, which `recover` finishes or undoes.
fn swap_by_renames(place: &Place, staged: &str) -> io::Result<()> {
    let old = place.old();
    place.remove(&old)?;
    place.parent.rename(&place.name, &old)?;
    // The first rename must not be lost when the second is kept.
    place.parent.sync()?;
    place.parent.rename(staged, &place.name).inspect_err(|_| {
        // If this fails too, `recover` does it at the next attempt.
        let _ = place.parent.rename(&old, &place.name);
    })
}
