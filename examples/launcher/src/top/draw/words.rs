//! Rows and waits in a few words.

use resurge::Timestamp;
use resurge_dashboard::view::{Amount, Row, Sort, WaitCard};

use crate::top::clock;
use crate::top::text;
use crate::ui::words;

/// What a wait is for and what is left of it.
pub(super) fn wait(card: &WaitCard, now: Timestamp) -> String {
    let left = card.due_at.as_deref().and_then(|due| clock::left(due, now));
    let (alone, counting) = match card.kind.as_str() {
        "backoff" | "budget" => ("waits to retry", "retry in"),
        "server_delay" => ("the server asks to wait", "server: wait"),
        "breaker" => ("host is down", "host down, probe in"),
        "disk_space" => ("disk full", "disk full, tries in"),
        "slot" => ("waits for its turn", "short of something,"),
        "paused" => ("paused", "paused"),
        "parked" => ("cannot go on here", "cannot go on here"),
        _ => return card.text.clone(),
    };
    match left {
        Some(left) if left == "now" => format!("{counting} a moment"),
        Some(left) => format!("{counting} {left}"),
        None => alone.to_owned(),
    }
}

/// Rate and time left, as far as they are known.
pub(super) fn pace(rate: Option<u64>, eta_ms: Option<u64>) -> String {
    let rate = rate.map(|rate| format!("{}/s", words::bytes(rate)));
    let eta = eta_ms.map(|left| clock::length(left.div_ceil(1_000)));
    rate.into_iter().chain(eta).collect::<Vec<_>>().join(" ")
}

/// How far it is in percent.
pub(super) fn percent(row: &Row) -> Option<f64> {
    row.percent.or_else(|| share(row.progress?))
}

/// How much of it is done, in percent.
pub(super) fn share(amount: Amount) -> Option<f64> {
    let total = amount.total.filter(|total| *total > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "whole percents are shown")]
    let share = amount.done as f64 / total as f64 * 100.0;
    Some(share.clamp(0.0, 100.0))
}

/// So much of so much.
pub(super) fn amount(amount: Amount) -> String {
    let done = words::bytes(amount.done);
    match amount.total {
        Some(total) => format!("{done} of {}", words::bytes(total)),
        None => done,
    }
}

/// A bar with its percents.
pub(super) fn bar(percent: f64, columns: usize) -> String {
    format!("{} {:>3.0}%", text::bar(percent, columns), percent.floor())
}

/// What an operation does right now: its wait with what is left of it, or how far it is, or its end.
pub(super) fn doing(row: &Row, now: Timestamp, columns: usize) -> String {
    if let Some(card) = &row.wait {
        return wait(card, now);
    }
    if let Some(error) = row.error.as_ref().filter(|_| row.ended_at.is_some()) {
        return error.title.clone();
    }
    if let Some(ended) = &row.ended_at {
        return format!("ended {}", clock::time_of_day(ended));
    }
    let mut words = Vec::new();
    if let Some(percent) = percent(row) {
        let is_roomy = columns >= 28;
        words.push(if is_roomy { bar(percent, 8) } else { format!("{:.0}%", percent.floor()) });
    } else if let Some(progress) = row.progress {
        words.push(amount(progress));
    }
    words.push(pace(row.rate, row.eta_ms));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// The order of the list.
pub(super) const fn sort(sort: Sort) -> &'static str {
    match sort {
        Sort::Newest => "newest first",
        Sort::Oldest => "oldest first",
        Sort::Name => "by name",
        Sort::NameBack => "by name, backwards",
        Sort::Status => "by status",
        Sort::Updated => "moved last first",
    }
}
