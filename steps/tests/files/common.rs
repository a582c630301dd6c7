//! A folder with a download in it, as the steps find it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use resurge_journal::StepKey;
use resurge_steps::artifact::{
    Algorithm, Artifact, Checked, Downloaded, Expected, InstallPath, Unpack, Verified,
};
use resurge_steps::digest::Hasher;
use resurge_steps::fs::FileStamp;
use resurge_steps::install::{Install, Installed, Limits};
use resurge_steps::testing::TestRun;
use resurge_steps::{Step, StepError};

pub(crate) struct Home {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) artifact: Artifact,
}

pub(crate) fn digest(algorithm: Algorithm, bytes: &[u8]) -> Expected {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

impl Home {
    pub(crate) fn new(install_to: &str, unpack: Unpack) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (staging, root) = (dir.path().join("staging"), dir.path().join("root"));
        fs::create_dir(&staging).unwrap();
        fs::create_dir(&root).unwrap();
        let artifact = Artifact {
            url: "http://127.0.0.1/file".to_owned(),
            mirrors: Vec::new(),
            digest: None,
            size: None,
            staging,
            root,
            install_to: InstallPath::new(install_to).unwrap(),
            unpack,
        };
        Self { dir, artifact }
    }

    pub(crate) fn part(&self) -> PathBuf {
        self.artifact.staging.join("file.part")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.artifact.install_to.below(&self.artifact.root)
    }

    pub(crate) fn run(&self, step: &str) -> TestRun {
        TestRun::new(StepKey::new(step).unwrap(), self.dir.path().join("scratch"))
    }

    /// Puts a file where the download leaves it.
    pub(crate) fn download(&self, bytes: &[u8]) -> Downloaded {
        fs::create_dir_all(&self.artifact.staging).unwrap();
        fs::write(self.part(), bytes).unwrap();
        Downloaded {
            path: self.part(),
            size: bytes.len() as u64,
            digest: digest(Algorithm::Sha256, bytes),
            stamp: FileStamp::of(&self.part()).unwrap(),
            origin: "http://127.0.0.1".to_owned(),
            resumed_bytes: 0,
            fetched_bytes: bytes.len() as u64,
            unverified_length: false,
        }
    }

    /// Puts a file where the check leaves it.
    pub(crate) fn verified(&self, bytes: &[u8]) -> Verified {
        let Downloaded { path, size, digest, stamp, .. } = self.download(bytes);
        let target = (self.artifact.unpack == Unpack::No).then(|| self.target());
        Verified { path, size, digest, stamp, checked: Checked::Digest, target }
    }

    /// Everything below the root: folders end with a slash, files have their content.
    pub(crate) fn root(&self) -> BTreeMap<String, Vec<u8>> {
        tree(&self.artifact.root)
    }
}

/// Unpacks an archive to where it belongs, within limits.
pub(crate) async fn install(
    home: &Home,
    archive: &[u8],
    limits: Limits,
) -> Result<Installed, StepError> {
    let verified = home.verified(archive);
    let attempt = home.run("install").attempt();
    Install::default().limits(limits).run(attempt.cx, (home.artifact.clone(), verified)).await
}

/// Everything below a folder: folders end with a slash, links with an arrow.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let kind = fs::symlink_metadata(&path).unwrap();
            if kind.is_dir() {
                found.insert(format!("{name}/"), Vec::new());
                folders.push(path);
            } else if kind.is_symlink() {
                found.insert(format!("{name}->"), Vec::new());
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

pub(crate) fn expect_tree(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec())).collect()
}
