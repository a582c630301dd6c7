//! One bar per artifact, on a terminal.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use resurge::{BreakerView, Progress, RunId, RunView, StepStatus as S, Timestamp};

use super::known::Known;
use super::story::Line;
use super::{why, words};

/// The bars, by run.
#[derive(Debug)]
pub(super) struct Bars {
    screen: MultiProgress,
    bars: BTreeMap<RunId, ProgressBar>,
}

impl Bars {
    pub(super) fn new() -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { screen, bars: BTreeMap::new() }
    }

    /// Runs that have a bar and have not ended.
    pub(super) fn open(&self) -> Vec<RunId> {
        self.bars.keys().copied().collect()
    }

    /// Gives a run a bar if it has none.
    pub(super) fn add(&mut self, run: RunId, names: &Known) {
        let screen = &self.screen;
        self.bars.entry(run).or_insert_with(|| {
            let bar = screen.add(ProgressBar::new(EMPTY)).with_style(style());
            bar.set_prefix(names.name(run));
            bar
        });
    }

    /// Writes a line above the bars.
    pub(super) fn print(&self, line: &Line) {
        // A terminal that cannot be written to is nobody's loss.
        let _ = self.screen.println(line.to_string());
    }

    /// Shows where a run stands.
    pub(super) fn update(&self, view: &RunView, breakers: &[BreakerView], now: Timestamp) {
        let Some(bar) = self.bars.get(&view.id) else { return };
        let (progress, text) = standing(view, breakers, now);
        if let Some(progress) = progress {
            // Without a total there is nothing to fill; the text tells how far it is.
            let (length, position) =
                progress.total.map_or((EMPTY, 0), |total| (total.max(EMPTY), progress.done));
            bar.set_length(length);
            bar.set_position(position);
        }
        bar.set_message(text);
    }

    /// Takes the bar of a run away.
    pub(super) fn remove(&mut self, run: RunId) {
        if let Some(bar) = self.bars.remove(&run) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }

    /// Takes all bars away.
    pub(super) fn clear(&mut self) {
        for run in self.open() {
            self.remove(run);
        }
    }
}

/// A bar of length 0 would look full.
const EMPTY: u64 = 1;

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{prefix:20!} [{bar:24}] {wide_msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

/// How far the step under way is, and a word about it.
fn standing(
    view: &RunView,
    breakers: &[BreakerView],
    now: Timestamp,
) -> (Option<Progress>, String) {
    let active =
        view.steps.iter().find(|step| matches!(step.status, S::Running | S::Waiting | S::Held));
    let Some(step) = active else {
        let paused = view.paused.as_deref().map(words::reason);
        return (None, words::tame(&paused.unwrap_or_default()));
    };
    if let Some(why) = why::of_view(step, breakers, now) {
        return (None, format!("{}: {}", step.key, words::tame(&why)));
    }
    let Some(progress) = step.progress else { return (None, step.key.to_string()) };
    (Some(progress), format!("{} {}", step.key, measured(&progress)))
}

fn measured(progress: &Progress) -> String {
    let done = words::bytes(progress.done);
    let of = progress.total.map(|total| format!(" of {}", words::bytes(total)));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate to read")]
    let rate = words::bytes(progress.per_second.max(0.0) as u64);
    let left = progress.eta().map(|eta| format!(", {} left", words::duration(eta)));
    format!("{done}{}, {rate}/s{}", of.unwrap_or_default(), left.unwrap_or_default())
}
