//! The arithmetic of a delay, in words.

use std::time::Duration;

use crate::event::DelayParts;
use crate::explain::text::Span;
use crate::policy::{Curve, Jitter, RetrySpec};

/// What decided how long a delay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decider {
    Policy,
    Server,
    Budget,
}

/// The longest of the three counts; the policy, if several are as long.
pub(crate) fn decider(parts: &DelayParts) -> Decider {
    let (own, server) = (own(parts), granted(parts));
    if parts.budget_ms > own.max(server) {
        Decider::Budget
    } else if server > own {
        Decider::Server
    } else {
        Decider::Policy
    }
}

fn own(parts: &DelayParts) -> u64 {
    if parts.at_once { 0 } else { parts.spread_ms }
}

fn granted(parts: &DelayParts) -> u64 {
    parts.server_ms.map_or(0, |asked| asked.min(parts.server_max_ms))
}

/// How a delay came about, a line for each part that had a say.
pub(super) fn words(parts: &DelayParts, spec: &RetrySpec, retry: u32) -> Vec<String> {
    let mut lines = Vec::new();
    if parts.at_once {
        lines.push("the attempt got somewhere, so the policy asks for no delay".to_owned());
    } else {
        policy(parts, spec, retry, &mut lines);
    }
    if let Some(asked) = parts.server_ms {
        lines.push(server(asked, parts));
    }
    if parts.budget_ms > 0 {
        lines.push(format!("retry budget: {} until it is paid back", span(parts.budget_ms)));
    }
    if lines.len() > 1 {
        let total = own(parts).max(granted(parts)).max(parts.budget_ms);
        let by = match decider(parts) {
            Decider::Policy => "the policy decides",
            Decider::Server => "the server decides",
            Decider::Budget => "the budget decides",
        };
        lines.push(format!("delay: {}; {by}", span(total)));
    }
    lines
}

fn policy(parts: &DelayParts, spec: &RetrySpec, retry: u32, lines: &mut Vec<String>) {
    lines.push(curve(parts, spec, retry));
    let stretched = parts.curve_ms.saturating_mul(u64::from(parts.stretch.max(1)));
    if parts.stretch > 1 {
        lines.push(format!("factor of the failure: × {} = {}", parts.stretch, span(stretched)));
    }
    let capped = stretched.min(parts.cap_ms);
    if capped < stretched {
        lines.push(format!("longest delay of the policy: {}", span(capped)));
    }
    if spec.jitter != Jitter::None {
        let draw = f64::from(parts.draw_millionths) / 1e6;
        let (name, left) = (jitter(spec), span(parts.spread_ms));
        lines.push(format!("jitter ({name}), draw {draw:.3}: {left} of {}", span(capped)));
    }
}

fn curve(parts: &DelayParts, spec: &RetrySpec, retry: u32) -> String {
    let result = span(parts.curve_ms);
    let name = match (&spec.custom, spec.curve) {
        (Some(custom), Curve::Custom) => format!("function `{custom}`"),
        (_, curve) => curve.name().to_owned(),
    };
    match formula(parts, spec, retry) {
        Some(formula) => format!("{name}, retry {retry}: {formula} = {result}"),
        None => format!("{name}, retry {retry}: {result}"),
    }
}

/// The formula, if it gives what was recorded; settings may have been others at that time.
fn formula(parts: &DelayParts, spec: &RetrySpec, retry: u32) -> Option<String> {
    let initial = span(spec.initial_delay_ms);
    let before = retry.checked_sub(1)?;
    let (formula, factor) = match spec.curve {
        Curve::Linear => (format!("{initial} × {retry}"), f64::from(retry)),
        Curve::Exponential => {
            let grown = spec.factor.powi(i32::try_from(before).ok()?);
            (format!("{initial} × {}^{before}", spec.factor), grown)
        }
        _ => return None,
    };
    #[expect(clippy::cast_precision_loss, reason = "delays are far below 2^53 ms")]
    let fits = (spec.initial_delay_ms as f64 * factor - parts.curve_ms as f64).abs() <= 1.0;
    fits.then_some(formula)
}

fn jitter(spec: &RetrySpec) -> String {
    match spec.jitter {
        Jitter::Tenth => "up to a tenth less".to_owned(),
        Jitter::Percent => format!("up to {} % less", spec.jitter_percent),
        jitter => jitter.name().to_owned(),
    }
}

fn server(asked_ms: u64, parts: &DelayParts) -> String {
    let asked = span(asked_ms);
    if asked_ms > parts.server_max_ms {
        format!("the server asked for {asked}; at most {} is granted", span(parts.server_max_ms))
    } else {
        format!("the server asked for {asked}")
    }
}

fn span(millis: u64) -> Span {
    Span(Duration::from_millis(millis))
}
