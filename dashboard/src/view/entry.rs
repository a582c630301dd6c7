//! What is kept of an operation to show it at any moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::event::{Ease, Event};
use resurge::journal::explain::Cause;
use resurge::{RunId, RunStatus, SeenRun, StepKey, StepStatus, Timestamp};

use super::model::{Amount, Row};
use super::rate::Reading;
use super::row::row;

/// What is kept of an operation to show it at any moment.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: RunId,
    /// The line without what moves between two records.
    pub(crate) row: Arc<Row>,
    /// What a search looks through, in lower case.
    haystack: Box<str>,
    /// The caller's name for it.
    pub(crate) key: Option<Box<str>>,
    /// By which it is sorted among others.
    pub(crate) sort_name: Box<str>,
    pub(crate) status: RunStatus,
    /// The host or other resource that it waits for or failed on.
    pub(crate) host: Option<String>,
    /// All resources that any of its steps waits for or failed on.
    pub(crate) resources: Vec<String>,
    pub(crate) is_final: bool,
    /// Whether any of its attempts has failed.
    pub(crate) has_failed: bool,
    /// Whether a step of it waits for its turn.
    is_queued: bool,
    /// The limit under which it was seen to.
    limit: Option<Ease>,
    done: f64,
    whole: f64,
    /// Steps that are neither done nor out of reach, with their share of the whole.
    open: Vec<(StepKey, f64)>,
    /// Steps whose unit are bytes.
    downloads: Box<[StepKey]>,
}

/// How far the steps of an operation are, as far as that is known.
pub(crate) type Readings = BTreeMap<StepKey, Reading>;

impl Entry {
    pub(crate) fn new(seen: &SeenRun) -> Self {
        let row = row(seen);
        let steps = &seen.view.steps;
        let share = |wanted: fn(StepStatus) -> bool| {
            let steps = steps.iter().filter(move |step| wanted(step.status));
            steps.map(|step| weight(&step.kind))
        };
        let downloads = steps.iter().filter(|step| step.kind == DOWNLOAD);
        let open = steps.iter().filter(|step| step.status != StepStatus::Succeeded);
        let error = row.error.as_ref();
        let message = error.map_or("", |error| error.message.as_str());
        let held = steps.iter().flat_map(|step| &step.held_by);
        let failed = steps.iter().filter_map(|step| step.last_failure.as_ref()?.resource.as_ref());
        let waits_for = row.wait.as_ref().and_then(|wait| wait.host.clone());
        Self {
            id: seen.view.id,
            haystack: format!("{}\n{}\n{message}", row.name, row.workflow).to_lowercase().into(),
            host: waits_for.or_else(|| error.and_then(|error| error.host.clone())),
            key: seen.view.key.as_ref().map(|key| key.as_str().into()),
            sort_name: row.name.to_lowercase().into(),
            status: seen.view.status,
            resources: held.chain(failed).map(ToString::to_string).collect(),
            is_final: seen.view.status.is_final(),
            has_failed: seen.view.first_failed_at.is_some(),
            is_queued: turns(seen).next().is_some(),
            limit: turns(seen).next().flatten(),
            done: share(|status| status == StepStatus::Succeeded).sum(),
            whole: share(|_| true).sum(),
            open: open.map(|step| (step.key.clone(), weight(&step.kind))).collect(),
            downloads: downloads.map(|step| step.key.clone()).collect(),
            row: Arc::new(row),
        }
    }

    /// Whether a text in lower case is found in it, or begins its id.
    pub(crate) fn is_found_by(&self, needle: &str) -> bool {
        let may_be_id = needle.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        self.haystack.contains(needle) || may_be_id && self.id.to_string().starts_with(needle)
    }

    /// Whether the unit of a step are bytes that come from somewhere.
    pub(crate) fn fetches(&self, step: &StepKey) -> bool {
        self.downloads.contains(step)
    }

    /// Whether a step of it waits for its turn under another limit than this one.
    ///
    /// Every failure of that kind moves its end a little; nobody has to be told of that before the
    /// end that was told.
    pub(crate) fn queues_otherwise(&self, limit: &Ease) -> bool {
        let is_same = self.limit.is_some_and(|seen| {
            seen.in_flight_max == limit.in_flight_max && limit.until.since(seen.until) <= SLACK
        });
        self.is_queued && !is_same
    }

    /// When the limit ends under which a step of it waits for its turn.
    pub(crate) fn queue_turns_at(&self) -> Option<Timestamp> {
        self.limit.map(|limit| limit.until)
    }

    /// Takes in the end of a run that the engine can no longer be asked about.
    pub(crate) fn end(&mut self, record: &Record) {
        let status = match &record.event {
            Event::RunSucceeded(_) => RunStatus::Success,
            Event::RunFailed(_) => RunStatus::Failed,
            Event::RunExhausted(_) => RunStatus::Exhausted,
            Event::RunCancelled(_) => RunStatus::Cancelled,
            _ => return,
        };
        let row = Arc::make_mut(&mut self.row);
        (row.status, row.label) = (status.name().to_owned(), status.to_string());
        (row.version, row.ended_at) = (record.seq.get(), Some(record.at.to_string()));
        (row.wait, row.can) = (None, Vec::new());
        if status == RunStatus::Success {
            row.steps_done = row.steps_total;
            self.done = self.whole;
            self.open.clear();
        }
        if matches!(status, RunStatus::Success | RunStatus::Cancelled) {
            row.error = None;
        }
        (self.status, self.is_final, self.is_queued, self.limit) = (status, true, false, None);
    }

    /// The line with what moves between two records.
    pub(crate) fn shown(&self, readings: Option<&Readings>) -> Arc<Row> {
        let mut row = Row::clone(&self.row);
        row.percent = Some(self.percent(readings));
        let own = |known: &Readings| {
            let key = row.step.as_deref()?;
            known.iter().find(|(step, _)| step.as_str() == key).map(|(_, reading)| *reading)
        };
        let reading = readings.filter(|_| !self.is_final).and_then(own).filter(Reading::has_spoken);
        if let Some(reading) = reading {
            row.progress = Some(Amount { done: reading.done, total: reading.total });
            row.rate = reading.rate;
            row.eta_ms = reading.eta_ms;
        }
        Arc::new(row)
    }

    /// How far it is, in percent: its steps by what they usually take.
    fn percent(&self, readings: Option<&Readings>) -> f64 {
        let of_open = self.open.iter().filter_map(|(key, weight)| {
            let share = readings?.get(key)?.share()?;
            Some(share * weight)
        });
        // A sum of nothing is a negative zero.
        let done = (self.done + of_open.sum::<f64>()).abs();
        (1_000.0 * done / self.whole.max(1.0)).round() / 10.0
    }
}

/// Steps that wait for their turn, each with the limit under which it does.
fn turns(seen: &SeenRun) -> impl Iterator<Item = Option<Ease>> {
    seen.why.steps.iter().filter_map(|step| match step.cause {
        Cause::Ready { eased } => Some(eased),
        _ => None,
    })
}

/// By how much the end of a limit may be off.
const SLACK: Duration = Duration::from_secs(5);

/// What a step takes beside others: fetching takes longest.
fn weight(kind: &str) -> f64 {
    match kind {
        DOWNLOAD => 8.0,
        "install" => 2.0,
        _ => 1.0,
    }
}

/// Steps of this kind fetch bytes.
pub(super) const DOWNLOAD: &str = "download";
