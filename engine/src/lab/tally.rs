//! Counts what became of operations, from records: imagined ones and recorded ones alike.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use resurge_journal::event::{AttemptStarted, Event, Verdict};
use resurge_journal::{Record, ResourceKey, RunId, StepKey, Timestamp};

use super::report::Report;

/// A while in which something was down, on the clock of the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Down {
    pub(super) of: ResourceKey,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// Counts what becomes of operations while their records pass by.
pub(super) struct Tally {
    outages: Vec<Down>,
    operations: HashMap<(RunId, StepKey), Fate>,
    hosts: BTreeMap<ResourceKey, Host>,
    report: Report,
}

/// What has become of an operation so far.
struct Fate {
    needs: ResourceKey,
    has_begun: bool,
    /// When the attempt under way began.
    flies_since: Option<Timestamp>,
    met_outage: bool,
    end: Option<End>,
}

#[derive(PartialEq, Eq)]
enum End {
    Done,
    GivenUp,
}

/// What a host sees.
#[derive(Default)]
struct Host {
    /// Operations that need it and have not ended.
    open: u64,
    flying: u64,
    quiet_since: Option<Timestamp>,
    /// Requests of the last minute.
    lately: VecDeque<Timestamp>,
}

impl Tally {
    pub(super) fn new(outages: Vec<Down>) -> Self {
        let (operations, hosts) = (HashMap::new(), BTreeMap::new());
        Self { outages, operations, hosts, report: Report::default() }
    }

    /// Counts a step as an operation.
    pub(super) fn expect(&mut self, run: RunId, step: StepKey, needs: ResourceKey) {
        let fate =
            Fate { needs, has_begun: false, flies_since: None, met_outage: false, end: None };
        self.operations.insert((run, step), fate);
        self.report.operations += 1;
    }

    /// Takes note of a record; those about anything else pass by.
    pub(super) fn take(&mut self, record: &Record) {
        let Some(run) = record.run else { return };
        let at = record.at;
        match &record.event {
            Event::AttemptStarted(event) => self.started(run, event, at),
            Event::StepParked(event) => self.begin(run, &event.step, at),
            Event::AttemptSucceeded(event) => {
                self.landed(run, &event.step, at, false);
                self.end(run, &event.step, End::Done, at);
            }
            Event::AttemptFailed(event) => {
                self.landed(run, &event.step, at, true);
                if matches!(event.verdict, Verdict::Exhausted | Verdict::NotRetryable) {
                    self.end(run, &event.step, End::GivenUp, at);
                }
            }
            Event::AttemptInterrupted(event) => self.landed(run, &event.step, at, false),
            Event::OutputsInvalidated(event) => self.landed(run, &event.step, at, false),
            Event::StepRefused(event) => self.end(run, &event.step, End::GivenUp, at),
            Event::StepSkipped(event) => self.end(run, &event.step, End::Done, at),
            Event::RunExhausted(_) | Event::RunFailed(_) => self.end_all(run, at),
            _ => {}
        }
    }

    /// What it all comes to.
    pub(super) fn report(mut self) -> Report {
        for fate in self.operations.values() {
            match fate.end {
                Some(End::Done) => self.report.completed += 1,
                Some(End::GivenUp) => self.report.exhausted += 1,
                None => self.report.unfinished += 1,
            }
        }
        self.report.lags.sort_unstable();
        self.report
    }

    /// Whether every operation has ended.
    pub(super) fn is_complete(&self) -> bool {
        self.operations.values().all(|fate| fate.end.is_some())
    }

    fn begin(&mut self, run: RunId, step: &StepKey, at: Timestamp) {
        let Some(fate) = self.operations.get_mut(&(run, step.clone())) else { return };
        // One that somebody asked to try again after its end begins anew.
        if !fate.has_begun || fate.end.is_some() {
            fate.has_begun = true;
            fate.end = None;
            let host = self.hosts.entry(fate.needs.clone()).or_default();
            host.open += 1;
            host.listen(at);
        }
    }

    fn started(&mut self, run: RunId, event: &AttemptStarted, at: Timestamp) {
        self.begin(run, &event.step, at);
        let Some(fate) = self.operations.get_mut(&(run, event.step.clone())) else { return };
        let host = self.hosts.entry(fate.needs.clone()).or_default();
        fate.flies_since = Some(at);
        self.report.attempts += 1;
        self.report.probes += u64::from(event.admission.iter().any(|admitted| admitted.probe));
        let silence = host.request(at);
        self.report.longest_silence = self.report.longest_silence.max(silence);
        let lately = host.lately.len() as u64;
        self.report.requests_per_minute_max = self.report.requests_per_minute_max.max(lately);
    }

    fn landed(&mut self, run: RunId, step: &StepKey, at: Timestamp, failed: bool) {
        let Some(fate) = self.operations.get_mut(&(run, step.clone())) else { return };
        let Some(since) = fate.flies_since else { return };
        let meets = |down: &Down| down.of == fate.needs && down.from <= at && since < down.to;
        if failed && self.outages.iter().any(meets) {
            fate.met_outage = true;
            self.report.attempts_in_outage += 1;
        }
        let host = self.hosts.entry(fate.needs.clone()).or_default();
        host.flying = host.flying.saturating_sub(1);
        host.listen(at);
    }

    fn end(&mut self, run: RunId, step: &StepKey, end: End, at: Timestamp) {
        let Some(fate) = self.operations.get_mut(&(run, step.clone())) else { return };
        if fate.end.is_some() {
            return;
        }
        let since = fate.flies_since.take().unwrap_or(at);
        if end == End::Done && fate.met_outage {
            let over = self.outages.iter().filter(|down| down.of == fate.needs && down.to <= since);
            let lag = over.map(|down| since.since(down.to)).min().unwrap_or_default();
            self.report.lags.push(lag);
        }
        fate.end = Some(end);
        if fate.has_begun {
            let host = self.hosts.entry(fate.needs.clone()).or_default();
            host.open = host.open.saturating_sub(1);
            if host.open == 0 {
                host.quiet_since = None;
            }
        }
    }

    fn end_all(&mut self, run: RunId, at: Timestamp) {
        let steps = self.operations.keys().filter(|(known, _)| *known == run);
        for (run, step) in steps.cloned().collect::<Vec<_>>() {
            self.end(run, &step, End::GivenUp, at);
        }
    }
}

impl Host {
    /// Silence begins if somebody waits and nobody asks.
    fn listen(&mut self, at: Timestamp) {
        if self.flying == 0 && self.open > 0 && self.quiet_since.is_none() {
            self.quiet_since = Some(at);
        }
    }

    /// Notes a request and gives the silence before it.
    fn request(&mut self, at: Timestamp) -> Duration {
        self.flying += 1;
        self.lately.push_back(at);
        while self.lately.front().is_some_and(|oldest| at.since(*oldest) >= MINUTE) {
            self.lately.pop_front();
        }
        self.quiet_since.take().map_or(Duration::ZERO, |since| at.since(since))
    }
}

const MINUTE: Duration = Duration::from_secs(60);
