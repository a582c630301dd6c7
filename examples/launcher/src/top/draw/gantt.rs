//! The story of a step as a bar: one block for each attempt, one for each wait.

use resurge::Timestamp;
use resurge_dashboard::view::{SegmentCard, TimelineCard};

/// What the blocks mean.
pub(super) const LEGEND: &str =
    "█ attempt (✓ done ✗ failed ! cut > under way)  ░ delay  ▒ held back  ‖ paused";

/// The segments of a lane over the time of the whole operation.
///
/// Each takes at least a column; of those that share a column the last one is seen.
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
    for segment in segments {
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
