//! The story of a step as a bar: one block for each attempt, one for each wait.

use resurge::Timestamp;
use resurge_dashboard::view::{SegmentCard, TimelineCard};

/// What the blocks mean.
pub(super) const LEGEND: &str =
    "█ attempt (✓ done ✗ failed ! cut > under way)  ░ delay  ▒ held back  ‖ paused";

/// The segments of a lane over the time of the whole operation.
///
/// Each takes at least a column; of those that share one, attempts are seen, and the last of these.
pub(super) fn bar(
    timeline: &TimelineCard,
    segments: &[SegmentCard],
    now: Timestamp,
    columns: usize,
) -> String {
    let mut cells = vec![' '; columns];
    let Ok(from) = timeline.from.parse::<Timestamp>() else { return String::new() };
    let to = end(timeline.to.as_deref(), now);
    let length = millis(from, to).max(1);
    let column = |at: Timestamp| {
        let share = millis(from, at).min(length).saturating_mul(columns as u64) / length;
        usize::try_from(share).unwrap_or(columns)
    };
    let is_attempt = |segment: &&SegmentCard| segment.kind == "attempt";
    let (attempts, waits): (Vec<_>, Vec<_>) = segments.iter().partition(is_attempt);
    for segment in waits.into_iter().chain(attempts) {
        let Ok(begin) = segment.from.parse::<Timestamp>() else { continue };
        let first = column(begin).min(columns.saturating_sub(1));
        let behind =
            column(end(segment.to.as_deref(), now)).clamp(first + 1, columns.max(first + 1));
        let (block, last) = signs(segment);
        for cell in cells.iter_mut().take(behind).skip(first) {
            *cell = block;
        }
        if let Some(cell) = cells.get_mut(behind - 1) {
            *cell = last.unwrap_or(block);
        }
    }
    cells.into_iter().collect()
}

/// The block of a segment, and the sign at its end.
fn signs(segment: &SegmentCard) -> (char, Option<char>) {
    match segment.kind.as_str() {
        "attempt" => {
            let end = match segment.outcome.as_deref() {
                Some("succeeded") => '✓',
                Some("failed") => '✗',
                Some("running") | None => '>',
                Some(_) => '!',
            };
            ('█', Some(end))
        }
        "delay" => ('░', None),
        "hold" => ('▒', None),
        "pause" => ('‖', None),
        _ => ('·', None),
    }
}

fn end(at: Option<&str>, now: Timestamp) -> Timestamp {
    at.and_then(|at| at.parse().ok()).unwrap_or(now)
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    to.as_millis().saturating_sub(from.as_millis()).max(0).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A bar of a minute in 12 columns, from segments of kind, begin, end and outcome.
    fn drawn(segments: &[(&str, u32, u32, &str)]) -> String {
        let time = |second: u32| format!("2026-11-22T10:00:{second:02}.000Z");
        let segments = segments.iter().map(|(kind, from, to, outcome)| SegmentCard {
            kind: (*kind).to_owned(),
            from: time(*from),
            to: (*to > 0).then(|| time(*to)),
            attempt: None,
            outcome: Some((*outcome).to_owned()).filter(|outcome| !outcome.is_empty()),
            text: String::new(),
        });
        let timeline = json!({ "from": time(0), "lanes": {} });
        let timeline = serde_json::from_value(timeline).expect("the test writes a timeline");
        let now = "2026-11-22T10:01:00.000Z".parse().expect("the test writes times");
        bar(&timeline, &segments.collect::<Vec<_>>(), now, 12)
    }

    #[test]
    fn blocks_are_as_long_as_what_they_stand_for() {
        let story = [
            ("attempt", 0, 15, "failed"),
            ("delay", 15, 30, ""),
            ("attempt", 30, 40, "interrupted"),
            ("pause", 40, 45, ""),
            ("attempt", 50, 0, "running"),
        ];
        assert_eq!(drawn(&story), "██✗░░░█!‖ █>");
        assert_eq!(drawn(&[("hold", 0, 30, ""), ("attempt", 30, 60, "succeeded")]), "▒▒▒▒▒▒█████✓");
    }

    #[test]
    fn no_attempt_is_too_short_to_be_seen() {
        assert_eq!(drawn(&[("attempt", 1, 1, "failed"), ("delay", 1, 59, "")]), "✗░░░░░░░░░░ ");
        assert_eq!(drawn(&[("delay", 0, 0, ""), ("attempt", 59, 59, "failed")]), "░░░░░░░░░░░✗");
        assert_eq!(drawn(&[]), " ".repeat(12));
    }
}
