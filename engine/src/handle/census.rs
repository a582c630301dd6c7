//! All runs, in memory or not.

use std::sync::Arc;

use resurge_journal::checkpoint::{Listing, Lost};
use resurge_journal::state::{Run, Tuning};
use resurge_journal::{RunId, StepIndex};
use resurge_steps::Progress;

use super::engine::Engine;
use super::error::Unavailable;
use super::view::RunView;
use crate::shell::{Census, Message, spawn_blocking};

/// How far an attempt under way is.
pub(super) type Meters<'a> = dyn Fn(RunId, StepIndex) -> Option<Progress> + 'a;

impl Engine {
    /// Makes something of the view of every run, in no order.
    pub(super) async fn map_runs<T>(
        &self,
        mut map: impl FnMut(RunView) -> Option<T>,
    ) -> Result<Vec<T>, Unavailable> {
        self.map_pages(|page, tuning, progress| {
            page.iter().filter_map(|run| map(RunView::new(run, tuning, progress))).collect()
        })
        .await
    }

    /// Makes something of every page of runs, in no order.
    ///
    /// No more of the runs that have left memory than a page of them is in memory at a time.
    pub(super) async fn map_pages<T>(
        &self,
        mut map: impl FnMut(&[Arc<Run>], &Tuning, &Meters<'_>) -> Vec<T>,
    ) -> Result<Vec<T>, Unavailable> {
        let mut trouble = None;
        let mut failures = 0;
        loop {
            let census = self.ask(|reply| Message::Census { trouble, reply }).await?;
            match self.map_census(census, &mut map).await {
                Ok(mapped) => return Ok(mapped),
                // Once more, when it can be read again or everything is in memory.
                Err(lost) => {
                    failures += 1;
                    // What others can read and this never can is as good as damaged.
                    trouble = Some(if failures < FAILURES_MAX { lost } else { Lost::Damaged });
                }
            }
        }
    }

    async fn map_census<T>(
        &self,
        census: Census,
        map: &mut impl FnMut(&[Arc<Run>], &Tuning, &Meters<'_>) -> Vec<T>,
    ) -> Result<Vec<T>, Lost> {
        let Census { runs, mut rest, tuning, progress } = census;
        let progress = |run, step| progress.get(&(run, step)).copied();
        let mut mapped = Vec::new();
        let mut page = runs;
        loop {
            mapped.extend(map(&page, &tuning, &progress));
            let Some(next) = self.next_page(&mut rest).await? else { return Ok(mapped) };
            page = next;
        }
    }

    async fn next_page(&self, rest: &mut Option<Listing>) -> Result<Option<Vec<Arc<Run>>>, Lost> {
        let Some(mut listing) = rest.take() else { return Ok(None) };
        let store = Arc::clone(&self.inner.store);
        let read = spawn_blocking(move || {
            let page = listing.next_page(store.as_ref());
            (listing, page)
        });
        // A reader that panicked is as good as a cache that cannot be read.
        let (listing, page) = read.await.map_err(|_| Lost::Damaged)?;
        *rest = Some(listing);
        page
    }
}

/// Failures that may well pass, after which a list gives up what it cannot read.
const FAILURES_MAX: u32 = 16;
