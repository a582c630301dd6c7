//! What can be asked of an engine without changing anything.

use resurge_journal::explain::{Explanation, explain};
use resurge_journal::state::{Stats, Tuning};
use resurge_journal::{RunId, Timestamp};

use super::breaker_view::BreakerView;
use super::engine::Engine;
use super::error::Unavailable;
use crate::core::Wanted;
use crate::settings::Settings;

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
            if sight.state.holds(run) {
                return explain(sight.state, run, sight.now);
            }
            explain(&sight.state.with_only(found.iter().cloned()), run, sight.now)
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
