//! The view of a subscription, made from all that is known.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use resurge::journal::state::{Stats, Tuning};
use resurge::{BreakerView, RunId, Seq, Settings, Timestamp};

use super::detail_model::Detail;
use super::entry::{Entry, Readings};
use super::minutes::Minutes;
use super::model::{ButtonCard, Counts, EngineCard, List, Row, Totals, VIEW_VERSION, View};
use super::notices::Notices;
use super::panels;
use super::query::{Filter, Panel, Sort, Subscription};

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
            breakers: panels::breakers(&self.breakers, threshold, is(Panel::Breakers)),
            stats: panels::stats(&self.stats, &self.minutes, is(Panel::Stats)),
            settings: is(Panel::Settings).then(|| panels::settings(&self.settings, &self.tuning)),
            list: self.window(&fitting, wanted),
            detail,
            notices: self.notices.cards(),
            buttons: self.buttons.clone(),
        }
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
        entry.shown(self.readings.get(&entry.id))
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

    /// All attempts under way together.
    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let mut left = 0_u64;
        for readings in self.readings.values() {
            let under_way = readings.values().filter(|reading| reading.rate.is_some());
            let mut is_active = false;
            for reading in under_way {
                is_active = true;
                totals.rate = totals.rate.saturating_add(reading.rate.unwrap_or(0));
                if let Some(total) = reading.total {
                    totals.done = totals.done.saturating_add(reading.done.min(total));
                    totals.total = totals.total.saturating_add(total);
                    left = left.saturating_add(total.saturating_sub(reading.done));
                }
            }
            totals.active += u64::from(is_active);
        }
        let seconds = left.checked_div(totals.rate);
        totals.eta_ms = seconds.filter(|_| left > 0).map(|seconds| seconds.saturating_mul(1_000));
        totals
    }
}

impl Counts {
    fn add(&mut self, entry: &Entry) {
        let counter = match entry.row.status.as_str() {
            "pending" => &mut self.pending,
            "in_progress" => &mut self.in_progress,
            "recovering" => &mut self.recovering,
            "paused" => &mut self.paused,
            "success" => &mut self.success,
            "failed" => &mut self.failed,
            "exhausted" => &mut self.exhausted,
            _ => &mut self.cancelled,
        };
        *counter += 1;
        self.all += 1;
        self.waiting += u64::from(entry.row.wait.is_some());
    }
}
