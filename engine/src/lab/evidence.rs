//! When hosts were up and when they were down, as far as attempts show.

use std::time::Duration;

use resurge_journal::{ResourceKey, Timestamp};

use super::tally::Down;

/// A while in which an attempt showed that something worked, or that it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sighting {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) is_up: bool,
}

/// What is concluded from the sightings of one resource.
#[derive(Debug, Default)]
pub(super) struct Conclusion {
    pub(super) outages: Vec<Down>,
    /// Failures while others worked: no outage, or one of a part.
    pub(super) contradicted: u32,
    /// Outages whose end nobody saw; they are taken to end with the record.
    pub(super) open_ended: u32,
    /// Time between the first sighting and the last, and what of it is known.
    pub(super) span: Duration,
    pub(super) known: Duration,
}

/// Concludes from all sightings of a resource when it was down.
///
/// Between two sightings that disagree it changed in the middle of the time between them. Between
/// two that agree it stayed as it was; that counts as known only if they are close together.
pub(super) fn conclude(
    of: &ResourceKey,
    mut sightings: Vec<Sighting>,
    record_ends: Timestamp,
) -> Conclusion {
    let mut conclusion = Conclusion::default();
    sightings.sort_unstable();
    let works: Vec<Sighting> = sightings.iter().copied().filter(|seen| seen.is_up).collect();
    let is_contradicted = |seen: &Sighting| {
        let others = works.iter().take_while(|up| up.from <= seen.from);
        !seen.is_up && others.into_iter().any(|up| seen.to <= up.to && up.from < up.to)
    };
    let before = sightings.len();
    sightings.retain(|seen| !is_contradicted(seen));
    conclusion.contradicted = u32::try_from(before - sightings.len()).unwrap_or(u32::MAX);

    let mut down_since = None;
    let mut last: Option<Sighting> = None;
    for seen in sightings {
        let turned_at = last.map_or(seen.from, |last| middle(last.to, seen.from));
        match (seen.is_up, down_since) {
            (false, None) => down_since = Some(turned_at),
            (true, Some(from)) => {
                conclusion.outages.push(Down { of: of.clone(), from, to: turned_at });
                down_since = None;
            }
            _ => {}
        }
        conclusion.measure(last, seen);
        last = Some(match last {
            Some(last) if last.to > seen.to => Sighting { to: last.to, ..seen },
            _ => seen,
        });
    }
    if let (Some(from), Some(last)) = (down_since, last) {
        conclusion.open_ended = 1;
        let to = record_ends.max(last.to);
        conclusion.outages.push(Down { of: of.clone(), from, to });
    }
    conclusion
}

impl Conclusion {
    /// Adds up how much of the time is known.
    fn measure(&mut self, last: Option<Sighting>, seen: Sighting) {
        let seen_from = last.map_or(seen.from, |last| last.to.max(seen.from));
        let own = seen.to.since(seen_from);
        let gap = last.map_or(Duration::ZERO, |last| seen.from.since(last.to));
        let is_known = last.is_some_and(|last| last.is_up == seen.is_up) && gap <= CLOSE;
        self.span += own + gap;
        self.known += if is_known { own + gap } else { own };
    }
}

fn middle(one: Timestamp, other: Timestamp) -> Timestamp {
    one.after(other.since(one) / 2)
}

/// Sightings that agree and are further apart than this say nothing about the time between them.
const CLOSE: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(0).after(Duration::from_secs(seconds))
    }

    fn up(from: u64, to: u64) -> Sighting {
        Sighting { from: at(from), to: at(to), is_up: true }
    }

    fn down(from: u64, to: u64) -> Sighting {
        Sighting { is_up: false, ..up(from, to) }
    }

    fn host() -> ResourceKey {
        ResourceKey::host("https", "a.example", 443).expect("a key")
    }

    fn spans(conclusion: &Conclusion) -> Vec<(i64, i64)> {
        let seconds = |at: Timestamp| at.as_millis() / 1_000;
        conclusion.outages.iter().map(|down| (seconds(down.from), seconds(down.to))).collect()
    }

    #[test]
    fn an_outage_begins_and_ends_between_sightings_that_disagree() {
        let seen = vec![down(30, 35), up(0, 10), down(20, 25), up(55, 65)];
        let conclusion = conclude(&host(), seen, at(100));
        assert_eq!(spans(&conclusion), [(15, 45)]);
        assert_eq!((conclusion.open_ended, conclusion.contradicted), (0, 0));
        // 10 + 5 + 5 + 10 seen, 5 between two that agree, of 65.
        let seconds = Duration::from_secs;
        assert_eq!((conclusion.known, conclusion.span), (seconds(35), seconds(65)));
    }

    #[test]
    fn a_failure_beside_a_success_is_no_outage() {
        let conclusion = conclude(&host(), vec![up(0, 100), down(50, 55)], at(100));
        assert_eq!((spans(&conclusion), conclusion.contradicted), (vec![], 1));
    }

    #[test]
    fn an_outage_that_nobody_saw_end_ends_with_the_record() {
        let conclusion = conclude(&host(), vec![up(0, 10), down(20, 25)], at(100));
        assert_eq!((spans(&conclusion), conclusion.open_ended), (vec![(15, 100)], 1));
        let nothing = conclude(&host(), Vec::new(), at(100));
        assert_eq!((spans(&nothing), nothing.span), (vec![], Duration::ZERO));
    }

    #[test]
    fn sightings_that_agree_but_lie_far_apart_leave_the_time_between_unknown() {
        let conclusion = conclude(&host(), vec![up(0, 10), up(5_000, 5_010)], at(6_000));
        assert_eq!(conclusion.known, Duration::from_secs(20));
        assert_eq!(conclusion.span, Duration::from_secs(5_010));
    }

    #[test]
    fn two_that_overlap_are_told_apart_where_the_later_one_begins() {
        let conclusion = conclude(&host(), vec![down(0, 50), up(40, 90)], at(100));
        assert_eq!(spans(&conclusion), [(0, 50)]);
    }
}
