//! What is written down before anything visible happens, and the names that are used for it.

use std::io;
use std::path::Path;

use resurge_journal::AttemptNo;
use resurge_journal::failure::Class;
use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, Expected};
use crate::context::StepContext;
use crate::error::StepError;
use crate::fs::{Beneath, Dir, FileStamp, bad_path};

/// Saved before the first rename, with enough to recognise its effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "snake_case")]
pub(super) enum Intent {
    /// A file with this stamp is about to get its final name.
    File { stamp: FileStamp },
    /// The folder `staged` is about to get its final name.
    Tree {
        staged: String,
        /// What tells the folder from others after a rename, where the system has such a thing.
        id: Option<u64>,
        /// When its list of entries was changed last: what has no more than its number is another
        /// folder, which got the number of one that is gone. None in older journals.
        #[serde(default)]
        modified_ns: Option<i64>,
        /// The archive that it came from.
        archive: Expected,
        files: u64,
        bytes: u64,
    },
}

/// Where the target is, and the names beside it that belong to this step.
#[derive(Debug)]
pub(super) struct Place {
    /// The folder that holds the target.
    pub(super) parent: Dir,
    /// The target's name in it.
    pub(super) name: String,
    /// What all our own names in it begin with.
    prefix: String,
    attempt: AttemptNo,
}

/// Ends the name of the folder that has to make way.
const OLD: &str = "old";

impl Place {
    /// Enters the target's folder, creating what is missing below the root. Blocks.
    pub(super) fn open(artifact: &Artifact, cx: &StepContext) -> Result<Self, StepError> {
        let root = Dir::open(&artifact.root).map_err(|error| root_error(&artifact.root, error))?;
        let path = artifact.install_to.as_str();
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = root.create_beneath(parent, true).map_err(|error| match error {
            Beneath::Link { .. } => StepError::new(Class::Security, "link", error.to_string()),
            Beneath::NotFolder { .. } => {
                StepError::new(Class::Validation, "not_a_folder", error.to_string())
            }
            Beneath::Io { .. } => StepError::from(error),
        })?;
        let prefix = format!(".resurge-{}-{}-", cx.run(), cx.step());
        Ok(Self { parent, name: name.to_owned(), prefix, attempt: cx.attempt() })
    }

    /// A name for what this attempt makes.
    ///
    /// A thread of an earlier attempt may still be writing, so no two attempts share a name.
    pub(super) fn staged(&self) -> String {
        format!("{}{}.new", self.prefix, self.attempt)
    }

    /// A name for the folder that has to make way; the same in every attempt.
    pub(super) fn old(&self) -> String {
        format!("{}{OLD}", self.prefix)
    }

    /// Removes what this attempt and earlier ones left behind, except `keep`.
    ///
    /// Later attempts may be at work already, while a thread of this one comes to its end.
    pub(super) fn sweep(&self, keep: &[&str]) -> io::Result<()> {
        for entry in std::fs::read_dir(self.parent.path())? {
            let name = entry?.file_name();
            let Some(name) = name.to_str().filter(|name| self.is_ours(name)) else {
                continue;
            };
            if !keep.contains(&name) {
                self.remove(name)?;
            }
        }
        Ok(())
    }

    /// Sweeps once everything is published: what is left over then is only space.
    pub(super) fn tidy(&self) {
        if let Err(error) = self.sweep(&[]) {
            tracing::warn!(%error, "cannot remove what an installation has replaced");
        }
    }

    fn is_ours(&self, name: &str) -> bool {
        let attempt = |rest: &str| rest.strip_suffix(".new")?.parse::<u32>().ok();
        let rest = name.strip_prefix(&self.prefix);
        rest == Some(OLD) || rest.and_then(attempt).is_some_and(|n| n <= self.attempt.get())
    }

    /// Removes a file or a tree; a missing one is fine. Links are removed, not followed.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.parent.join(name);
        let removed = match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(&path),
            Ok(_) => std::fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn root_error(root: &Path, error: io::Error) -> StepError {
    let root = root.display();
    if error.kind() == io::ErrorKind::NotFound {
        let message = format!("the install folder `{root}` does not exist");
        return StepError::new(Class::NotFound, "root_missing", message)
            .hint("create it, or see whether its drive is mounted");
    }
    StepError::from(error).during(format!("open the install folder `{root}`"))
}

/// Removes the file that was installed from, bad ones that came before it, and the folder if
/// nothing else is in it.
///
/// Failing here must not fail an installation that is done; what is left over is only space.
pub(super) fn clear_staging(artifact: &Artifact, source: &Path) {
    if !source.starts_with(&artifact.staging) {
        return;
    }
    for path in [source, &bad_path(source)] {
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %path.display(), "cannot remove an installed download");
        }
    }
    // Only succeeds on an empty folder, which is the point.
    let _ = std::fs::remove_dir(&artifact.staging);
}
