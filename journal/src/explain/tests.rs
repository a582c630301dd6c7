//! Each cause, and what is said about it.

use std::time::Duration;

use crate::event::{
    AttemptFailed, AttemptStarted, DelayParts, Ease, Event, ExhaustReason, ForceRetry,
    RecoveryCancelled, RetryNow, RunCancelled, RunExhausted, RunFailed, RunParked, RunPaused,
    RunResumed, StepRefused, StepSkipped, Verdict,
};
use crate::explain::{Action, Cause, Explanation, explain};
use crate::failure::{Class, Failure};
use crate::id::AttemptNo;
use crate::json::Json;
use crate::state::StepMove;
use crate::state::tests::world::{World, failed, host, key, run_id, run_started};
use crate::time::Timestamp;

mod breakers;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn look(world: &World) -> Explanation {
    explain(&world.state, run_id(0), world.now).expect("the run was begun")
}

/// What is said about a step.
fn said(world: &World, step: &str) -> String {
    let explanation = look(world);
    let known = explanation.steps.iter().find(|known| known.step == key(step)).expect("not done");
    known.sentence(explanation.now)
}

fn cause(world: &World, step: &str) -> Cause {
    let steps = look(world).steps;
    steps.into_iter().find(|known| known.step == key(step)).expect("not done").cause
}

fn offers(world: &World) -> Vec<&'static str> {
    look(world).actions.iter().map(Action::name).collect()
}

const DOCS: &str = include_str!("../../../docs/journal-format.md");

/// The documentation has a row for the cause with every field that the JSON has.
fn check_docs(explanation: &Explanation) {
    let (_, chapter) = DOCS.split_once("## JSON of the other commands").expect("the chapter");
    let json = explanation.to_json();
    for name in json.as_object().expect("an object").keys().filter(|name| *name != "v") {
        assert!(chapter.contains(&format!("`{name}`")), "{name}");
    }
    let name = format!("`{}`", explanation.cause.name());
    let mut rows = chapter.lines().filter(|line| line.starts_with('|'));
    let row = rows
        .find(|row| row.split('|').nth(1).is_some_and(|cell| cell.contains(&name)))
        .unwrap_or_else(|| panic!("{name} has no row"));
    let fields = json.pointer("/cause").and_then(|cause| cause.as_object()).expect("an object");
    for field in fields.keys().filter(|field| *field != "is") {
        assert!(row.contains(&format!("`{field}`")), "{field} of {row}");
    }
    for action in &explanation.actions {
        assert!(chapter.contains(&format!("`{}`", action.name())), "{}", action.name());
    }
}

/// Every text, and the JSON: both must hold for whatever state there is.
fn check(world: &World, cause: &str) {
    let explanation = look(world);
    check_docs(&explanation);
    let json = explanation.to_json();
    assert_eq!(json.pointer("/cause/is").and_then(|is| is.as_str()), Some(cause), "{json}");
    let text = explanation.to_string();
    // What is wrong with a step stands in its own line, and is not said twice.
    assert_eq!(text.matches(&explanation.sentence()).count(), 1, "{text}");
    for action in &explanation.actions {
        assert!(text.contains(&action.to_string()), "{text}");
    }
}

/// Step `a` has failed for the first time, and waits because of these parts.
fn waiting(parts: DelayParts, delay: Duration) -> World {
    let mut world = World::begun();
    world.steps(&[("a", StepMove::Start)]);
    let due_at = world.now.after(Duration::from_millis(1)).after(delay);
    let verdict = Verdict::Retry { delay, due_at };
    let mut event =
        AttemptFailed { parts: Some(parts), ..failed(key("a"), AttemptNo::new(1), verdict) };
    event.failure.resource = Some(host("a"));
    event.failure.hint = Some("check the cable".to_owned());
    world.run(event).expect("running");
    world
}

const PARTS: DelayParts = DelayParts {
    curve_ms: 1_000,
    stretch: 1,
    cap_ms: 60_000,
    draw_millionths: 500_000,
    spread_ms: 950,
    server_ms: None,
    server_max_ms: 900_000,
    budget_ms: 0,
    at_once: false,
};

#[test]
fn a_run_that_is_not_there_is_not_explained() {
    assert_eq!(explain(&World::begun().state, run_id(7), Timestamp::default()), None);
}

#[test]
fn a_step_is_ready_and_the_others_are_blocked_by_what_they_need() {
    let world = World::begun();
    assert_eq!(cause(&world, "a"), Cause::Ready { eased: None });
    assert_eq!(cause(&world, "d"), Cause::Blocked { by: vec![key("c")] });
    assert_eq!(said(&world, "d"), "step `d` waits for step `c`");
    assert_eq!(look(&world).step, Some(key("a")));
    assert_eq!(offers(&world), ["pause", "cancel"]);
    check(&world, "ready");
}

#[test]
fn a_ready_step_may_have_to_wait_because_less_is_done() {
    let mut world = World::begun();
    world.steps(&[("a", StepMove::Start)]);
    let until = world.now.after(seconds(30));
    let retry = Verdict::Retry { delay: Duration::ZERO, due_at: world.now };
    let ease = Some(Ease { until, in_flight_max: 2 });
    let event = AttemptFailed { ease, ..failed(key("a"), AttemptNo::new(1), retry) };
    world.run(event).expect("running");
    world.steps(&[("a", StepMove::Again)]);
    assert!(said(&world, "a").contains("at most 2 attempts at a time"), "{}", said(&world, "a"));
    world.pass(30);
    assert_eq!(cause(&world, "a"), Cause::Ready { eased: None });
}

#[test]
fn an_attempt_runs_for_a_while() {
    let mut world = World::begun();
    let started = AttemptStarted {
        step: key("a"),
        attempt: AttemptNo::new(1),
        charged: 0,
        max_attempts: 4,
        timeout_ms: Some(90_000),
        admission: vec![],
        forced: true,
    };
    world.run(started).expect("ready");
    world.pass(5);
    let text = said(&world, "a");
    assert!(text.contains("attempt 1 for 5 s, at most 1 min 30 s, in spite of breakers"), "{text}");
    check(&world, "running");
}

#[test]
fn a_delay_is_told_with_its_arithmetic() {
    let world = waiting(PARTS, Duration::from_millis(950));
    let text = said(&world, "a");
    assert!(text.contains("waits for retry 1 of 3"), "{text}");
    assert!(text.ends_with("in 950 ms"), "{text}");
    let explanation = look(&world);
    let step = explanation.steps.first().expect("one is not done");
    assert_eq!(
        step.arithmetic,
        [
            "exponential, retry 1: 1 s × 2^0 = 1 s",
            "jitter (up to a tenth less), draw 0.500: 950 ms of 1 s",
            "delay: 950 ms; the policy decides",
        ]
    );
    assert_eq!(step.failure.as_deref(), Some("network (reset): connection reset"));
    let expected =
        ["heed", "retry_now", "force_retry", "skip", "pause", "cancel_recovery", "cancel"];
    assert_eq!(offers(&world), expected);
    check(&world, "backoff");
}

#[test]
fn a_delay_is_cut_to_the_longest_one_and_a_setting_that_changed_is_not_made_up() {
    let parts = DelayParts { curve_ms: 40_000, stretch: 3, spread_ms: 57_000, ..PARTS };
    let world = waiting(parts, seconds(57));
    let explanation = look(&world);
    let step = explanation.steps.first().expect("one is not done");
    assert_eq!(
        step.arithmetic,
        [
            "exponential, retry 1: 40 s",
            "factor of the failure: × 3 = 2 min",
            "longest delay of the policy: 1 min",
            "jitter (up to a tenth less), draw 0.500: 57 s of 1 min",
            "delay: 57 s; the policy decides",
        ]
    );
}

#[test]
fn a_wait_that_is_over_is_overdue() {
    let mut world = waiting(PARTS, Duration::from_millis(950));
    world.pass(60);
    let text = said(&world, "a");
    assert!(text.contains("is overdue: retry 1 of 3 was due"), "{text}");
    assert!(text.contains("it is made when the engine runs again"), "{text}");
    let json = look(&world).to_json();
    assert_eq!(json.pointer("/cause/overdue"), Some(&true.into()));
}

#[test]
fn a_server_may_ask_for_more_and_is_granted_so_much() {
    let parts = DelayParts { server_ms: Some(3_600_000), ..PARTS };
    let world = waiting(parts, seconds(900));
    assert!(said(&world, "a").ends_with("in 15 min, as the server asked"), "{}", said(&world, "a"));
    let arithmetic = look(&world).steps.first().expect("one").arithmetic.clone();
    assert_eq!(
        arithmetic.get(2..),
        Some(
            &[
                "the server asked for 1 h; at most 15 min is granted".to_owned(),
                "delay: 15 min; the server decides".to_owned()
            ][..]
        )
    );
    check(&world, "server_delay");
    let short = waiting(DelayParts { server_ms: Some(10), ..PARTS }, Duration::from_millis(950));
    check(&short, "backoff");
}

#[test]
fn a_budget_may_make_it_longer() {
    let world = waiting(DelayParts { budget_ms: 20_000, ..PARTS }, seconds(20));
    assert!(said(&world, "a").contains("retry budget"), "{}", said(&world, "a"));
    check(&world, "budget");
}

#[test]
fn progress_asks_for_no_delay() {
    let world = waiting(DelayParts { at_once: true, ..PARTS }, Duration::ZERO);
    let arithmetic = look(&world).steps.first().expect("one").arithmetic.clone();
    assert_eq!(arithmetic, ["the attempt got somewhere, so the policy asks for no delay"]);
}

#[test]
fn a_full_drive_is_told_with_what_to_free() {
    let mut world = World::begun();
    world.steps(&[("a", StepMove::Start), ("a", StepMove::Park)]);
    assert_eq!(said(&world, "a"), "step `a` waits for 1 byte of free space at /");
    assert_eq!(offers(&world).first(), Some(&"free_space"));
    check(&world, "disk_space");
}

#[test]
fn a_pause_is_the_cause_of_all_that_could_start() {
    let mut world = waiting(PARTS, Duration::from_millis(950));
    let reason = "lunch".to_owned();
    world.run(RunPaused { actor: "ann".to_owned(), reason, freezes_timers: true }).expect("active");
    let text = said(&world, "a");
    assert!(text.contains("is paused by ann since"), "{text}");
    assert!(text.ends_with("(lunch); its timers stand still"), "{text}");
    assert!(matches!(cause(&world, "b"), Cause::Blocked { .. }), "it waits for `a` all the same");
    assert_eq!(offers(&world), ["heed", "resume", "cancel"]);
    check(&world, "paused");
}

#[test]
fn a_run_that_nothing_fits_waits_for_a_workflow() {
    let mut world = World::begun();
    world.run(RunParked { reason: "no workflow `test`".to_owned() }).expect("active");
    assert_eq!(look(&world).sentence(), "the run cannot go on here: no workflow `test`");
    assert_eq!(offers(&world), ["register", "cancel"]);
    check(&world, "parked");
}

fn ended(verdict: Verdict, class: Class, exhausted_by: Option<ExhaustReason>) -> World {
    let mut world = World::empty();
    world.run(run_started(Some("model"), None)).expect("new");
    world.steps(&[("a", StepMove::Start)]);
    let failure = Failure::new(class, "test", "no good").with_hint("mend it");
    let event = failed(key("a"), AttemptNo::new(1), verdict);
    world.run(AttemptFailed { failure, exhausted_by, ..event }).expect("running");
    world
}

#[test]
fn a_step_that_does_not_wait_for_breakers_may_succeed_another_time() {
    let mut world = World::empty();
    world.run(run_started(Some("model"), None)).expect("new");
    let failure = Failure::new(Class::Network, "circuit_open", "the breaker is open");
    world.run(StepRefused { step: key("a"), failure }).expect("ready");
    world.run(RunFailed { step: key("a") }).expect("active");
    assert_eq!(look(&world).sentence(), "step `a` failed for good");
    assert_eq!(offers(&world), ["retry_now", "force_retry", "skip"]);
}

#[test]
fn a_failure_that_will_come_again_is_forced_at_most() {
    let mut world = ended(Verdict::NotRetryable, Class::Permission, None);
    world.run(RunFailed { step: key("a") }).expect("active");
    assert!(look(&world).sentence().contains("another attempt would fail in the same way"));
    assert_eq!(offers(&world), ["heed", "force_retry", "skip"]);
    assert_eq!(said(&world, "b"), "step `b` was stopped with its run");
    check(&world, "given_up");
}

#[test]
fn the_steps_that_ended_with_their_run_are_told_in_one_line() {
    let mut world = ended(Verdict::NotRetryable, Class::Permission, None);
    world.run(RunFailed { step: key("a") }).expect("active");
    let text = look(&world).to_string();
    assert!(text.contains("\nstopped with the run: steps `b`, `c`, `d`\n"), "{text}");
}

#[test]
fn a_recovery_that_was_cancelled_is_told_as_such() {
    let mut world = waiting(PARTS, Duration::from_millis(950));
    world.steps(&[("a", StepMove::GiveUp)]);
    let text = said(&world, "a");
    assert_eq!(text, "step `a` was given up, because somebody cancelled the recovery of its run");
    world.run(RunFailed { step: key("a") }).expect("active");
    assert!(offers(&world).contains(&"retry_now"), "{:?}", offers(&world));
    check(&world, "given_up");
}

#[test]
fn what_ran_out_before_is_not_what_stops_a_step_now() {
    let mut world = ended(Verdict::Exhausted, Class::Network, Some(ExhaustReason::Retries));
    world.steps(&[("a", StepMove::Again), ("a", StepMove::Refuse)]);
    assert!(matches!(cause(&world, "a"), Cause::GivenUp { exhausted_by: None, .. }));
}

#[test]
fn the_attempt_under_way_may_be_the_last_one() {
    let mut world = waiting(PARTS, Duration::ZERO);
    world.steps(&[("a", StepMove::Start)]);
    let actions = look(&world).actions;
    assert!(actions.contains(&Action::CancelRecovery { steps: vec![] }), "{actions:?}");
}

#[test]
fn a_run_out_of_retries_can_go_on_unless_another_holds_its_key() {
    let reason = ExhaustReason::ClassLimit;
    let mut world = ended(Verdict::Exhausted, Class::Network, Some(reason));
    world.run(RunExhausted { reason, step: Some(key("a")) }).expect("active");
    assert!(look(&world).sentence().contains("failures of this kind are used up"));
    assert_eq!(offers(&world), ["heed", "retry_now", "force_retry", "skip"]);
    world.apply(Some(run_id(1)), run_started(Some("model"), None)).expect("the key is free");
    assert_eq!(offers(&world), ["heed", "start_again"]);
    check(&world, "given_up");
}

#[test]
fn a_run_past_its_deadline_says_so() {
    let mut world = World::empty();
    world.run(run_started(None, Some(60_000))).expect("new");
    assert!(look(&world).to_string().contains("it is given up at 1970-01-01T00:01:00.000Z, in "));
    world.run(RunExhausted { reason: ExhaustReason::Deadline, step: None }).expect("active");
    assert_eq!(look(&world).sentence(), "the run was given up: the deadline of the run has passed");
    assert_eq!(offers(&world), ["retry_now", "force_retry"]);
}

#[test]
fn a_cancelled_run_is_started_again_and_a_complete_one_left_alone() {
    let mut world = World::begun();
    let reason = "not needed".to_owned();
    world.run(RunCancelled { actor: "ann".to_owned(), reason }).expect("active");
    assert_eq!(look(&world).sentence(), "the run was called off by ann: not needed");
    assert_eq!(offers(&world), ["start_again"]);
    check(&world, "cancelled");

    let mut world = World::begun();
    for step in ["a", "b", "c", "d"] {
        world.steps(&[(step, StepMove::Start), (step, StepMove::Succeed)]);
    }
    check(&world, "done");
    world.run(crate::event::RunSucceeded {}).expect("all is done");
    assert_eq!((look(&world).steps.len(), offers(&world).len()), (0, 0));
    check(&world, "done");
}

#[test]
fn lengths_and_sizes_read_as_people_write_them() {
    use super::text::{Bytes, Span};
    let spans =
        [(0, "0 ms"), (999, "999 ms"), (1_000, "1 s"), (1_050, "1.05 s"), (60_000, "1 min")];
    let longer = [(90_000, "1 min 30 s"), (3_660_000, "1 h 1 min"), (90_000_000, "1 d 1 h")];
    for (millis, text) in spans.into_iter().chain(longer) {
        assert_eq!(Span(Duration::from_millis(millis)).to_string(), text);
    }
    for (bytes, text) in [(1, "1 byte"), (2, "2 bytes"), (1_000, "1 kB"), (1_450_000_001, "1.5 GB")]
    {
        assert_eq!(Bytes(bytes).to_string(), text);
    }
    assert!(!Bytes(u64::MAX).to_string().is_empty());
    assert!(!Span(Duration::MAX).to_string().is_empty());
}

#[test]
fn texts_of_unknown_origin_do_not_command_a_terminal() {
    let mut world = World::begun();
    world.run(RunParked { reason: "\u{1b}[31m".to_owned() }).expect("active");
    assert!(!look(&world).to_string().contains('\u{1b}'));
}

/// Whatever the state: it is explained, and the fold takes what is offered.
pub(crate) fn check_offers(world: &World) {
    for run in world.state.runs() {
        let explanation = explain(&world.state, run.id, world.now).expect("it is there");
        assert!(!explanation.to_string().is_empty());
        assert_eq!(
            explanation.to_json().pointer("/cause/is"),
            Some(&explanation.cause.name().into())
        );
        for action in &explanation.actions {
            let Some(event) = event_of_action(action) else { continue };
            let taken = world.clone().apply(Some(run.id), event);
            assert!(taken.is_ok(), "{action:?}: {taken:?}\n{explanation}");
        }
    }
}

/// The record of what is offered, if there is one.
fn event_of_action(action: &Action) -> Option<Event> {
    let (actor, reason) = ("ann".to_owned(), "because".to_owned());
    Some(match action {
        Action::Resume => RunResumed { actor, reason }.into(),
        Action::Pause => RunPaused { actor, reason, freezes_timers: true }.into(),
        Action::Cancel => RunCancelled { actor, reason }.into(),
        Action::RetryNow { steps, .. } => RetryNow { actor, reason, steps: steps.clone() }.into(),
        Action::ForceRetry { steps, .. } => {
            ForceRetry { actor, reason, steps: steps.clone() }.into()
        }
        Action::CancelRecovery { steps } => {
            RecoveryCancelled { actor, reason, steps: steps.clone() }.into()
        }
        Action::Skip { step } => {
            StepSkipped { step: step.clone(), output: Json::null(), actor, reason }.into()
        }
        _ => return None,
    })
}
