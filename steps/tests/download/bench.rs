//! One artifact, one step, attempted as often as a test likes.

use std::path::PathBuf;
use std::time::Duration;

use resurge_journal::StepKey;
use resurge_steps::artifact::{Algorithm, Artifact, Expected, InstallPath, Unpack};
use resurge_steps::digest::Hasher;
use resurge_steps::download::{Download, Downloaded};
use resurge_steps::testing::TestRun;
use resurge_steps::{Step, StepError};

/// A step under test with its folder.
pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) run: TestRun,
    pub(crate) artifact: Artifact,
    pub(crate) download: Download,
}

impl Bench {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let run = TestRun::new(StepKey::new("download").unwrap(), dir.path().join("scratch"));
        let artifact = Artifact {
            url: url.into(),
            mirrors: Vec::new(),
            digest: None,
            size: None,
            staging: dir.path().join("staging"),
            root: dir.path().join("root"),
            install_to: InstallPath::new("file").unwrap(),
            unpack: Unpack::No,
        };
        let download = Download::default().no_proxy().idle_timeout(Duration::from_secs(20));
        Self { dir, run, artifact, download }
    }

    /// Gives the step another key.
    pub(crate) fn named(mut self, step: &str) -> Self {
        self.run = TestRun::new(StepKey::new(step).unwrap(), self.dir.path().join("scratch"));
        self
    }

    pub(crate) fn expecting(mut self, bytes: &[u8]) -> Self {
        self.artifact.digest = Some(digest_of(bytes));
        self
    }

    pub(crate) fn sized(mut self, size: u64) -> Self {
        self.artifact.size = Some(size);
        self
    }

    pub(crate) fn mirror(mut self, url: impl Into<String>) -> Self {
        self.artifact.mirrors.push(url.into());
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(Download) -> Download) -> Self {
        self.download = change(self.download);
        self
    }

    /// The next attempt.
    pub(crate) async fn attempt(&mut self) -> Result<Downloaded, StepError> {
        let attempt = self.run.attempt();
        self.download.run(attempt.cx, self.artifact.clone()).await
    }

    /// Attempts until one succeeds or fails for good.
    pub(crate) async fn finish(&mut self) -> Result<Downloaded, StepError> {
        for _ in 0..30 {
            match self.attempt().await {
                Err(error) if error.is_retryable() => {}
                ended => return ended,
            }
        }
        panic!("it never ends");
    }

    /// The files in the staging folder.
    pub(crate) fn staged(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.artifact.staging).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The partial file.
    pub(crate) fn partial(&self) -> PathBuf {
        self.staged().pop().unwrap()
    }
}

/// Checks that the file on disk holds exactly these bytes, and that the output says so.
#[track_caller]
pub(crate) fn assert_whole(done: &Downloaded, bytes: &[u8]) {
    assert!(std::fs::read(&done.path).unwrap() == bytes, "the file holds other bytes");
    assert_eq!(done.size, bytes.len() as u64);
    assert_eq!(done.digest, digest_of(bytes));
}

pub(crate) fn digest_of(bytes: &[u8]) -> Expected {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    hasher.finish()
}
