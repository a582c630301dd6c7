//! What a change of settings would do, told before it is made.

use resurge_journal::state::{Run, StepPhase, Tuning};
use resurge_journal::{Json, ResourceKey, RunId};

use super::control_error::SettingError;
use super::engine::Engine;
use crate::core::Rehearsed;
use crate::policy::{effective_bandwidth, effective_retry};
use crate::settings::Settings;
use crate::shell::Sight;

/// Something that a change of settings would do, or would leave as it is; see [`Engine::preview`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effect {
    /// What it is, as a sentence for people.
    pub text: String,
    /// Runs that it concerns, the newest first; at most 100.
    pub runs: Vec<RunId>,
    /// How many runs, attempts or breakers it concerns, as the sentence says.
    pub count: usize,
}

impl Engine {
    /// What changes of settings would do if they were made now; `None` takes a change back.
    ///
    /// Tells what would happen at once and what would be different with the next failure. Delays
    /// that were drawn and breaks that have begun stay as they are. The engine goes on meanwhile,
    /// so that a little later it may be different.
    ///
    /// It does not tell everything: other delays after failures that are yet to come are left out,
    /// and so is how long breakers that open later would stay open.
    ///
    /// # Errors
    /// [`SettingError`] if there is no such setting, or if it cannot have this value.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn preview(
        &self,
        changes: impl IntoIterator<Item = (String, Option<Json>)>,
    ) -> Result<Vec<Effect>, SettingError> {
        let changes = changes.into_iter();
        let changes: Vec<(String, Json)> =
            changes.map(|(name, value)| (name, value.unwrap_or_else(Json::null))).collect();
        let settings = self.settings().clone();
        let looked = self.look(move |sight| at_once(sight, &settings, &changes)).await?;
        let (then, mut effects) = looked.map_err(|problem| SettingError::Invalid { problem })?;
        // Counted afterwards: a list that could not be read to its end begins anew.
        let found = self
            .map_pages(|page, now, _| {
                let found = page.iter().filter_map(|run| Retries::of(run, now, &then));
                found.collect()
            })
            .await?;
        effects.extend(effects_of(&found));
        Ok(effects)
    }
}

/// The settings after the changes, and what can be told without looking at every run.
fn at_once(
    sight: &Sight<'_>,
    settings: &Settings,
    changes: &[(String, Json)],
) -> Result<(Tuning, Vec<Effect>), String> {
    let now = sight.state.tuning();
    let mut then = now.clone();
    for (name, value) in changes {
        then = then.with(name, value)?;
    }
    let mut effects = Vec::new();
    effects.extend(attempts(sight, &then, changes));
    effects.extend(breakers(sight, &then));
    effects.extend(transfers(sight, settings, &then));
    Ok((then, effects))
}

/// What begins at once, or waits for longer.
fn attempts(sight: &Sight<'_>, then: &Tuning, changes: &[(String, Json)]) -> Option<Effect> {
    let before = sight.core.in_flight_max(sight.state.tuning(), sight.now);
    let after = sight.core.in_flight_max(then, sight.now);
    if after > before {
        let Rehearsed { begun, is_cut } = sight.core.rehearse(changes, sight.now);
        let at_least = if is_cut { "at least " } else { "" };
        let what = format!("{at_least}{}", counted(begun.len(), "attempt", "attempts"));
        return effect(begun, |_| {
            format!("{what} would begin at once instead of waiting for others to end")
        });
    }
    let running = sight.state.running();
    let excess = (running + 1).saturating_sub(after);
    if after == before || excess < 2 {
        return None;
    }
    let runs = sight.state.running_steps().map(|(run, _)| run).collect();
    let text = format!(
        "nothing more would begin until {excess} of the {running} attempts under way have ended"
    );
    effect(runs, |_| text)
}

/// Breakers that another failure would open, or would no longer open.
fn breakers(sight: &Sight<'_>, then: &Tuning) -> Vec<Effect> {
    let tuning = sight.state.tuning();
    let mut effects = Vec::new();
    if tuning.circuit_breaker_threshold != then.circuit_breaker_threshold {
        let before = sight.core.about_to_open(tuning, sight.now);
        let after = sight.core.about_to_open(then, sight.now);
        let only = |of: &[ResourceKey], not: &[ResourceKey]| -> Vec<ResourceKey> {
            of.iter().filter(|key| !not.contains(key)).cloned().collect()
        };
        effects.extend(of_breakers(&only(&after, &before), "would open with one more failure"));
        effects.extend(of_breakers(
            &only(&before, &after),
            "would open with one more failure now, and no longer would",
        ));
    }
    if tuning.circuit_breaker_timeout_ms != then.circuit_breaker_timeout_ms {
        let open = sight.state.breakers().filter(|(_, breaker)| {
            matches!(breaker.gate, resurge_journal::state::Gate::Open { .. })
        });
        let open: Vec<ResourceKey> = open.map(|(key, _)| key.clone()).collect();
        effects.extend(of_breakers(&open, "would keep the length of the break under way"));
    }
    effects
}

fn of_breakers(keys: &[ResourceKey], what: &str) -> Option<Effect> {
    let named = keys.iter().take(NAMED_MAX).map(ResourceKey::display_name);
    let named: Vec<String> = named.collect();
    let more = if keys.len() > NAMED_MAX { " and others" } else { "" };
    let of = counted(keys.len(), "breaker", "breakers");
    let text = format!("{of} {what}: {}{more}", named.join(", "));
    (!keys.is_empty()).then(|| Effect { text, runs: Vec::new(), count: keys.len() })
}

/// Transfers under way that would be held back, or no longer would.
fn transfers(sight: &Sight<'_>, settings: &Settings, then: &Tuning) -> Option<Effect> {
    let before = effective_bandwidth(settings, sight.state.tuning());
    let after = effective_bandwidth(settings, then);
    if before == after {
        return None;
    }
    let under_way =
        sight.state.running_steps().filter(|(run, step)| (sight.is_transfer)(*run, *step));
    let runs = under_way.map(|(run, _)| run).collect();
    effect(runs, |count| {
        let of = counted(count, "transfer", "transfers");
        let (old, new) = (rate(before), rate(after));
        match (before, after) {
            (_, 0) => format!("{of} under way would no longer share a limit of {old}"),
            (0, _) => format!("{of} under way would share a limit of {new}"),
            _ => format!("{of} under way would share a limit of {new} instead of {old}"),
        }
    })
}

/// Bytes a second as people write them.
fn rate(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(unit);
            format!("{}.{} {name}/s", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B/s"),
    }
}

/// What other numbers of retries and other delays mean for a run that has not ended.
struct Retries {
    run: RunId,
    /// Whether each of [`SENTENCES`] holds for one of its steps.
    holds: [bool; SENTENCES.len()],
}

/// What is told of runs; behind their number.
const SENTENCES: [&str; 5] = [
    "would be given up with the next failure that counts",
    "would have retries left again, and not be given up with the next failure",
    "would have more retries than now",
    "would have fewer retries than now",
    "would wait on as before: a delay that was drawn stays as it is",
];

impl Retries {
    /// None if nothing is to be told.
    fn of(run: &Run, now: &Tuning, then: &Tuning) -> Option<Self> {
        // One that makes no more retries is not given any.
        if run.phase.is_final() || run.recovery_cancelled {
            return None;
        }
        let delays =
            |tuning: &Tuning| (tuning.initial_delay_ms, tuning.backoff_factor, tuning.max_delay_ms);
        let has_other_delays = delays(now) != delays(then);
        let mut holds = [false; SENTENCES.len()];
        for (_, spec, step) in run.steps() {
            use StepPhase as P;
            if matches!(step.phase, P::Succeeded { .. } | P::Failed { .. } | P::Stopped) {
                continue;
            }
            let before = effective_retry(&spec.retry, now).max_retries;
            let after = effective_retry(&spec.retry, then).max_retries;
            let ends = |max_retries: u32| step.charged >= max_retries;
            let waits = matches!(step.phase, P::Waiting { .. });
            let of_step = [
                !ends(before) && ends(after),
                ends(before) && !ends(after),
                after > before,
                after < before,
                waits && has_other_delays,
            ];
            for (holds, is_so) in holds.iter_mut().zip(of_step) {
                *holds |= is_so;
            }
        }
        holds.contains(&true).then_some(Self { run: run.id, holds })
    }
}

fn effects_of(found: &[Retries]) -> impl Iterator<Item = Effect> {
    SENTENCES.iter().enumerate().filter_map(|(index, what)| {
        let concerned = found.iter().filter(|run| run.holds.get(index) == Some(&true));
        let runs = concerned.map(|run| run.run).collect();
        effect(runs, |count| format!("{} {what}", counted(count, "run", "runs")))
    })
}

fn effect(runs: Vec<RunId>, text: impl FnOnce(usize) -> String) -> Option<Effect> {
    let mut runs = runs;
    let count = runs.len();
    runs.sort_unstable_by(|one, other| other.cmp(one));
    runs.dedup();
    runs.truncate(RUNS_MAX);
    (count > 0).then(|| Effect { text: text(count), runs, count })
}

fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("{count} {one}") } else { format!("{count} {many}") }
}

/// Most runs that an effect names.
const RUNS_MAX: usize = 100;
/// Most breakers that an effect names.
const NAMED_MAX: usize = 3;
