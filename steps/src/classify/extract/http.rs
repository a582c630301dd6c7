//! HTTP status and the headers that ask for a delay.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use resurge_journal::failure::Evidence;

/// What an HTTP answer other than success says: its status, and the delay that it asks for.
///
/// A delay is taken from `RateLimit` (`r=0;t=87`) or `Retry-After` (seconds or a date); the rules
/// hold it to a second at least, the engine to what it grants. `now` is what a date is compared with.
pub fn http_status(status: u16, headers: &HeaderMap, now: SystemTime) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.fact("http", status);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some((remaining, seconds)) = text("ratelimit").and_then(limit) {
        evidence.fact("ratelimit", format_args!("r={remaining},t={seconds}"));
    }
    if let Some(delay) = text(RETRY_AFTER.as_str()).and_then(|text| retry_after(text, now)) {
        evidence.fact("header.retry-after", delay.as_secs());
    }
    evidence
}

/// `"name";r=0;t=87`: what remains, and when all of it is back.
fn limit(text: &str) -> Option<(u64, u64)> {
    let number = |name: &str| {
        let mut parts = text.split([';', ',']).filter_map(|part| part.trim().split_once('='));
        parts.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<u64>().ok())
    };
    Some((number("r")?, number("t")?))
}

fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit into a number are a long time as well.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    // A started second counts, or the request would come too early.
    let left = date.duration_since(now).unwrap_or_default();
    Some(Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)))
}
