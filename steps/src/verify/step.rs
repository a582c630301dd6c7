//! The step.

use std::path::Path;

use resurge_journal::failure::Class;
use serde::{Deserialize, Serialize};

use super::hash::{Hashing, Pause};
use crate::artifact::{Algorithm, Artifact, Checked, Downloaded, Expected, Unpack, Verified};
use crate::context::StepContext;
use crate::digest::{Hasher, HasherState};
use crate::error::StepError;
use crate::fs::{FileStamp, blocking, or_wait_for_room, quarantine};
use crate::step::Step;
use crate::stop::StopReason;

/// Checks a downloaded file against the digest and the size that were published for it.
///
/// The digest that the download computed on the way is taken over if the file is unchanged since,
/// so that a file is read once. A file that fails the check is renamed to `<name>.bad` and
/// fetched again; if it then fails in the very same way, what was published is wrong, and no
/// other attempt is made.
#[derive(Debug, Clone)]
pub struct Verify {
    algorithm: Option<Algorithm>,
    checkpoint_bytes: u64,
}

/// What stands in the checkpoint.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Saved {
    /// What an earlier file had in place of what was published.
    #[serde(default)]
    wrong: Option<String>,
    /// Where hashing stands.
    #[serde(default)]
    hashing: Option<SavedHash>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SavedHash {
    state: HasherState,
    stamp: FileStamp,
}

/// Hashing half a gigabyte again takes a quarter of a second (SHA-256 with hardware support).
const CHECKPOINT_BYTES: u64 = 512 * 1024 * 1024;

impl Default for Verify {
    fn default() -> Self {
        Self::expected()
    }
}

impl Verify {
    /// Uses the algorithm of the digest that the artifact states.
    pub const fn expected() -> Self {
        Self { algorithm: None, checkpoint_bytes: CHECKPOINT_BYTES }
    }

    /// Insists on SHA-256.
    pub const fn sha256() -> Self {
        Self { algorithm: Some(Algorithm::Sha256), ..Self::expected() }
    }

    /// Insists on SHA-512.
    pub const fn sha512() -> Self {
        Self { algorithm: Some(Algorithm::Sha512), ..Self::expected() }
    }

    /// Insists on BLAKE3.
    pub const fn blake3() -> Self {
        Self { algorithm: Some(Algorithm::Blake3), ..Self::expected() }
    }

    /// Saves a checkpoint after so many bytes; 512 MiB by default, at least 1 MiB.
    #[must_use]
    pub const fn checkpoint_every(mut self, bytes: u64) -> Self {
        const LEAST: u64 = 1024 * 1024;
        self.checkpoint_bytes = if bytes < LEAST { LEAST } else { bytes };
        self
    }

    fn wanted(&self, artifact: &Artifact, downloaded: &Downloaded) -> Result<Algorithm, StepError> {
        let stated = artifact.digest.as_ref().map(Expected::algorithm);
        match (self.algorithm, stated) {
            (Some(wanted), Some(stated)) if wanted != stated => Err(StepError::new(
                Class::Validation,
                "other_algorithm",
                format!("the artifact states a {stated} digest, but this step checks {wanted}"),
            )
            .hint("state the digest in that algorithm, or use `Verify::expected()`")),
            (wanted, stated) => {
                Ok(wanted.or(stated).unwrap_or_else(|| downloaded.digest.algorithm()))
            }
        }
    }

    async fn check(
        &self,
        cx: StepContext,
        artifact: Artifact,
        file: Downloaded,
    ) -> Result<Verified, StepError> {
        let wanted = self.wanted(&artifact, &file)?;
        let mut saved: Saved = cx.checkpoint()?.unwrap_or_default();
        let stamp = stamp_of(&file)?;
        let size = stamp.size();
        if let Some(published) = artifact.size.filter(|published| *published != size) {
            let (found, published) = (format!("{size} bytes"), format!("{published} bytes"));
            return Err(refuse(&cx, saved, &file, "size", &found, &published).await);
        }
        let digest = self.digest_of(&cx, &mut saved, &file, &stamp, wanted).await?;
        let fetched = (file.digest.algorithm() == wanted).then_some(&file.digest);
        if let Some(published) = artifact.digest.as_ref().filter(|published| **published != digest)
        {
            let (found, published) = (digest.to_string(), published.to_string());
            return Err(refuse(&cx, saved, &file, "digest", &found, &published).await);
        }
        if artifact.digest.is_none() && fetched.is_some_and(|fetched| *fetched != digest) {
            quarantine(&file.path)?;
            return Err(changed(&file));
        }
        let checked = match (&artifact.digest, artifact.size) {
            (Some(_), _) => Checked::Digest,
            (None, Some(_)) => Checked::Size,
            (None, None) => Checked::Nothing,
        };
        let target =
            (artifact.unpack == Unpack::No).then(|| artifact.install_to.below(&artifact.root));
        Ok(Verified { path: file.path, size, digest, stamp, checked, target })
    }

    /// The file's digest: taken over from the download, or computed.
    async fn digest_of(
        &self,
        cx: &StepContext,
        saved: &mut Saved,
        file: &Downloaded,
        stamp: &FileStamp,
        wanted: Algorithm,
    ) -> Result<Expected, StepError> {
        if file.digest.algorithm() == wanted && file.stamp == *stamp {
            cx.progress(file.size, Some(file.size));
            return Ok(file.digest.clone());
        }
        let hasher = saved
            .hashing
            .take()
            .filter(|saved| saved.stamp == *stamp)
            .and_then(|saved| Hasher::restore(&saved.state).ok())
            .filter(|hasher| hasher.algorithm() == wanted && hasher.position() <= stamp.size())
            .unwrap_or_else(|| Hasher::new(wanted));
        cx.resume_from(hasher.position(), Some(stamp.size()));
        let path = file.path.clone();
        let (mut hashing, before) = blocking(move || Ok(Hashing::open(&path, hasher)?)).await?;
        loop {
            let (slice, context) = (self.checkpoint_bytes, cx.clone());
            let pause;
            (hashing, pause) = blocking(move || {
                let pause = hashing.advance(slice, &context)?;
                Ok((hashing, pause))
            })
            .await?;
            if pause == Pause::End {
                break;
            }
            let state = hashing.hasher.save();
            saved.hashing = Some(SavedHash { state, stamp: stamp.clone() });
            if cx.stop_reason() != Some(StopReason::Cancelled) {
                cx.save_checkpoint(saved).await?;
            }
            if pause == Pause::Stop {
                return Err(stopped(cx));
            }
        }
        let after = hashing.stamp()?;
        if before != *stamp || after != *stamp {
            return Err(changed(file));
        }
        Ok(hashing.hasher.finish())
    }
}

impl Step for Verify {
    const KIND: &'static str = "verify";
    type Input = (Artifact, Downloaded);
    type Output = Verified;

    /// # Cancel safety
    /// Safe: the file is only read; a thread that still reads ends after its slice.
    ///
    /// # Durability
    /// Writes nothing but checkpoints; a bad file is renamed without a flush.
    async fn run(
        &self,
        cx: StepContext,
        (artifact, file): Self::Input,
    ) -> Result<Verified, StepError> {
        let folder = file.path.parent().map(Path::to_owned).unwrap_or_default();
        let checked = self.check(cx, artifact, file).await;
        // Only names and checkpoints are written.
        or_wait_for_room(checked, &folder, 0).await
    }

    async fn lost(&self, output: &Verified) -> Option<String> {
        if FileStamp::of(&output.path).is_ok_and(|stamp| stamp == output.stamp) {
            return None;
        }
        let installed = output.target.as_deref().and_then(|target| FileStamp::of(target).ok());
        if installed.is_some_and(|stamp| stamp.agrees_with(&output.stamp)) {
            return None;
        }
        Some(format!("`{}` is missing or was changed since it was checked", output.path.display()))
    }
}

fn stamp_of(file: &Downloaded) -> Result<FileStamp, StepError> {
    FileStamp::of(&file.path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            let message = format!("`{}` is gone; it has to be fetched again", file.path.display());
            StepError::new(Class::Integrity, "file_missing", message)
        } else {
            StepError::from(error).during(format!("look at `{}`", file.path.display()))
        }
    })
}

/// Puts the file aside and says whether another download is worth it.
async fn refuse(
    cx: &StepContext,
    saved: Saved,
    file: &Downloaded,
    what: &str,
    found: &str,
    published: &str,
) -> StepError {
    let seen_before = saved.wrong.as_deref() == Some(found);
    // First the deed, then the memory: were it the other way round, a crash in between would make
    // the same file count twice. Like this it costs one download more at worst.
    if let Err(error) = quarantine(&file.path) {
        return StepError::from(error).during("put the damaged file aside");
    }
    let saved = Saved { wrong: Some(found.to_owned()), hashing: None };
    if let Err(error) = cx.save_checkpoint(&saved).await {
        return error;
    }
    let message =
        format!("the file from {} has {found}, but {published} was published", file.origin);
    if !seen_before {
        return StepError::found("data", &format!("{what}_mismatch"), message);
    }
    let kind = if what == "digest" { "published_hash" } else { "published_size" };
    let message = format!("{message}; a second download gave the same");
    StepError::found("data", kind, message)
}

fn changed(file: &Downloaded) -> StepError {
    let message = format!("`{}` was changed after it was fetched", file.path.display());
    StepError::new(Class::Integrity, "changed_on_disk", message)
        .hint("see which program writes to the staging folder")
}

fn stopped(cx: &StepContext) -> StepError {
    let class = match cx.stop_reason() {
        Some(StopReason::Cancelled) => Class::Cancelled,
        _ => Class::Interrupted,
    };
    StepError::new(class, "stopped", "stopped while the file was being checked")
}
