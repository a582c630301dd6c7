//! The workflow of an artifact: download, verify, install.

use resurge::steps::artifact::Artifact;
use resurge::steps::download::Download;
use resurge::steps::install::{Install, Installed};
use resurge::steps::verify::Verify;
use resurge::{BuildError, Workflow};

use crate::manifest::Recovery;

/// The workflow of an artifact.
pub type InstallFlow = Workflow<Artifact, Installed>;

/// Builds the workflow; every step meets failures in the same way.
///
/// Runs keep the settings that they were started with: settings that change hold for new runs.
///
/// # Errors
/// [`BuildError`] if the settings contradict each other.
pub fn install_flow(recovery: &Recovery, download: Download) -> Result<InstallFlow, BuildError> {
    let (policy, breaker) = (recovery.policy(), recovery.breaker());
    let mut flow = Workflow::builder::<Artifact>("install-artifact").version(1);
    let artifact = flow.input();
    let downloaded = flow
        .step("download", download)
        .takes(artifact)
        .retry(policy.clone())
        .breaker(breaker.clone())
        .add();
    let verified = flow
        .step("verify", Verify::expected())
        .takes((artifact, downloaded))
        .retry(policy.clone())
        .breaker(breaker.clone())
        .add();
    let installed = flow
        .step("install", Install::default())
        .takes((artifact, verified))
        .retry(policy)
        .breaker(breaker)
        .add();
    flow.build(installed)
}
