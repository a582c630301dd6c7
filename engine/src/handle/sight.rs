//! Many runs at one moment, and the past of one, for whoever shows them.

use std::collections::HashMap;

use resurge_journal::explain::{Explanation, explain_unplaced};
use resurge_journal::state::{Gate, Run};
use resurge_journal::{Record, RunId, RunKey, Seq, State, StepKey, Timestamp};
use resurge_steps::Progress;

use super::census::Meters;
use super::engine::Engine;
use super::error::{EventsError, Unavailable};
use super::insight::explain_found;
use super::past::Past;
use super::view::RunView;
use crate::core::Wanted;
use crate::shell::{Sight, spawn_blocking};

/// Runs as they were seen at one moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sighting {
    /// Everything up to this record is in it.
    ///
    /// A run that had left memory is read after that, and may be seen as it stands a little later.
    pub seq: Seq,
    /// When that was, by the engine's clock.
    pub now: Timestamp,
    /// The runs.
    pub runs: Vec<SeenRun>,
}

/// A run, and why it stands where it stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeenRun {
    /// The run.
    pub view: RunView,
    /// Why it stands there, and what a person can do.
    ///
    /// Without its place in the queue behind a breaker, which [`Engine::explain`] knows: to count
    /// the queue for everybody in it takes too long when it is long.
    pub why: Explanation,
}

/// The attempt of a step that is under way.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UnderWay {
    /// Its run.
    pub run: RunId,
    /// Its step.
    pub step: StepKey,
    /// How far it is.
    pub progress: Progress,
}

impl Engine {
    /// These runs as they stand, in one look at all that are in memory.
    ///
    /// They come in the order in which they were asked for; those that there are not are left out.
    /// The engine does nothing else during a look: ask for a long list in portions of about 64.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn views(&self, runs: Vec<RunId>) -> Result<Sighting, Unavailable> {
        let (seq, now, seen) = self
            .look(move |sight| {
                let seen = runs.into_iter().map(|id| {
                    let run = sight.state.run(id).ok_or(id)?;
                    Ok(SeenRun::of(run, sight.state, sight.now, sight.progress))
                });
                (sight.state.head(), sight.now, seen.collect::<Vec<_>>())
            })
            .await?;
        let mut found = Vec::with_capacity(seen.len());
        for run in seen {
            match run {
                Ok(run) => found.push(run),
                // It has left memory, if there is such a run at all.
                Err(id) => found.extend(self.seen_at_rest(id).await?),
            }
        }
        Ok(Sighting { seq, now, runs: found })
    }

    /// Every run that retention has left, in the order in which they were started.
    ///
    /// What is recorded behind the [`seq`](Sighting::seq) of the answer may be in it or not.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn survey(&self) -> Result<Sighting, Unavailable> {
        let (seq, now, beside) =
            self.look(|sight| (sight.state.head(), sight.now, beside_runs(sight.state))).await?;
        let mut runs = self
            .map_pages(|page, _, progress| {
                page.iter().map(|run| SeenRun::of(run, &beside, now, progress)).collect()
            })
            .await?;
        runs.sort_by_key(|run: &SeenRun| run.view.id);
        Ok(Sighting { seq, now, runs: heed_holders(runs) })
    }

    async fn seen_at_rest(&self, run: RunId) -> Result<Option<SeenRun>, Unavailable> {
        self.find_run(Wanted::Run(run), |found, sight| {
            let (view, why) = (RunView::seen(found.first()?, sight), explain_found(found, sight)?);
            Some(SeenRun { view, why })
        })
        .await
    }

    pub(super) async fn view_of(&self, run: RunId) -> Result<Option<RunView>, Unavailable> {
        self.find_run(Wanted::Run(run), |found, sight| {
            found.first().map(|known| RunView::seen(known, sight))
        })
        .await
    }

    /// Every attempt that is under way, with how far it is.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn under_way(&self) -> Result<Vec<UnderWay>, Unavailable> {
        self.look(|sight| {
            let steps = sight.state.running_steps();
            steps.filter_map(|(run, step)| under_way(sight, run, step)).collect()
        })
        .await
    }

    /// Folds the records of a run, the oldest first; gives the record up to which it has looked.
    ///
    /// What is recorded later comes by [`events`](Self::events). The records are read from the disk, on
    /// a thread of their own, from the start of the run to its end: none is in memory for longer than
    /// `fold` takes. Nothing is folded if there is no such run. What retention has dropped is passed
    /// over, and so are records that are lost: they may be of other runs.
    ///
    /// # Errors
    /// [`EventsError`] if the journal cannot be read, if `fold` panics, or if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed; a read under way goes on to its end.
    pub async fn history<T: Send + 'static>(
        &self,
        run: RunId,
        folded: T,
        fold: impl FnMut(&mut T, &Record) + Send + 'static,
    ) -> Result<(T, Seq), EventsError> {
        let head = self.head();
        let Some(view) = self.view_of(run).await? else { return Ok((folded, head)) };
        let (store, grace) = (self.store(), self.settings().stop_grace);
        let (began_at, ended_at) = (view.started_at, view.ended_at);
        let past = Past { store, run, began_at, ended_at, grace, head };
        let read = spawn_blocking(move || past.fold(folded, fold));
        let folded = read.await.map_err(|_| EventsError::Panicked)??;
        Ok((folded, head))
    }
}

impl SeenRun {
    fn of(run: &Run, state: &State, now: Timestamp, progress: &Meters<'_>) -> Self {
        let why = explain_unplaced(state, run, now);
        Self { view: RunView::new(run, state.tuning(), progress), why }
    }
}

/// What runs are explained by, with no runs but those that are probes.
fn beside_runs(state: &State) -> State {
    let probes = state.breakers().filter_map(|(_, breaker)| match &breaker.gate {
        Gate::HalfOpen { probe, .. } => state.shared_run(probe.as_ref()?.run),
        _ => None,
    });
    state.with_only(probes)
}

/// Tells those that have ended of the open runs that hold their keys: they were seen apart.
fn heed_holders(runs: Vec<SeenRun>) -> Vec<SeenRun> {
    let open = runs.iter().filter(|run| !run.view.status.is_final());
    let holders: HashMap<RunKey, RunId> =
        open.filter_map(|run| Some((run.why.key.clone()?, run.view.id))).collect();
    let told = |SeenRun { view, why }: SeenRun| {
        let holder = why.key.as_ref().and_then(|key| holders.get(key)).copied();
        let why = match holder {
            Some(holder) => why.with_holder(holder),
            None => why,
        };
        SeenRun { view, why }
    };
    runs.into_iter().map(told).collect()
}

fn under_way(sight: &Sight<'_>, run: RunId, step: resurge_journal::StepIndex) -> Option<UnderWay> {
    let progress = (sight.progress)(run, step)?;
    let manifest = &sight.state.run(run)?.started.manifest;
    Some(UnderWay { run, step: manifest.step(step)?.key.clone(), progress })
}
