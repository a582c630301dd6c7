//! Stories with a known end.

use std::time::Duration;

use super::{lane, short, told};
use crate::event::{
    AttemptFailed, AttemptInterrupted, AttemptStarted, CheckpointSaved, DelayParts, ForceRetry,
    InterruptCause, LateResultIgnored, RecoveryCancelled, RetryNow, RunExhausted, RunFailed,
    RunPaused, RunResumed, StepSkipped, Verdict,
};
use crate::event::{ExhaustReason, RunParked, RunUnparked};
use crate::id::{AttemptNo, Seq};
use crate::json::Json;
use crate::record::Record;
use crate::state::StepMove as M;
use crate::state::tests::world::{World, failed, key, run_id, run_started};
use crate::time::Timestamp;
use crate::timeline::{DelayBy, Entry, HoldOn, Reach, SegmentKind, Timeline};

const DELAY: Duration = Duration::from_secs(4);

/// The attempt of a step fails, and the next is due in four seconds.
fn fail(world: &mut World, step: &str, change: impl FnOnce(&mut AttemptFailed)) {
    let due_at = world.now.after(Duration::from_millis(1)).after(DELAY);
    let mut event =
        failed(key(step), world.attempts(step), Verdict::Retry { delay: DELAY, due_at });
    change(&mut event);
    world.run(event).expect("running");
}

fn pause(world: &mut World, freezes_timers: bool) {
    let (actor, reason) = ("ann".to_owned(), "lunch".to_owned());
    world.run(RunPaused { actor, reason, freezes_timers }).expect("active");
}

fn resume(world: &mut World) {
    let (actor, reason) = ("ann".to_owned(), String::new());
    world.run(RunResumed { actor, reason }).expect("paused");
}

fn retry(world: &mut World, steps: &[&str]) {
    let steps = steps.iter().map(|step| key(step)).collect();
    let event = RetryNow { actor: "ann".to_owned(), reason: "fixed".to_owned(), steps };
    world.run(event).expect("it may go on");
}

#[test]
fn an_attempt_a_delay_and_an_attempt_follow_each_other() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start)]);
    fail(&mut world, "a", |event| (event.gained, event.reached) = (3, 7));
    world.pass(4);
    world.steps(&[("a", M::Start), ("a", M::Succeed), ("b", M::Start)]);
    let timeline = told(&world);
    assert_eq!(
        short(lane(&timeline, "a")),
        [
            "attempt #1 failed 3..4: network (reset): connection reset",
            "delay 4..4005: retry 1 of 3 in 4 s",
            "attempt #2 succeeded 4005..4006: succeeded",
        ]
    );
    assert_eq!(short(lane(&timeline, "b")), ["attempt #1 running 4007..: under way"]);
    assert_eq!(lane(&timeline, "d"), []);
    let reach = Some(Reach { gained: 3, reached: 7 });
    let kind = lane(&timeline, "a").first().map(|segment| segment.kind.clone());
    assert!(matches!(kind, Some(SegmentKind::Attempt { reach: drawn, .. }) if drawn == reach));
}

#[test]
fn a_delay_tells_who_wanted_it() {
    let parts = |server_ms, budget_ms| {
        let spread_ms = 4_000;
        Some(DelayParts {
            spread_ms,
            server_ms,
            budget_ms,
            server_max_ms: 9_000,
            ..DelayParts::default()
        })
    };
    let cases = [
        (parts(None, 0), DelayBy::Backoff, "retry 1 of 3 in 4 s"),
        (parts(Some(5_000), 0), DelayBy::Server, "retry 1 of 3 in 4 s, as the server asked"),
        (
            parts(Some(5_000), 6_000),
            DelayBy::Budget,
            "retry 1 of 3 in 4 s, when the retry budget allows it",
        ),
    ];
    for (parts, wanted, text) in cases {
        let mut world = World::begun();
        world.steps(&[("a", M::Start)]);
        fail(&mut world, "a", |event| event.parts = parts);
        let timeline = told(&world);
        let last = lane(&timeline, "a").last().expect("a delay");
        let due_at = world.now.after(DELAY);
        assert_eq!(last.kind, SegmentKind::Delay { by: wanted, due_at });
        assert_eq!((last.text.as_str(), last.to), (text, None));
    }
}

#[test]
fn a_step_that_is_held_tells_by_what() {
    let mut world = World::begun();
    world.steps(&[("a", M::Hold), ("a", M::Release), ("a", M::Start), ("a", M::Park)]);
    let timeline = told(&world);
    assert_eq!(
        short(lane(&timeline, "a")),
        [
            "hold 3..4: waits behind host:a",
            "attempt #1 failed 5..6: network (reset): connection reset",
            "hold 6..: waits for 1 byte of free space at /",
        ]
    );
    let on = lane(&timeline, "a").last().map(|segment| segment.kind.clone());
    assert!(matches!(on, Some(SegmentKind::Hold { on: HoldOn::Condition(_), .. })));
}

#[test]
fn a_pause_cuts_a_delay_in_two_and_frozen_timers_move_its_end() {
    for freezes_timers in [true, false] {
        let mut world = World::begun();
        world.steps(&[("a", M::Start)]);
        fail(&mut world, "a", |_| {});
        pause(&mut world, freezes_timers);
        world.pass(10);
        resume(&mut world);
        let timeline = told(&world);
        let frozen = if freezes_timers { "; its timers stand still" } else { "" };
        let paused = format!("pause 5..10006: paused by ann: lunch{frozen}");
        assert_eq!(
            short(lane(&timeline, "a")),
            [
                "attempt #1 failed 3..4: network (reset): connection reset",
                "delay 4..5: retry 1 of 3 in 4 s",
                paused.as_str(),
                "delay 10006..: retry 1 of 3 in 4 s",
            ]
        );
        let due_at = Timestamp::from_millis(4_004 + if freezes_timers { 10_001 } else { 0 });
        let kind = lane(&timeline, "a").last().map(|segment| segment.kind.clone());
        assert_eq!(kind, Some(SegmentKind::Delay { by: DelayBy::Backoff, due_at }));
    }
}

#[test]
fn a_pause_begins_where_the_attempt_ends_and_in_lanes_that_could_go_on() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start), ("a", M::Succeed), ("b", M::Start)]);
    pause(&mut world, false);
    let (step, attempt) = (key("b"), AttemptNo::new(1));
    world.run(AttemptInterrupted { step, attempt, cause: InterruptCause::Pause }).expect("running");
    let timeline = told(&world);
    assert_eq!(
        short(lane(&timeline, "b")),
        ["attempt #1 interrupted 5..7: its run was paused", "pause 7..: paused by ann: lunch"]
    );
    assert_eq!(short(lane(&timeline, "c")), ["pause 6..: paused by ann: lunch"]);
    assert_eq!(lane(&timeline, "a").len(), 1);
    assert_eq!(lane(&timeline, "d"), []);
}

#[test]
fn a_run_that_no_definition_fits_is_paused_once() {
    let mut world = World::begun();
    for reason in ["step `a` is gone", "step `a` is still gone"] {
        world.run(RunParked { reason: reason.to_owned() }).expect("legal");
    }
    world.run(RunUnparked {}).expect("parked");
    let timeline = told(&world);
    let text = "pause 3..5: cannot go on here: step `a` is still gone";
    assert_eq!(short(lane(&timeline, "a")), [text]);
    assert_eq!(timeline.events().len(), 4, "only saves are told once");
}

#[test]
fn an_attempt_that_died_ends_where_the_next_engine_says_so() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start)]);
    world.pass(60);
    world.steps(&[("a", M::Interrupt), ("a", M::Start)]);
    let timeline = told(&world);
    assert_eq!(
        short(lane(&timeline, "a")),
        [
            "attempt #1 interrupted 3..60004: the process ended",
            "attempt #2 running 60005..: under way"
        ]
    );
}

#[test]
fn a_step_that_is_skipped_ends_whatever_it_did() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start), ("a", M::Skip), ("b", M::Start), ("b", M::Retry)]);
    let (actor, reason) = ("ann".to_owned(), "done by hand".to_owned());
    let skipped = StepSkipped { step: key("b"), output: Json::null(), actor, reason };
    world.run(skipped).expect("waiting");
    let timeline = told(&world);
    assert_eq!(short(lane(&timeline, "a")), ["attempt #1 skipped 3..4: skipped by test"]);
    let delay = "delay 6..7: retry 1 of 3 in 5 ms; skipped by ann";
    assert_eq!(short(lane(&timeline, "b")).last().map(String::as_str), Some(delay));
    let texts: Vec<&str> = timeline.events().map(|entry| entry.text.as_str()).collect();
    assert_eq!(texts.last(), Some(&"skipped by ann: done by hand"));
}

#[test]
fn who_does_not_wait_is_named_and_what_is_forced_is_marked() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start)]);
    fail(&mut world, "a", |_| {});
    let (actor, reason) = (String::new(), "now".to_owned());
    world.run(ForceRetry { actor, reason, steps: vec![key("a")] }).expect("waiting");
    let Ok(()) = world.run(AttemptStarted {
        step: key("a"),
        attempt: AttemptNo::new(2),
        charged: 0,
        max_attempts: 4,
        timeout_ms: None,
        admission: vec![],
        forced: true,
    }) else {
        panic!("ready");
    };
    let timeline = told(&world);
    assert_eq!(
        short(lane(&timeline, "a")).get(1..).expect("three segments"),
        [
            "delay 4..5: retry 1 of 3 in 4 s; somebody did not wait",
            "attempt #2 running 6..: under way, in spite of breakers",
        ]
    );
    let forced = lane(&timeline, "a").last().map(|segment| segment.kind.clone());
    assert!(matches!(forced, Some(SegmentKind::Attempt { forced: true, .. })));
}

#[test]
fn a_run_that_is_reopened_goes_on_in_the_same_lanes() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start), ("a", M::Succeed), ("b", M::Start), ("c", M::Start)]);
    world.steps(&[("b", M::Fail)]);
    world.run(RunFailed { step: key("b") }).expect("active");
    assert_eq!(told(&world).ended_at(), Some(world.now));
    let (step, attempt) = (key("c"), AttemptNo::new(1));
    let late = LateResultIgnored { step, attempt, result: "succeeded".to_owned() };
    world.run(late).expect("it changes nothing");
    world.pass(30);
    retry(&mut world, &["b"]);
    world.steps(&[("b", M::Start)]);
    let timeline = told(&world);
    assert_eq!(timeline.ended_at(), None);
    assert_eq!(
        short(lane(&timeline, "b")),
        [
            "attempt #1 failed 5..7: network (reset): connection reset",
            "attempt #2 running 30011..: under way",
        ]
    );
    assert_eq!(
        short(lane(&timeline, "c")),
        ["attempt #1 late 6..8: attempt 1 ended too late: succeeded"]
    );
}

#[test]
fn whatever_goes_on_ends_with_the_run() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start), ("a", M::Succeed), ("b", M::Start)]);
    pause(&mut world, false);
    let reason = ExhaustReason::Deadline;
    world.run(RunExhausted { reason, step: None }).expect("paused");
    let timeline = told(&world);
    assert_eq!(short(lane(&timeline, "b")), ["attempt #1 interrupted 5..7: its run ended"]);
    assert_eq!(short(lane(&timeline, "c")), ["pause 6..7: paused by ann: lunch"]);
    let last = timeline.events().next_back().expect("the end");
    assert_eq!(last.text, "given up: the deadline of the run has passed");
}

#[test]
fn a_recovery_that_is_cancelled_ends_the_wait() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start)]);
    fail(&mut world, "a", |_| {});
    let (actor, reason) = ("ann".to_owned(), "enough".to_owned());
    world.run(RecoveryCancelled { actor, reason, steps: vec![key("a")] }).expect("waiting");
    let timeline = told(&world);
    let text = "delay 4..5: retry 1 of 3 in 4 s; given up by ann";
    assert_eq!(short(lane(&timeline, "a")).last().map(String::as_str), Some(text));
}

#[test]
fn inputs_that_are_gone_end_every_attempt_that_builds_on_them() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start), ("a", M::Succeed), ("b", M::Start), ("c", M::Start)]);
    world.steps(&[("b", M::Invalidate), ("a", M::Start)]);
    let timeline = told(&world);
    assert_eq!(short(lane(&timeline, "b")), ["attempt #1 inputs_gone 5..7: gone"]);
    assert_eq!(short(lane(&timeline, "c")), ["attempt #1 inputs_gone 6..7: gone"]);
    assert_eq!(lane(&timeline, "a").len(), 2);
}

#[test]
fn the_oldest_segments_and_events_make_room_and_are_counted() {
    let mut world = World::begun();
    for _ in 0..150 {
        world.steps(&[("a", M::Start), ("a", M::Retry)]);
    }
    let timeline = told(&world);
    let first = timeline.lanes().first().expect("step a");
    assert_eq!(first.segments().len(), Timeline::SEGMENTS_MAX);
    assert_eq!(first.dropped(), 100);
    let oldest = first.segments().first().and_then(super::Segment::attempt);
    assert_eq!(oldest, Some(AttemptNo::new(51)));
    assert_eq!(timeline.events().len(), Timeline::EVENTS_MAX);
    assert_eq!(timeline.events_left_out(), 201);
    let seqs: Vec<u64> = timeline.events().map(|entry| entry.seq.get()).collect();
    assert_eq!(seqs, (203..=302).collect::<Vec<_>>());
}

#[test]
fn saves_in_a_row_leave_room_for_what_matters() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start)]);
    world.steps(&[("a", M::Checkpoint); 500]);
    world.steps(&[("a", M::Retry), ("a", M::Start), ("a", M::Checkpoint)]);
    let timeline = told(&world);
    let said = |entry: &Entry| format!("{} x{} {}", entry.seq, entry.times, entry.text);
    assert_eq!(
        timeline.events().skip(1).map(said).collect::<Vec<_>>(),
        [
            "3 x1 attempt 1 started",
            "503 x500 attempt 1 saved where it stands, 500 times in a row",
            "504 x1 attempt 1 failed: network (reset): connection reset; retry 1 of 3 in 5 ms",
            "505 x1 attempt 2 started",
            "506 x1 attempt 2 saved where it stands",
        ]
    );
    assert_eq!(timeline.events_left_out(), 0);
}

#[test]
fn saves_in_turns_leave_room_for_what_matters() {
    let mut world = World::begun();
    let now = world.now;
    let save = |step: &str, attempt: u32| {
        let event = CheckpointSaved {
            step: key(step),
            attempt: AttemptNo::new(attempt),
            checkpoint: Json::null(),
        };
        Record { seq: Seq::ZERO, at: now, run: Some(run_id(0)), event: event.into() }
    };
    let mut timeline = told(&world);
    let before = timeline.events().len();
    let mut seq = timeline.head();
    let mut tell = |record: Record| {
        seq = seq.next();
        timeline.apply(&Record { seq, ..record });
    };
    for _ in 0..300 {
        tell(save("a", 1));
        tell(save("b", 1));
    }
    tell(save("a", 2));
    world.steps(&[("a", M::Start)]);
    tell(world.records.last().expect("one was added").clone());
    tell(save("b", 1));
    let said = |entry: &Entry| format!("{} x{}", entry.text, entry.times);
    assert_eq!(
        timeline.events().skip(before).map(said).collect::<Vec<_>>(),
        [
            "attempt 1 saved where it stands, 300 times in a row x300",
            "attempt 1 saved where it stands, 300 times in a row x300",
            "attempt 2 saved where it stands x1",
            "attempt 1 started x1",
            "attempt 1 saved where it stands x1",
        ]
    );
    assert_eq!(timeline.events_left_out(), 0);
}

#[test]
fn an_attempt_that_was_told_to_stop_and_did_is_not_late() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start), ("a", M::Stop)]);
    let (step, attempt) = (key("a"), AttemptNo::new(1));
    let late = LateResultIgnored { step, attempt, result: "interrupted".to_owned() };
    world.run(late).expect("it changes nothing");
    let timeline = told(&world);
    assert_eq!(short(lane(&timeline, "a")), ["attempt #1 interrupted 3..4: its run ended"]);
    assert_eq!(timeline.events().len(), 4, "but it is told");
}

#[test]
fn records_of_others_and_records_taken_in_before_change_nothing() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start)]);
    let mut timeline = told(&world);
    let known = format!("{timeline:?}");
    world.records.iter().for_each(|record| timeline.apply(record));
    world.apply(Some(run_id(1)), run_started(None, None)).expect("a new run");
    world.records.iter().for_each(|record| timeline.apply(record));
    assert_eq!(format!("{timeline:?}"), known);
    assert_eq!(timeline.run(), Some(run_id(0)));
}

#[test]
fn a_text_of_any_length_is_one_short_line() {
    let mut world = World::begun();
    world.steps(&[("a", M::Start)]);
    fail(&mut world, "a", |event| event.failure.message = format!("line\n{}", "ü".repeat(400)));
    let timeline = told(&world);
    let text = &lane(&timeline, "a").first().expect("it failed").text;
    assert!(text.starts_with("network (reset): line\\nüü"), "{text}");
    assert!(text.ends_with("ü…"), "{text}");
    assert_eq!(text.chars().count(), Timeline::TEXT_CHARS_MAX);
}
