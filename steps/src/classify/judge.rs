//! Finds the row that decides. Pure: the same evidence always gets the same ruling.

use std::error::Error;
use std::time::Duration;

use resurge_journal::failure::{Advice, Applied, Evidence};

use super::author;
use super::extract::evidence_of;
use super::rules::{BAD_ANSWER, DROPPED, Plan, Row, RuleInfo, TABLES, TLS_IO, UNKNOWN, When};
use super::ruling::Ruling;

/// Classifies an error by the types in its chain of causes.
///
/// The first cause that a rule is sure of decides, else the last one that a rule knows; an error
/// that no rule knows is of class `unknown`, which is retried a little.
pub fn classify(error: &(dyn Error + 'static)) -> Ruling {
    reclassify(&evidence_of(error))
}

/// Runs the rules over evidence, such as that of a failure in the journal.
///
/// Gives what the rules gave when the failure happened, unless the rules have changed since. What
/// the author of the step said is part of the evidence and counts; rules of the user do not.
pub fn reclassify(evidence: &Evidence) -> Ruling {
    let mut ruling = by_rules(evidence);
    author::apply_all(&mut ruling, evidence);
    ruling
}

/// Every rule, in the order in which they are asked.
pub fn catalogue() -> impl Iterator<Item = RuleInfo> {
    rows().map(RuleInfo::from)
}

pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.iter().copied().flatten()
}

/// The words for what happened that a row brings along.
pub(super) fn gist_of(rule: &str) -> Option<&'static str> {
    rows().find(|row| row.id == rule).map(|row| row.gist).filter(|gist| !gist.is_empty())
}

fn by_rules(evidence: &Evidence) -> Ruling {
    let mut way = Way::default();
    let mut found = (UNKNOWN, ("", ""));
    for (name, value) in evidence.facts() {
        way.pass(name, value);
        if way.breaks_http(evidence, name, value) {
            found = (BAD_ANSWER, (name, value));
            break;
        }
        match known(evidence, name, value) {
            Says::Sure(row) => {
                found = (*row, (name, value));
                break;
            }
            // Closer to the root of the trouble than what was said before.
            Says::Unless(row) => found = (*row, (name, value)),
            Says::Nothing => {}
        }
    }
    if way.connecting && found.0.id == DROPPED.id {
        // A connection that ended while it was being made ended in the handshake of TLS.
        found.0 = TLS_IO;
    }
    let mut ruling = ruling_of(&found.0, found.1, evidence);
    if way.connecting {
        ruling.applied = Applied::NotSent;
    }
    ruling
}

/// What was passed on the way down the chain of causes.
#[derive(Debug, Default)]
struct Way {
    /// What lies below happened to bytes on their way, not to a file.
    in_transit: bool,
    /// No connection was there yet.
    connecting: bool,
    /// The fact before is the number of the same error.
    numbered: bool,
}

impl Way {
    fn pass(&mut self, name: &str, value: &str) {
        self.in_transit |= name == "hyper";
        self.connecting |= name == "reqwest" && value == "connect";
        self.numbered = match name {
            "errno" | "os" => true,
            "io" | "io.wrap" => self.numbered,
            _ => false,
        };
    }

    /// hyper reports a body that does not keep to HTTP with these kinds, without a number.
    fn breaks_http(&self, evidence: &Evidence, name: &str, value: &str) -> bool {
        let broken = matches!(name, "io" | "io.wrap")
            && matches!(value, "invalid_data" | "invalid_input")
            && !self.numbered;
        // Bytes that TLS could not make sense of say more than the layer above.
        self.in_transit && broken && evidence.find("rustls").is_none()
    }
}

enum Says {
    Sure(&'static Row),
    Unless(&'static Row),
    Nothing,
}

fn known(evidence: &Evidence, name: &str, value: &str) -> Says {
    // An I/O error that wraps another one says less than what it wraps.
    let (name, wraps) = if name == "io.wrap" { ("io", true) } else { (name, false) };
    for row in rows().filter(|row| applies(row.when, evidence)) {
        if has(row.sure, name, value) {
            return if wraps { Says::Unless(row) } else { Says::Sure(row) };
        }
        if has(row.unless, name, value) {
            return Says::Unless(row);
        }
    }
    Says::Nothing
}

fn applies(when: When, evidence: &Evidence) -> bool {
    match when {
        When::Always => true,
        When::LinkMayExpire => evidence.find("link").is_some(),
        When::DelayAsked => asked_delay(evidence).is_some(),
    }
}

fn has(facts: &[(&str, &str)], name: &str, value: &str) -> bool {
    facts.iter().any(|(known, pattern)| *known == name && fits(pattern, value))
}

fn fits(pattern: &str, value: &str) -> bool {
    match pattern.strip_suffix("xx") {
        Some(hundreds) => value.len() == 3 && value.starts_with(hundreds),
        None => pattern == "*" || pattern == value,
    }
}

fn ruling_of(row: &Row, fact: (&str, &str), evidence: &Evidence) -> Ruling {
    let advice = match (row.plan, asked_delay(evidence)) {
        (Plan::Never, _) => Advice::Never,
        (_, Some((delay, shared))) => Advice::After { delay, shared },
        (Plan::Now, None) => Advice::Now,
        (Plan::Backoff(stretch), None) => Advice::Backoff { stretch },
    };
    Ruling {
        class: row.class,
        kind: kind_of(row, fact, evidence),
        advice,
        limit: row.limit,
        scope: row.scope,
        applied: row.applied,
        rule: row.id.to_owned(),
        hint: Some(row.hint.to_owned()),
    }
}

fn kind_of(row: &Row, (name, value): (&str, &str), evidence: &Evidence) -> String {
    match (row.kind, name) {
        ("", "class") => evidence.find("kind").unwrap_or(value).to_owned(),
        ("", "transfer") => value.to_owned(),
        ("", _) => format!("{name}_{value}"),
        (kind, _) => kind.to_owned(),
    }
}

const DELAY_MIN: Duration = Duration::from_secs(1);
/// What nobody means; how much of a wish is granted is for the engine to say.
const DELAY_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long the server asks us to wait, and whether it speaks of a limit for all requests.
///
/// Held between one second and a year.
fn asked_delay(evidence: &Evidence) -> Option<(Duration, bool)> {
    let limit = evidence.find("ratelimit").and_then(used_up).map(|delay| (delay, true));
    let header = || evidence.find("header.retry-after")?.parse().ok();
    let (seconds, shared) = limit.or_else(|| header().map(|seconds| (seconds, false)))?;
    Some((Duration::from_secs(seconds).clamp(DELAY_MIN, DELAY_MAX), shared))
}

/// `r=0,t=87`: nothing remains, and all of it is back in 87 seconds.
fn used_up(text: &str) -> Option<u64> {
    text.strip_prefix("r=0,t=")?.parse().ok()
}
