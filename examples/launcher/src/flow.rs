//! The workflow of an artifact: download, verify, install.

use resurge::steps::artifact::Artifact;
use resurge::steps::download::Download;
use resurge::steps::install::{Install, Installed};
use resurge::steps::verify::Verify;
use resurge::{BuildError, RetryPolicy, Workflow};

/// The workflow of an artifact.
pub type InstallFlow = Workflow<Artifact, Installed>;

/// Builds the workflow; every step is retried by the same policy.
///
/// Runs keep the policy that they were started with: a policy that changes holds for new runs.
///
/// # Errors
/// [`BuildError`] if the policy contradicts itself.
pub fn install_flow(policy: &RetryPolicy, download: Download) -> Result<InstallFlow, BuildError> {
    let mut flow = Workflow::builder::<Artifact>("install-artifact").version(1);
    let artifact = flow.input();
    let downloaded = flow.step("download", download).takes(artifact).retry(policy.clone()).add();
    let verified = flow
        .step("verify", Verify::expected())
        .takes((artifact, downloaded))
        .retry(policy.clone())
        .add();
    let installed = flow
        .step("install", Install::default())
        .takes((artifact, verified))
        .retry(policy.clone())
        .add();
    flow.build(installed)
}
