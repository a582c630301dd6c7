//! What can be asked of an engine without changing anything.

use std::sync::Arc;

use resurge_journal::explain::{Explanation, explain, explain_unplaced};
use resurge_journal::state::{Run, Stats, Tuning};
use resurge_journal::{RunId, Timestamp};

use super::breaker_view::BreakerView;
use super::engine::Engine;
use super::error::Unavailable;
use crate::core::Wanted;
use crate::settings::Settings;
use crate::shell::Sight;

impl Engine {
    /// Why a run stands where it stands: one cause for each step, and what a person can do.
    ///
    /// Its delays are spelled out: curve, factor, cap, jitter, what the server asked for, breaker
    /// and budget. None if there is no such run.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn explain(&self, run: RunId) -> Result<Option<Explanation>, Unavailable> {
        self.find_run(Wanted::Run(run), move |found, sight| {
            // One that has left memory has no place in any queue.
            explain(sight.state, run, sight.now).or_else(|| explain_found(found, sight))
        })
        .await
    }

    /// Every breaker that the engine remembers.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn breakers(&self) -> Result<Vec<BreakerView>, Unavailable> {
        self.look(|sight| BreakerView::all(sight.state, sight.now)).await
    }

    /// How well recovery works: over all runs that the journal knows.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn stats(&self) -> Result<Stats, Unavailable> {
        self.look(|sight| sight.state.stats().clone()).await
    }

    /// Settings that were changed while an engine ran on this journal.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn tuning(&self) -> Result<Tuning, Unavailable> {
        self.look(|sight| sight.state.tuning().clone()).await
    }

    /// Limits and times of this engine, as it was opened.
    ///
    /// What people have changed since stands in [`tuning`](Self::tuning).
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The time as the engine sees it, with which due times are to be compared.
    ///
    /// It goes on when the machine's clock is set back.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn now(&self) -> Result<Timestamp, Unavailable> {
        self.look(|sight| sight.now).await
    }
}

/// Why the first of these runs stands where it stands; the others are those that may have its key.
pub(super) fn explain_found(found: &[Arc<Run>], sight: &Sight<'_>) -> Option<Explanation> {
    let (run, others) = found.split_first()?;
    let why = explain_unplaced(sight.state, run, sight.now);
    let holder = others.iter().find(|other| !other.phase.is_final());
    Some(match holder {
        Some(holder) => why.with_holder(holder.id),
        None => why,
    })
}
