//! Where things are: the data directory, the journal, the root, the staging folder.

use std::io;
use std::path::{Path, PathBuf};

use resurge::journal::store::{DiskStore, Durability, OpenError, OpenMode};
use resurge::steps::artifact::InstallPath;

use crate::error::LauncherError;

/// Name of the staging folder below a root: on the volume of the root, so that files can be renamed.
pub(crate) const STAGING: &str = ".resurge";

/// Where unfinished files stand.
pub(crate) fn staging(root: &Path) -> PathBuf {
    root.join(STAGING)
}

/// The folder that holds everything the launcher knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// A folder that a launcher has worked in; creates nothing.
    pub(crate) fn existing(path: &Path) -> Result<Self, LauncherError> {
        let data = Self(path.to_owned());
        if data.journal().is_dir() {
            canonical(path).map(Self)
        } else {
            Err(LauncherError::NoData { path: path.to_owned() })
        }
    }

    /// The folder, made if it is missing.
    pub(crate) fn prepare(path: &Path) -> Result<Self, LauncherError> {
        create(path)?;
        canonical(path).map(Self)
    }

    /// The same, if no launcher works there; where one does, nothing is made or changed.
    pub(crate) fn prepare_idle(path: &Path) -> Result<Self, LauncherError> {
        // Only whoever holds its lock can tell.
        match DiskStore::open(
            Self(path.to_owned()).journal(),
            OpenMode::Existing,
            Durability::Power,
        ) {
            Ok(_) | Err(OpenError::Missing { .. }) => Self::prepare(path),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The token of the dashboard.
    pub(crate) fn token(&self) -> PathBuf {
        self.0.join("dashboard.token")
    }

    /// The file that says where the dashboard is served; whoever asks there shows the token.
    pub(crate) fn running(&self) -> PathBuf {
        self.0.join("dashboard.json")
    }

    /// The journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }
}

/// The folder that is installed into, as an absolute path that names it whatever the way to it.
///
/// The path is part of what a run was started with, so that it must not depend on the caller.
#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

impl Root {
    /// Makes the folder if it is missing, and checks that nothing goes over what the launcher needs.
    pub(crate) fn prepare<'p>(
        root: Option<&Path>,
        data: &DataDir,
        mut targets: impl Iterator<Item = &'p InstallPath>,
    ) -> Result<Self, LauncherError> {
        let root = root.map_or_else(|| data.path().join("installed"), Path::to_owned);
        create(&root)?;
        let root = canonical(&root)?;
        if root.to_str().is_none() {
            return Err(LauncherError::NotUnicode { path: root });
        }
        let root = Self(root);
        targets.try_for_each(|target| root.check(target, data))?;
        Ok(root)
    }

    /// Refuses what would go over the journal, or over what leads to the token, which nobody else is to know.
    pub(crate) fn check(&self, target: &InstallPath, data: &DataDir) -> Result<(), LauncherError> {
        let place = target.below(&self.0);
        let own = [
            ("the journal", data.journal()),
            ("the token", data.token()),
            ("the address of the dashboard", data.running()),
        ];
        let hit = own.into_iter().find(|(_, at)| place.starts_with(at) || at.starts_with(&place));
        hit.map_or(Ok(()), |(what, at)| {
            Err(LauncherError::OverOwn { install_to: target.to_string(), what, at })
        })
    }

    /// The path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

fn create(path: &Path) -> Result<(), LauncherError> {
    std::fs::create_dir_all(path).map_err(|source| folder(path, source))
}

fn canonical(path: &Path) -> Result<PathBuf, LauncherError> {
    path.canonicalize().map_err(|source| folder(path, source))
}

fn folder(path: &Path, source: io::Error) -> LauncherError {
    LauncherError::Folder { path: path.to_owned(), source }
}
