//! The download as a step.

use tokio::task::spawn_blocking;
use url::Url;

use super::attempt;
use super::options::Download;
use super::place::key_of;
use crate::artifact::Artifact;
use crate::artifact::Downloaded;
use crate::context::StepContext;
use crate::error::StepError;
use crate::fs::FileStamp;
use crate::needs::Needs;
use crate::step::Step;

impl Step for Download {
    const KIND: &'static str = "download";
    type Input = Artifact;
    type Output = Downloaded;

    /// Makes one attempt.
    ///
    /// # Errors
    /// Whatever HTTP, the network or the disk brings, classified. A failure that may pass keeps
    /// the bytes that were received.
    ///
    /// # Durability
    /// A checkpoint speaks only of bytes that are durable. The file is durable on success.
    ///
    /// # Cancel safety
    /// Safe: when the future is dropped, bytes received lately may be fetched once more.
    async fn run(&self, cx: StepContext, artifact: Artifact) -> Result<Downloaded, StepError> {
        attempt::run(self, &cx, &artifact).await
    }

    fn needs(&self, artifact: &Artifact) -> Needs {
        let places = std::iter::once(&artifact.url).chain(&artifact.mirrors);
        Needs::one_of(places.filter_map(|text| key_of(&Url::parse(text).ok()?)))
    }

    async fn lost(&self, output: &Downloaded) -> Option<String> {
        let path = output.path.clone();
        let now = spawn_blocking(move || FileStamp::of(&path)).await.ok()?;
        match now {
            Ok(stamp) if stamp == output.stamp => None,
            Ok(_) => Some("the downloaded file was changed".to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Some("the downloaded file is gone".to_owned())
            }
            Err(error) => Some(format!("the downloaded file cannot be examined: {error}")),
        }
    }
}
