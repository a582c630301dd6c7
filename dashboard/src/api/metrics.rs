//! Numbers for Prometheus.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use resurge::journal::event::BreakerMode;
use resurge::journal::state::Stats;
use resurge::{BreakerState, BreakerView, JournalView, Unavailable};

use crate::dashboard::App;
use crate::view::{Entry, Histogram, OUTCOMES, Tally, mode as mode_name};

/// Numbers in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "stats",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let mut page = Page::default();
    page.family("resurge_up", "gauge", "Whether the engine runs.");
    let look = async {
        let (under_way, journal) = (app.engine.under_way().await?, app.engine.journal().await?);
        Ok((under_way, journal, app.fresh_board().await?))
    };
    let looked: Result<_, Unavailable> = look.await;
    match looked {
        // It may stop between two looks as well.
        Err(_) => page.plain("resurge_up", 0),
        Ok((under_way, journal_view, board)) => {
            page.plain("resurge_up", 1);
            page.family("resurge_attempts_in_flight", "gauge", "Attempts under way.");
            page.plain("resurge_attempts_in_flight", count(under_way.len()));
            let scene = board.scene();
            page.family("resurge_journal_records_total", "counter", "Records written.");
            page.plain("resurge_journal_records_total", scene.seq.get());
            journal(&mut page, &journal_view);
            operations(&mut page, scene.entries.values());
            stats(&mut page, &scene.stats);
            breakers(&mut page, &scene.breakers);
            tally(&mut page, &scene.tally);
        }
    }
    page.family("resurge_dashboard_streams", "gauge", "Streams that clients hold open.");
    let free = app.streams.available_permits();
    page.plain("resurge_dashboard_streams", count(app.limits.streams_max.saturating_sub(free)));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page.text)
}

fn journal(page: &mut Page, journal: &JournalView) {
    if let Some(bytes) = journal.disk_bytes {
        page.family("resurge_journal_bytes", "gauge", "Bytes of the files of the journal.");
        page.plain("resurge_journal_bytes", bytes);
    }
    let name = "resurge_journal_replay_seconds";
    page.family(name, "gauge", "Time that it took to read the journal when it was opened.");
    page.line(format_args!("{name} {}", journal.replay.as_secs_f64()));
    let name = "resurge_journal_flush_duration_seconds";
    page.family(name, "histogram", "Time until records were durable, by flushes.");
    let flushes = &journal.flushes;
    let buckets = flushes.at_most().map(|(bound, count)| (bound.as_secs_f64().to_string(), count));
    let sum = flushes.total().as_secs_f64().to_string();
    page.histogram(name, &[], buckets, &sum, flushes.count());
}

fn operations<'a>(page: &mut Page, entries: impl Iterator<Item = &'a Entry>) {
    let mut by_status: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    let mut waiting: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in entries {
        // A sample that goes away says nothing; 0 does.
        let of_workflow = by_status
            .entry(&entry.row.workflow)
            .or_insert_with(|| STATUSES.map(|status| (status, 0)).into());
        *of_workflow.entry(&entry.row.status).or_default() += 1;
        if let Some(wait) = &entry.row.wait {
            *waiting.entry(&wait.kind).or_default() += 1;
        }
    }
    let name = "resurge_operations";
    page.family(name, "gauge", "Operations that the journal holds, by workflow and status.");
    for (workflow, of_workflow) in by_status {
        for (status, number) in of_workflow {
            page.sample(name, &[("workflow", workflow), ("status", status)], number);
        }
    }
    page.family("resurge_waiting", "gauge", "Operations that wait, by what for.");
    for (reason, number) in waiting {
        page.sample("resurge_waiting", &[("reason", reason)], number);
    }
}

fn stats(page: &mut Page, stats: &Stats) {
    page.family("resurge_operations_started_total", "counter", "Operations started.");
    page.plain("resurge_operations_started_total", stats.total);
    // Those that failed are no counter: one that is retried by hand did not fail after all.
    let name = "resurge_operations_total";
    page.family(name, "counter", "Operations that ended for good, by outcome.");
    page.sample(name, &[("outcome", "succeeded")], stats.succeeded);
    page.sample(name, &[("outcome", "cancelled")], stats.cancelled);
    page.family("resurge_operations_failed", "gauge", "Operations that failed and stayed so.");
    page.plain("resurge_operations_failed", stats.failed);
    let name = "resurge_attempts_failed_total";
    page.family(name, "counter", "Failed attempts, by the class of their failure.");
    for (class, of) in &stats.by_class {
        page.sample(name, &[("category", class.name())], of.failures);
    }
    page.family("resurge_retry_attempts_total", "counter", "Attempts after the first of a step.");
    page.plain("resurge_retry_attempts_total", stats.retry_attempts);
    let name = "resurge_recovery_duration_seconds";
    page.family(name, "summary", "Time from the first failure of an operation to its success.");
    page.line(format_args!("{name}_sum {}", seconds(stats.recovery_ms)));
    page.line(format_args!("{name}_count {}", stats.recovered));
    page.family("resurge_breaker_trips_total", "counter", "Times that a breaker opened.");
    page.plain("resurge_breaker_trips_total", stats.breaker_trips);
}

fn breakers(page: &mut Page, breakers: &[BreakerView]) {
    let mut known: Vec<&BreakerView> = breakers.iter().collect();
    // Those that say something come first, should there be too many for a collector.
    known.sort_by_key(|known| (known.state == BreakerState::Closed, known.key.clone()));
    known.truncate(BREAKERS_MAX);
    let name = "resurge_breaker_state";
    page.family(name, "gauge", "Breakers: 0 is closed, 1 half open, 2 open.");
    for breaker in &known {
        let state = match breaker.state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            _ => 2,
        };
        page.sample(name, &[("scope", breaker.key.as_str())], state);
    }
    let name = "resurge_breaker_mode";
    page.family(name, "gauge", "How far a breaker may interfere: 1 for its mode, 0 for others.");
    for breaker in &known {
        for mode in MODES {
            let labels = [("scope", breaker.key.as_str()), ("mode", mode_name(mode))];
            page.sample(name, &labels, u64::from(mode == breaker.mode));
        }
    }
    page.family("resurge_breaker_held", "gauge", "Steps that wait behind a breaker.");
    for breaker in &known {
        page.sample(
            "resurge_breaker_held",
            &[("scope", breaker.key.as_str())],
            count(breaker.held),
        );
    }
}

/// What is counted here, from the first look on.
fn tally(page: &mut Page, tally: &Tally) {
    let name = "resurge_attempt_duration_seconds";
    page.family(name, "histogram", "Time from the begin of an attempt to its end, by outcome.");
    for outcome in OUTCOMES {
        let known = tally.durations.get(outcome).copied().unwrap_or_default();
        page.lengths(name, &[("outcome", outcome)], &known);
    }
    let name = "resurge_retry_delay_seconds";
    page.family(name, "histogram", "Delays that were decided on after failed attempts.");
    page.lengths(name, &[], &tally.delays);
    let name = "resurge_transferred_bytes_total";
    page.family(name, "counter", "Bytes that downloads have fetched.");
    page.plain(name, tally.bytes);
}

/// The text as it grows.
#[derive(Debug, Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn plain(&mut self, name: &str, value: u64) {
        self.line(format_args!("{name} {value}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.line(format_args!("{name}{} {value}", written(labels)));
    }

    fn lengths(&mut self, name: &str, labels: &[(&str, &str)], known: &Histogram) {
        let buckets = known.buckets().map(|(bound, count)| (seconds(bound), count));
        self.histogram(name, labels, buckets, &seconds(known.sum_ms), known.count());
    }

    /// `buckets` are those with a bound, each with all that the smaller ones have.
    fn histogram(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        buckets: impl Iterator<Item = (String, u64)>,
        sum: &str,
        count: u64,
    ) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in buckets.chain([("+Inf".to_owned(), count)]) {
            self.sample(&bucket, &[labels, &[("le", bound.as_str())]].concat(), count);
        }
        let labels = written(labels);
        self.line(format_args!("{name}_sum{labels} {sum}"));
        self.line(format_args!("{name}_count{labels} {count}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.text.push_str(&line.to_string());
        self.text.push('\n');
    }
}

/// Labels in their braces; nothing if there are none.
fn written(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let labels = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    format!("{{{}}}", labels.collect::<Vec<_>>().join(","))
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

fn count(number: usize) -> u64 {
    number as u64
}

const BREAKERS_MAX: usize = 256;
const MODES: [BreakerMode; 4] =
    [BreakerMode::Enforced, BreakerMode::Isolated, BreakerMode::Disabled, BreakerMode::Shadow];
const STATUSES: [&str; 8] = [
    "pending",
    "in_progress",
    "recovering",
    "paused",
    "success",
    "failed",
    "exhausted",
    "cancelled",
];
