//! The step.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::file::{self, Renamed};
use super::gate::Gate;
use super::limits::Limits;
use super::plan::{Intent, Place, clear_staging};
use super::tree;
use super::unpack::Tally;
use crate::artifact::{Artifact, Expected, Unpack, Verified};
use crate::context::StepContext;
use crate::error::StepError;
use crate::fs::{FileStamp, blocking, or_wait_for_room};
use crate::step::Step;
use crate::stop::StopReason;

/// Publishes a checked file, or what an archive holds, under its final name.
///
/// The target is the old one or the new one at every instant, also when the process is killed. A
/// folder is unpacked beside the target under a name that begins with `.resurge-` and then takes
/// its place as a whole; what the old folder held is gone afterwards.
///
/// From archives only files and folders are taken, with the executable bit as their only mode.
/// Links, devices, paths that leave the folder or mean different files on different systems,
/// duplicates, encryption, contradictions and excess beyond the [`Limits`] refuse the archive.
#[derive(Debug, Clone, Default)]
pub struct Install {
    limits: Limits,
}

/// What was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// The file or folder.
    pub path: PathBuf,
    /// How many files it has.
    pub files: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// The digest of a single file; none for a folder.
    pub digest: Option<Expected>,
}

impl Install {
    /// Sets what an archive may ask for.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    async fn install(
        &self,
        cx: StepContext,
        artifact: Artifact,
        verified: Verified,
    ) -> Result<Installed, StepError> {
        let (gate, _keeper) = Gate::new(&cx);
        // An intent that cannot be read is no loss: the disk tells how things stand.
        let saved: Option<Intent> = cx.checkpoint().unwrap_or(None);
        let job = (artifact.clone(), cx.clone());
        let place = Arc::new(blocking(move || Place::open(&job.0, &job.1)).await?);
        let verified = Arc::new(verified);
        let (digest, done) = if artifact.unpack == Unpack::No {
            let done = self.file(&gate, &place, &verified, saved).await;
            (Some(verified.digest.clone()), done)
        } else {
            (None, self.tree(&gate, &place, &verified, artifact.unpack, saved).await)
        };
        let cancelled = cx.stop_reason() == Some(StopReason::Cancelled);
        let path = artifact.install_to.below(&artifact.root);
        let Tally { files, bytes } = blocking(move || match done {
            Ok(tally) => {
                gate.while_kept(|| clear_staging(&artifact, &verified.path));
                Ok(tally)
            }
            Err(error) => {
                if cancelled && let Err(error) = place.sweep(&[&place.old()]) {
                    tracing::warn!(%error, "cannot clear up after a cancelled installation");
                }
                Err(error)
            }
        })
        .await?;
        Ok(Installed { path, files, bytes, digest })
    }

    async fn file(
        &self,
        gate: &Gate,
        place: &Arc<Place>,
        verified: &Arc<Verified>,
        saved: Option<Intent>,
    ) -> Result<Tally, StepError> {
        let tally = Tally { files: 1, bytes: verified.size };
        let job = (Arc::clone(place), Arc::clone(verified), gate.clone());
        let standing = blocking(move || {
            let (place, verified, gate) = job;
            file::prepare(&place, &verified, saved.as_ref(), &gate)
        });
        if standing.await? == file::Standing::Published {
            return Ok(tally);
        }
        gate.cx().save_checkpoint(&Intent::File { stamp: verified.stamp.clone() }).await?;
        if rename(gate, place, verified.path.clone()).await? == Renamed::Done {
            return Ok(tally);
        }
        let job = (Arc::clone(place), Arc::clone(verified), gate.clone());
        let (name, stamp) = blocking(move || file::copy(&job.0, &job.1, &job.2)).await?;
        gate.cx().save_checkpoint(&Intent::File { stamp }).await?;
        rename(gate, place, place.parent.join(&name)).await?;
        Ok(tally)
    }

    async fn tree(
        &self,
        gate: &Gate,
        place: &Arc<Place>,
        verified: &Arc<Verified>,
        kind: Unpack,
        saved: Option<Intent>,
    ) -> Result<Tally, StepError> {
        let job = (Arc::clone(place), Arc::clone(verified), gate.clone());
        let standing = blocking(move || {
            let (place, verified, gate) = job;
            tree::recover(&place, &verified, saved.as_ref(), &gate)
        });
        let standing = standing.await?;
        let (staged, tally) = match standing {
            tree::Standing::Published(tally) => return Ok(tally),
            tree::Standing::Staged(staged, tally) => (staged, tally),
            tree::Standing::Nothing => self.stage(gate, place, verified, kind).await?,
        };
        let job = (Arc::clone(place), gate.clone());
        blocking(move || {
            let (place, gate) = job;
            tree::publish(&place, &staged, &gate)
        })
        .await?;
        Ok(tally)
    }

    async fn stage(
        &self,
        gate: &Gate,
        place: &Arc<Place>,
        verified: &Arc<Verified>,
        kind: Unpack,
    ) -> Result<(String, Tally), StepError> {
        let limits = self.limits;
        let job = (Arc::clone(place), Arc::clone(verified), gate.clone());
        let intent = blocking(move || {
            let (place, verified, gate) = job;
            tree::stage(&place, &verified, kind, limits, &gate)
        })
        .await?;
        gate.cx().save_checkpoint(&intent).await?;
        match intent {
            Intent::Tree { staged, files, bytes, .. } => Ok((staged, Tally { files, bytes })),
            Intent::File { .. } => Err(StepError::permanent("a folder was staged as a file")),
        }
    }
}

async fn rename(gate: &Gate, place: &Arc<Place>, source: PathBuf) -> Result<Renamed, StepError> {
    let job = (Arc::clone(place), gate.clone());
    blocking(move || file::publish(&job.0, &source, &job.1)).await
}

impl Step for Install {
    const KIND: &'static str = "install";
    type Input = (Artifact, Verified);
    type Output = Installed;

    /// # Cancel safety
    /// Nothing is published after the future was dropped. What was being unpacked is removed by
    /// the thread that unpacks it, or by the next attempt.
    ///
    /// # Durability
    /// The target's content and its name are durable when it returns.
    async fn run(
        &self,
        cx: StepContext,
        (artifact, verified): Self::Input,
    ) -> Result<Installed, StepError> {
        let (root, size) = (artifact.root.clone(), verified.size);
        let installed = self.install(cx, artifact, verified).await;
        // An archive grows when it is unpacked; how much, is known only when it was read.
        or_wait_for_room(installed, &root, size).await
    }

    async fn lost(&self, output: &Installed) -> Option<String> {
        let path = output.path.display();
        if output.digest.is_none() {
            return (!output.path.is_dir()).then(|| format!("the folder `{path}` is missing"));
        }
        match FileStamp::of(&output.path) {
            Err(error) => Some(format!("the file `{path}` cannot be found: {error}")),
            Ok(stamp) if stamp.size() != output.bytes => {
                Some(format!("the file `{path}` has another size than when it was installed"))
            }
            Ok(_) => None,
        }
    }
}
