//! Breakers, statistics, help.

use ratatui::style::Modifier;
use ratatui::text::Line;
use resurge::Timestamp;
use resurge_dashboard::view::{BreakerCard, StatsCard};

use super::paper::Paper;
use crate::top::app::{App, Engine};
use crate::top::ask::{BreakerVerb, SKIP, Verb};
use crate::top::clock;
use crate::top::ink::{Ink, Tone};
use crate::top::keys;

/// Every breaker, as many as fit around the chosen one.
pub(super) fn breakers(app: &App, here: Timestamp, columns: usize) -> Vec<Line<'static>> {
    let Some(view) = app.view() else { return Vec::new() };
    let now = app.clock.at(here);
    let mut heading = Paper::new(app.ink, columns);
    heading.text(0, "Breakers: what is down is left alone, and tried again by itself", Tone::Title);
    let mut lines = heading.into_lines();
    let cards = keys::breakers(view);
    if cards.is_empty() {
        let mut paper = Paper::new(app.ink, columns);
        paper.text(2, "none has been needed yet", Tone::Dim);
        lines.extend(paper.into_lines());
    }
    let room = usize::from(app.screen.body()).saturating_sub(lines.len()) / LINES_PER_BREAKER;
    let first = (app.breaker + 1).saturating_sub(room.max(1));
    for (at, (_, card)) in cards.into_iter().enumerate().skip(first).take(room.max(1)) {
        let is_chosen = at == app.breaker;
        let mut shown = breaker(app.ink, card, is_chosen, now, columns).into_iter();
        let head = shown.next().unwrap_or_default();
        lines.push(if is_chosen { head.style(Modifier::REVERSED) } else { head });
        lines.extend(shown);
    }
    lines
}

/// Lines of a breaker.
const LINES_PER_BREAKER: usize = 3;

fn breaker(
    ink: Ink,
    card: &BreakerCard,
    is_chosen: bool,
    now: Timestamp,
    columns: usize,
) -> Vec<Line<'static>> {
    let mut paper = Paper::new(ink, columns);
    let is_open = card.state != "closed" || card.mode == "isolated";
    let tone = if is_open { Tone::Warn } else { Tone::Good };
    let mark = if is_chosen { '>' } else { ' ' };
    let left = card.until.as_deref().and_then(|until| clock::left(until, now));
    let left = left.map(|left| format!(" ({left})")).unwrap_or_default();
    paper.line([
        (format!("{mark} {}  ", card.name), Tone::Plain),
        (format!("{}{left}", card.text), tone),
    ]);
    let mut facts = vec![
        format!("{} of {} failures in a row", card.failures_in_row, card.threshold),
        format!("{} wait", card.held),
    ];
    if let Some(by) = &card.set_by {
        facts.push(format!("by {}: {}", by.actor, by.reason));
    }
    paper.line([(format!("    {}", facts.join(", ")), Tone::Dim)]);
    let verbs =
        BreakerVerb::ALL.into_iter().filter(|verb| card.can.iter().any(|can| can == verb.name()));
    let verbs: Vec<String> = verbs.map(|verb| format!("{} {}", verb.key(), verb.name())).collect();
    paper.line([(format!("    {}", verbs.join("  ")), Tone::Plain)]);
    paper.into_lines()
}

/// How well recovery works.
pub(super) fn stats(app: &App, columns: usize) -> Vec<Line<'static>> {
    let Some(view) = app.view() else { return Vec::new() };
    let stats = &view.stats;
    let mut paper = Paper::new(app.ink, columns);
    paper.heading("Statistics");
    for (name, value) in figures(stats) {
        paper.line([(format!("  {name:<22}"), Tone::Dim), (value, Tone::Plain)]);
    }
    if !stats.causes.is_empty() {
        paper.heading("Failed attempts by cause");
    }
    let mut causes: Vec<_> = stats.causes.iter().collect();
    causes.sort_by_key(|(_, cause)| cause.index);
    for (class, cause) in causes {
        let text = format!("  {class:<22}{:>6}, {} tried again", cause.failures, cause.retried);
        paper.line([(text, Tone::Plain)]);
    }
    if !stats.hosts.is_empty() {
        paper.heading("Hosts");
    }
    let mut hosts: Vec<_> = stats.hosts.iter().collect();
    hosts.sort_by_key(|(_, host)| host.index);
    for (_, host) in hosts {
        let (name, alive, failing, trips) = (&host.name, host.alive, host.failing, host.trips);
        paper.text(
            2,
            &format!("{name}: {alive} answered, {failing} failed, {trips} trips"),
            Tone::Plain,
        );
    }
    minutes(&mut paper, stats);
    paper.into_lines()
}

fn figures(stats: &StatsCard) -> Vec<(&'static str, String)> {
    let mut figures = vec![
        ("operations", stats.total.to_string()),
        ("succeeded", stats.succeeded.to_string()),
        ("  after a failure", stats.recovered.to_string()),
        ("failed or exhausted", stats.failed.to_string()),
        ("cancelled", stats.cancelled.to_string()),
        ("retries", stats.retry_attempts.to_string()),
        ("breaker trips", stats.breaker_trips.to_string()),
    ];
    if let Some(rate) = stats.success_rate {
        figures.push(("success rate", format!("{:.1} %", rate * 100.0)));
    }
    if let Some(time) = stats.average_recovery_ms {
        figures.push(("time to recover", clock::length(time.div_ceil(1_000))));
    }
    figures
}

fn minutes(paper: &mut Paper, stats: &StatsCard) {
    let mut minutes: Vec<_> = stats.recent.iter().collect();
    minutes.sort_by_key(|(number, _)| number.parse::<u64>().unwrap_or(u64::MAX));
    minutes.retain(|(_, minute)| minute.succeeded.max(minute.failed).max(minute.retries) > 0);
    if minutes.is_empty() {
        return;
    }
    paper.heading("The last minutes (UTC)");
    for (_, minute) in minutes {
        let from = clock::time_of_day(&minute.from);
        let (good, bad, again) = (minute.succeeded, minute.failed, minute.retries);
        paper.text(
            2,
            &format!("{from}  {good} succeeded, {bad} failed, {again} retries"),
            Tone::Plain,
        );
    }
}

/// Every key.
pub(super) fn help(app: &App, columns: usize) -> Vec<Line<'static>> {
    let mut paper = Paper::new(app.ink, columns);
    paper.heading("Keys");
    for (key, text) in KEYS {
        paper.line([(format!("  {key:<12}"), Tone::Plain), ((*text).to_owned(), Tone::Dim)]);
    }
    paper.heading("The chosen operation");
    for verb in Verb::ALL {
        let asks = if verb.asks() { " (asks first)" } else { "" };
        paper.text(
            2,
            &format!("{}  {}: {}{asks}", verb.key(), verb.label(), verb.text()),
            Tone::Plain,
        );
    }
    let skip = "Skip a step: go on as if it had given the output that you type, as JSON";
    paper.text(2, &format!("{SKIP}  {skip}"), Tone::Plain);
    paper.heading("The chosen breaker");
    for verb in BreakerVerb::ALL {
        let asks = if verb.asks() { " (asks first)" } else { "" };
        paper.text(
            2,
            &format!("{}  {}: {}{asks}", verb.key(), verb.label(), verb.text()),
            Tone::Plain,
        );
    }
    paper.heading("Where this runs");
    let text = match app.engine {
        Engine::Here => {
            "The engine is in this program: what is unfinished stops when you leave, and `launcher resume` goes on."
        }
        Engine::There => "The engine is in another program: it goes on when you leave.",
    };
    paper.text(2, text, Tone::Plain);
    paper.into_lines()
}

const KEYS: &[(&str, &str)] = &[
    ("j k ↓ ↑", "next, previous"),
    ("PgDn PgUp", "a page on, back (also space)"),
    ("g G", "first, last"),
    ("Enter", "the operation in full; Esc goes back"),
    ("/", "search name, id, workflow, error"),
    ("Tab 1-9 0", "by status; 0 is all"),
    ("o", "another order"),
    ("Esc", "back, or all operations again"),
    ("b s ?", "breakers, statistics, this help"),
    ("q Ctrl-C", "leave"),
];
