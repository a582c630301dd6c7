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
    gate: &Gate,
) -> Result<Standing, StepError> {
    gate.check()?;
    let standing = standing(place, verified, saved)?;
    match &standing {
        Standing::Published(_) => {
            place.parent.sync()?;
            place.tidy();
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
    let Some(Intent::Tree { staged, id, modified_ns, archive, files, bytes }) = saved else {
        return Ok(Standing::Nothing);
    };
    if *archive != verified.digest {
        return Ok(Standing::Nothing);
    }
    let tally = Tally { files: *files, bytes: *bytes };
    let folder = |name: &str| -> io::Result<Option<Found>> {
        Ok(place.parent.find(name)?.filter(|found| found.kind == Kind::Folder))
    };
    let is_it = |found: Found| {
        found.id == *id && (modified_ns.is_none() || found.modified_ns == *modified_ns)
    };
    let (target, left) = (folder(&place.name)?, folder(staged)?);
    Ok(if id.is_some() && target.is_some_and(is_it) {
        Standing::Published(tally)
    } else if left.is_some_and(is_it) {
        Standing::Staged(staged.clone(), tally)
    } else {
        // Also where folders have no numbers: to unpack once more is always right.
        Standing::Nothing
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
    if !place.parent.make_dir(name)? {
        let message = format!("`{}` is in use already", place.parent.join(name).display());
        return Err(StepError::new(Class::Conflict, "staging_in_use", message)
            .hint("see whether another process is installing the same thing"));
    }
    let dir = place.parent.enter(name)?;
    let Tally { files, bytes } = unpack(&verified.path, kind, &dir, limits, gate)?;
    check_source(verified)?;
    place.parent.sync()?;
    let found = place.parent.find(name)?;
    let (id, modified_ns) = found.map_or((None, None), |found| (found.id, found.modified_ns));
    let (staged, archive) = (name.to_owned(), verified.digest.clone());
    Ok(Intent::Tree { staged, id, modified_ns, archive, files, bytes })
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
    place.tidy();
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

#[cfg(all(test, feature = "testing"))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::artifact::{Artifact, InstallPath};
    use crate::testing::TestRun;

    fn place(root: &Path) -> Place {
        let artifact = Artifact {
            url: String::new(),
            mirrors: Vec::new(),
            digest: None,
            size: None,
            staging: root.join("staging"),
            root: root.to_owned(),
            install_to: InstallPath::new("tool").unwrap(),
            unpack: Unpack::Zip,
        };
        let step = resurge_journal::StepKey::new("install").unwrap();
        Place::open(&artifact, &TestRun::new(step, root).attempt().cx).unwrap()
    }

    fn folder(place: &Place, name: &str, content: &str) {
        fs::create_dir(place.parent.join(name)).unwrap();
        fs::write(place.parent.join(name).join("file"), content).unwrap();
    }

    fn content(place: &Place, name: &str) -> Option<String> {
        fs::read_to_string(place.parent.join(name).join("file")).ok()
    }

    #[test]
    fn two_renames_do_what_a_swap_at_once_does() {
        let root = tempfile::tempdir().unwrap();
        let place = place(root.path());
        let (staged, old) = (place.staged(), place.old());
        folder(&place, &staged, "new");
        folder(&place, "tool", "current");
        folder(&place, &old, "left from before");
        swap_by_renames(&place, &staged).unwrap();
        assert_eq!(content(&place, "tool").as_deref(), Some("new"));
        assert_eq!(content(&place, &old).as_deref(), Some("current"));
        assert_eq!(content(&place, &staged), None);
    }

    #[test]
    fn a_failed_second_rename_brings_the_old_folder_back() {
        let root = tempfile::tempdir().unwrap();
        let place = place(root.path());
        folder(&place, "tool", "current");
        swap_by_renames(&place, &place.staged()).unwrap_err();
        assert_eq!(content(&place, "tool").as_deref(), Some("current"));
        assert_eq!(content(&place, &place.old()), None);
    }
}
