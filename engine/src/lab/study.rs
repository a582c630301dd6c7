//! Many scenarios of a kind.

use super::policy::Policy;
use super::report::Report;
use super::scenario::Storm;
use super::simulation::{LabError, simulate};

/// Runs as many scenarios of a kind under a policy, and adds their reports up.
///
/// The scenarios depend on the seed alone, so that policies can be compared.
///
/// # Errors
/// [`LabError::Policy`] if the policy contradicts itself.
pub fn study(storm: &Storm, policy: &Policy, runs: u32, seed: u64) -> Result<Report, LabError> {
    let mut sum = Report::default();
    for run in 0..u64::from(runs) {
        // Far apart, so that studies with neighbouring seeds share no scenario.
        let seed = seed.wrapping_mul(0x1_0000_0001).wrapping_add(run);
        sum.add(&simulate(&storm.scenario(seed), policy)?);
    }
    Ok(sum)
}
