//! The view of a subscription, made from all that is known.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use resurge::journal::event::BreakerMode;
use resurge::journal::state::{Stats, Tuning};
use resurge::{BreakerView, RunId, RunStatus, Seq, Settings, Timestamp};

use super::detail_model::Detail;
use super::entry::{Entry, Readings};
use super::minutes::Minutes;
use super::model::{
    BreakerCard, ButtonCard, Counts, EngineCard, List, Row, Totals, VIEW_VERSION, View,
};
use super::notices::Notices;
use super::panels;
use super::query::{Filter, Panel, Sort, Subscription};
use super::tally::Tally;

/// All that is known at one moment.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) seq: Seq,
    pub(crate) now: Timestamp,
    pub(crate) engine: EngineCard,
    pub(crate) buttons: BTreeMap<String, ButtonCard>,
    pub(crate) entries: BTreeMap<RunId, Entry>,
    /// How far open operations are.
    pub(crate) readings: HashMap<RunId, Readings>,
    pub(crate) breakers: Vec<BreakerView>,
    pub(crate) stats: Stats,
    pub(crate) tuning: Tuning,
    pub(crate) settings: Settings,
    pub(crate) minutes: Minutes,
    pub(crate) notices: Notices,
    pub(crate) tally: Tally,
}

impl Scene {
    /// What a subscription shows; `detail` is the operation that it asks for.
    pub(crate) fn view(&self, wanted: &Subscription, detail: Option<Detail>) -> View {
        let (counts, fitting) = self.sift(&wanted.filter, wanted.sort);
        let is = |panel| wanted.panel == Some(panel);
        let threshold = self.tuning.circuit_breaker_threshold;
        let threshold = threshold.unwrap_or(self.settings.breaker.threshold);
        View {
            v: VIEW_VERSION,
            seq: self.seq.get(),
            now: self.now.to_string(),
            engine: self.engine.clone(),
            counts,
            totals: self.totals(),
            breakers: self.breakers(threshold, is(Panel::Breakers)),
            stats: panels::stats(&self.stats, &self.minutes, self.now, is(Panel::Stats)),
            settings: is(Panel::Settings).then(|| panels::settings(&self.settings, &self.tuning)),
            list: self.window(&fitting, wanted),
            detail: detail.map(|detail| self.offered(detail)),
            notices: self.notices.cards(),
            buttons: self.buttons.clone(),
        }
    }

    /// Breakers, each with the name of the operation that probes it.
    fn breakers(&self, threshold: u32, all: bool) -> BTreeMap<String, BreakerCard> {
        let mut cards = panels::breakers(&self.breakers, threshold, all);
        for breaker in &self.breakers {
            let probe = breaker.probe.and_then(|run| self.entries.get(&run));
            if let (Some(card), Some(entry)) = (cards.get_mut(breaker.key.as_str()), probe) {
                card.probe_name = Some(entry.row.name.clone());
            }
        }
        if self.engine.read_only {
            for card in cards.values_mut() {
                card.can.clear();
            }
        }
        cards
    }

    /// The operations that fit, in order, and how many there are of each status.
    pub(crate) fn sift(&self, filter: &Filter, sort: Sort) -> (Counts, Vec<&Entry>) {
        let sieve = filter.sieve();
        let mut counts = Counts::default();
        let mut fitting: Vec<&Entry> = Vec::new();
        for entry in self.entries.values().filter(|entry| sieve.fits_beside_state(entry)) {
            counts.add(entry);
            if sieve.has_state(entry) {
                fitting.push(entry);
            }
        }
        match sort {
            Sort::Newest => fitting.reverse(),
            Sort::Oldest => {}
            sort => fitting.sort_by(|one, other| sort.compare(one, other)),
        }
        (counts, fitting)
    }

    /// The line of an operation with what moves between two records.
    pub(crate) fn row(&self, entry: &Entry) -> Arc<Row> {
        let mut row = entry.shown(self.readings.get(&entry.id));
        if self.engine.read_only && !row.can.is_empty() {
            Arc::make_mut(&mut row).can.clear();
        }
        row
    }

    /// An operation in full with no more controls than can be used from here.
    pub(crate) fn offered(&self, detail: Detail) -> Detail {
        if self.engine.read_only { detail.without_controls() } else { detail }
    }

    fn window(&self, fitting: &[&Entry], wanted: &Subscription) -> List {
        // A list that has become shorter shows its end, not nothing.
        let count = wanted.count.min(Subscription::COUNT_MAX);
        let from = wanted.from.min(fitting.len().saturating_sub(count));
        let window = fitting.iter().skip(from).take(count);
        let rows = window.map(|entry| (entry.id.to_string(), self.row(entry)));
        let rows: Vec<(String, Arc<Row>)> = rows.collect();
        List {
            total: fitting.len() as u64,
            from: from as u64,
            order: rows.iter().map(|(id, _)| id.clone()).collect(),
            rows: rows.into_iter().collect(),
        }
    }

    /// No attempt is under way any more.
    pub(crate) fn rest(&mut self) {
        for reading in self.readings.values_mut().flat_map(BTreeMap::values_mut) {
            *reading = reading.at_rest();
        }
    }

    /// How long it is until something changes by itself, without an event that says so.
    pub(crate) fn next_turn(&self) -> Option<Duration> {
        let breakers = self.breakers.iter().filter_map(mode_end);
        let queues = self.entries.values().filter_map(Entry::queue_turns_at);
        breakers.chain(queues).min().map(|end| end.since(self.now).max(TURN_MIN))
    }

    /// Breakers whose mode has ended by itself since the scene was made.
    pub(crate) fn overdue_breakers(&self, now: Timestamp) -> impl Iterator<Item = String> + '_ {
        let is_over = move |breaker: &&BreakerView| mode_end(breaker).is_some_and(|end| end <= now);
        self.breakers.iter().filter(is_over).map(|breaker| breaker.key.to_string())
    }

    /// All attempts under way together.
    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        // The time left can be told if it can be told of everything that has an end.
        let mut longest = Some(0);
        for readings in self.readings.values() {
            let under_way = readings.values().filter(|reading| reading.rate.is_some());
            let mut is_active = false;
            for reading in under_way.filter(|reading| reading.has_spoken()) {
                is_active = true;
                totals.rate = totals.rate.saturating_add(reading.rate.unwrap_or(0));
                if let Some(total) = reading.total {
                    totals.done = totals.done.saturating_add(reading.done.min(total));
                    totals.total = totals.total.saturating_add(total);
                    longest = longest.zip(reading.eta_ms).map(|(one, other)| one.max(other));
                }
            }
            totals.active += u64::from(is_active);
        }
        totals.eta_ms = longest.filter(|longest| *longest > 0);
        totals
    }
}

/// When the mode that somebody set ends by itself.
fn mode_end(breaker: &BreakerView) -> Option<Timestamp> {
    let (_, _, until) = breaker.mode_set.as_ref()?;
    until.filter(|_| breaker.mode != BreakerMode::Enforced)
}

/// Looked at no more often than so, whatever a clock says.
const TURN_MIN: Duration = Duration::from_millis(250);

impl Counts {
    fn add(&mut self, entry: &Entry) {
        let counter = match entry.status {
            RunStatus::Pending => &mut self.pending,
            RunStatus::InProgress => &mut self.in_progress,
            RunStatus::Recovering => &mut self.recovering,
            RunStatus::Paused => &mut self.paused,
            RunStatus::Success => &mut self.success,
            RunStatus::Failed => &mut self.failed,
            RunStatus::Exhausted => &mut self.exhausted,
            RunStatus::Cancelled => &mut self.cancelled,
        };
        *counter += 1;
        self.all += 1;
        self.waiting += u64::from(entry.row.wait.is_some());
    }
}
