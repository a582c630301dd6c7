//! The story of runs that stand in golden journals.

use std::path::Path;

use resurge_journal::store::Snapshot;
use resurge_journal::timeline::{Lane, Segment, Timeline};
use resurge_journal::{Record, StepKey};

/// The stories of all runs in a golden journal, in the order in which they began.
fn stories(name: &str) -> Vec<Timeline> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/v2");
    let snapshot = Snapshot::take(&golden.join(name).join("journal")).expect("readable");
    let records: Vec<Record> = snapshot.scan().map(|record| record.expect("sound")).collect();
    let mut stories: Vec<Timeline> = Vec::new();
    for record in &records {
        if record.run.is_some() && stories.iter().all(|story| story.run() != record.run) {
            stories.push(Timeline::default());
        }
        for story in &mut stories {
            story.apply(record);
        }
    }
    stories
}

/// The lane of a step in lines: from and to, kind, attempt with outcome, text.
fn lines(story: &Timeline, step: &str) -> Vec<String> {
    let time = |at: resurge_journal::Timestamp| at.to_string()[14..23].to_owned();
    let one = |segment: &Segment| {
        let to = segment.to.map(time).unwrap_or_default();
        let attempt = segment.attempt().map(|number| format!(" {number}"));
        let outcome = segment.outcome().map(|outcome| format!(" {}", outcome.name()));
        let (attempt, outcome) = (attempt.unwrap_or_default(), outcome.unwrap_or_default());
        let (from, kind) = (time(segment.from), segment.kind.name());
        format!("{from}-{to} {kind}{attempt}{outcome}: {}", segment.text)
    };
    let lane = story.lanes().iter().find(|lane| lane.step().as_str() == step);
    lane.expect("a step").segments().iter().map(one).collect()
}

#[test]
fn retries_and_the_delays_between_them_are_drawn() {
    let stories = stories("happy");
    let [first, _, failed] = stories.as_slice() else { panic!("three runs") };
    assert_eq!(lines(first, "download"), ["00:00.000-00:00.000 attempt 1 succeeded: succeeded"]);
    assert_eq!(
        lines(first, "verify"),
        [
            "00:00.000-00:00.000 attempt 1 failed: network (reset): the line broke: größer 💥",
            "00:00.000-00:01.000 delay: retry 1 of 3 in 1 s",
            "00:01.000-00:01.000 attempt 2 failed: network (reset): the line broke: größer 💥",
            "00:01.000-00:03.000 delay: retry 2 of 3 in 2 s",
            "00:03.000-00:03.000 attempt 3 succeeded: succeeded",
        ]
    );
    let keys: Vec<&str> = first.lanes().iter().map(Lane::step).map(StepKey::as_str).collect();
    assert_eq!(keys, ["download", "verify", "unpack"]);
    let text = "00:06.000-00:06.000 attempt 1 failed: permission (scripted): failure 1";
    assert_eq!(lines(failed, "work"), [text]);
    assert!(stories.iter().all(|story| story.ended_at().is_some()));
}

#[test]
fn a_crash_a_pause_and_a_cancelled_run_are_drawn_and_told() {
    let stories = stories("interrupted");
    let [first, second] = stories.as_slice() else { panic!("two runs") };
    assert_eq!(
        lines(first, "deaf"),
        [
            "00:06.000-00:07.000 attempt 1 interrupted: the process ended",
            "00:07.000-00:13.000 attempt 2 interrupted: its run was paused",
            "00:13.000-01:08.000 pause: paused by ann: the line is needed",
            "01:08.000- attempt 3 running: under way",
        ]
    );
    let stopped = "01:09.000-01:10.000 attempt 1 interrupted: its run ended";
    assert_eq!(lines(second, "deaf"), [stopped]);
    let told: Vec<String> = first
        .events()
        .map(|entry| format!("{} {} {}", entry.seq, entry.event, entry.text))
        .collect();
    assert_eq!(
        told,
        [
            "3 run_started deaf version 1 was started",
            "4 attempt_started attempt 1 started",
            "6 attempt_interrupted attempt 1 was interrupted: the process ended",
            "7 attempt_started attempt 2 started",
            "8 run_paused paused by ann: the line is needed",
            "9 attempt_interrupted attempt 2 was interrupted: its run was paused",
            "10 run_resumed resumed by ann: free again",
            "11 attempt_started attempt 3 started",
        ]
    );
}

#[test]
fn waits_behind_a_breaker_are_drawn() {
    let stories = stories("breaker");
    let probe = stories.first().expect("a run");
    assert_eq!(
        lines(probe, "visit"),
        [
            "02:10.000-02:10.000 attempt 1 failed: network (refused): it is down",
            "02:10.000-02:11.000 delay: retry 1 of 1000 in 1 s",
            "02:11.000-02:56.645 hold: waits behind host:http/example.org:80",
            "02:56.645-02:56.645 attempt 2 succeeded: succeeded",
        ]
    );
    let forced = stories.get(6).expect("a run that somebody forced");
    let [hold, attempt] = lines(forced, "visit").try_into().expect("two segments");
    assert!(hold.ends_with("did not wait"), "{hold}");
    assert_eq!(attempt, "02:59.610-02:59.610 attempt 1 succeeded: succeeded");
    let waiting = stories.last().expect("a run that waits");
    assert_eq!(lines(waiting, "visit"), ["02:59.610- hold: waits behind host:http/example.org:80"]);
}
