//! What people ask for, and what it adds up to.

use std::time::Duration;

use super::world::{World, failed, host, key, run_id, run_started};
use crate::event::{
    AttemptFailed, BreakerOpened, Event, ExhaustReason, ForceRetry, Health, OpenCause, RetryNow,
    RunExhausted, RunFailed, RunPaused, RunResumed, RunSucceeded, SettingsChanged, Sign,
    StepParked, StepSkipped, Verdict,
};
use crate::failure::Class;
use crate::id::{AttemptNo, BreakerEpoch, StepKey};
use crate::json::Json;
use crate::state::{ResourceStats, RunStatus, Step, StepMove, StepPhase};
use crate::time::Timestamp;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn pause(freezes_timers: bool) -> RunPaused {
    RunPaused { actor: "ann".to_owned(), reason: "lunch".to_owned(), freezes_timers }
}

fn resume() -> RunResumed {
    RunResumed { actor: "ann".to_owned(), reason: "back".to_owned() }
}

fn retry_now(steps: &[&str]) -> RetryNow {
    let steps = steps.iter().map(|step| key(step)).collect();
    RetryNow { actor: "ann".to_owned(), reason: "now".to_owned(), steps }
}

fn the_step<'a>(world: &'a World, step: &str) -> &'a Step {
    world.the_run().step_by_key(&key(step)).expect("a step").1
}

/// A run with a deadline, whose first step waits for another attempt.
fn waiting(due_in: Duration, deadline: Timestamp) -> (World, Timestamp) {
    let mut world = World::empty();
    world.run(run_started(None, Some(deadline.as_millis()))).expect("a new run");
    world.steps(&[("a", StepMove::Start)]);
    let due_at = world.now.after(due_in);
    let retry = Verdict::Retry { delay: due_in, due_at };
    world.run(failed(key("a"), AttemptNo::new(1), retry)).expect("it is running");
    (world, due_at)
}

#[test]
fn frozen_timers_go_on_where_they_stood() {
    let deadline = Timestamp::from_millis(3_600_000);
    let (mut world, due_at) = waiting(seconds(10), deadline);
    let since = the_step(&world, "a").trying_since.expect("it was tried");
    world.run(pause(true)).expect("active");
    assert_eq!(world.the_run().status(), RunStatus::Paused);
    world.pass(7_200);
    assert_eq!(world.state.next_due(Timestamp::default()), None, "nothing comes due");
    assert_eq!(world.state.overdue(world.now).count(), 0);
    world.run(resume()).expect("paused");

    let slept = seconds(7_200) + Duration::from_millis(1);
    assert_eq!(the_step(&world, "a").phase, StepPhase::Waiting { due_at: due_at.after(slept) });
    assert_eq!(world.the_run().deadline_at, Some(deadline.after(slept)));
    assert_eq!(the_step(&world, "a").trying_since, Some(since.after(slept)));
    assert_eq!(world.state.next_due(world.now), Some(due_at.after(slept)));
}

#[test]
fn the_last_attempt_of_a_held_step_moves_with_the_deadline() {
    let mut world = World::begun();
    let force_at = Timestamp::from_millis(60_000);
    let parked = StepParked { step: key("a"), keys: vec![host("a")], force_at: Some(force_at) };
    world.run(parked).expect("ready");
    world.run(pause(true)).expect("active");
    assert_eq!(world.state.held_by(&host("a")).count(), 0, "a paused run is no probe");
    world.pass(10);
    world.run(resume()).expect("paused");
    assert_eq!(world.state.held_by(&host("a")).count(), 1);
    let moved = force_at.after(seconds(10) + Duration::from_millis(1));
    assert_eq!(world.state.next_due(world.now), Some(moved));
}

#[test]
fn a_delay_that_begins_during_a_pause_is_not_lengthened_by_the_time_before_it() {
    let mut world = World::begun();
    world.steps(&[("a", StepMove::Start)]);
    world.run(pause(true)).expect("active");
    world.pass(100);
    let due_at = world.now.after(seconds(5));
    let retry = Verdict::Retry { delay: seconds(5), due_at };
    world.run(failed(key("a"), AttemptNo::new(1), retry)).expect("attempts report");
    let failed_at = world.now;
    world.pass(50);
    world.run(resume()).expect("paused");
    let StepPhase::Waiting { due_at: moved } = the_step(&world, "a").phase else { panic!() };
    assert_eq!(moved, due_at.after(world.now.since(failed_at)));
}

#[test]
fn timers_go_on_during_a_pause_if_they_are_not_frozen() {
    let deadline = Timestamp::from_millis(60_000);
    let (mut world, due_at) = waiting(seconds(10), deadline);
    world.run(pause(false)).expect("active");
    world.pass(61);
    assert_eq!(world.state.overdue(world.now).count(), 1);
    assert_eq!(world.state.startable(world.now).count(), 0, "nothing starts");
    world.run(resume()).expect("paused");
    assert_eq!(the_step(&world, "a").phase, StepPhase::Waiting { due_at });
    assert_eq!(world.state.startable(world.now).count(), 1);
}

fn exhausted() -> RunExhausted {
    RunExhausted { reason: ExhaustReason::Retries, step: Some(key("a")) }
}

/// A run under a key whose first step has used up its retries.
fn with_key() -> World {
    let mut world = World::empty();
    world.run(run_started(Some("model"), None)).expect("a new run");
    world.steps(&[("a", StepMove::Start), ("a", StepMove::Fail)]);
    world.run(exhausted()).expect("active");
    world
}

#[test]
fn a_run_that_goes_on_takes_its_key_back() {
    let mut world = with_key();
    world.apply(Some(run_id(1)), run_started(Some("model"), None)).expect("the key is free");
    let run_key = world.the_run().started.key.clone().expect("a key");
    let before = world.state.clone();
    world.run(retry_now(&["a"])).expect_err("another run holds the key");
    assert_eq!(world.state, before, "a refused record changes nothing");

    world.apply(Some(run_id(1)), exhausted().into()).expect("active");
    let before = world.state.clone();
    world.run(retry_now(&["d"])).expect_err("it has not failed");
    assert_eq!(world.state, before, "the key stays where it is");
    world.run(retry_now(&["a"])).expect("nobody holds the key");
    assert_eq!(world.state.run_by_key(&run_key).map(|run| run.id), Some(run_id(0)));
    world.apply(Some(run_id(2)), run_started(Some("model"), None)).expect_err("held again");
}

#[test]
fn a_run_that_goes_on_counts_anew_and_forgets_a_deadline_that_has_passed() {
    let mut world = World::empty();
    world.run(run_started(None, Some(1_000))).expect("a new run");
    world.steps(&[("a", StepMove::Start), ("a", StepMove::Fail)]);
    assert_eq!(the_step(&world, "a").charged, 1);
    world.pass(2);
    world.run(RunExhausted { reason: ExhaustReason::Deadline, step: None }).expect("active");
    world.run(retry_now(&["a"])).expect("exhausted");
    let step = the_step(&world, "a");
    assert_eq!((step.charged, step.trying_since, step.hurried), (0, None, true));
    assert_eq!((world.the_run().deadline_at, world.the_run().ended_at), (None, None));
    assert_eq!(world.state.overdue(world.now).count(), 0);
}

#[test]
fn a_hurried_step_keeps_its_count_and_a_forced_one_does_not() {
    let mut world = World::begun();
    world.steps(&[("a", StepMove::Start), ("a", StepMove::Retry)]);
    world.run(retry_now(&["a"])).expect("waiting");
    let step = the_step(&world, "a");
    assert_eq!((step.charged, step.hurried, step.forced), (1, true, false));
    let force = ForceRetry { actor: String::new(), reason: String::new(), steps: vec![key("a")] };
    world.run(force).expect("ready");
    let step = the_step(&world, "a");
    assert_eq!((step.charged, step.hurried, step.forced), (0, true, true));
    world.steps(&[("a", StepMove::Start)]);
    let step = the_step(&world, "a");
    assert_eq!((step.hurried, step.forced), (false, false), "it holds for one attempt");
}

#[test]
fn a_request_about_several_steps_is_done_in_whole_or_not_at_all() {
    let mut world = World::begun();
    world.steps(&[("a", StepMove::Start), ("a", StepMove::Succeed)]);
    world.steps(&[("b", StepMove::Start), ("b", StepMove::Retry)]);
    let before = world.state.clone();
    for steps in [["b", "d"], ["b", "a"]] {
        world.run(retry_now(&steps)).expect_err("one of them cannot be tried");
        assert_eq!(world.state, before);
    }
}

#[test]
fn a_setting_is_changed_and_changed_back_and_nonsense_is_refused() {
    let mut world = World::empty();
    let set = |name: &str, new: Json| SettingsChanged {
        name: name.to_owned(),
        old: Json::null(),
        new,
        actor: String::new(),
        reason: String::new(),
    };
    let number = |number: f64| Json::of(&number).expect("finite");
    world.engine(set("backoff_factor", number(1.5))).expect("a setting");
    assert_eq!(world.state.tuning().backoff_factor, Some(1.5));
    let before = world.state.clone();
    world.engine(set("backoff_factor", number(0.5))).expect_err("below 1");
    world.engine(set("max_retries", number(-1.0))).expect_err("negative");
    world.engine(set("attempts_in_flight_max", Json::of(&0).expect("JSON"))).expect_err("none");
    world.engine(set("colour", number(1.0))).expect_err("no setting");
    assert_eq!(world.state, before);
    world.engine(set("backoff_factor", Json::null())).expect("taken back");
    assert_eq!(world.state.tuning().backoff_factor, None);
}

/// Fails step `a` of a run with a class, having shown that a host fails.
fn fail(world: &mut World, run: u128, class: Class, verdict: Verdict) {
    let attempt = AttemptNo::new(1);
    let mut event = failed(key("a"), attempt, verdict);
    event.failure.class = class;
    event.health = vec![Health { key: host("a"), sign: Sign::Failing }];
    world.apply(Some(run_id(run)), event.into()).expect("it is running");
}

fn start(world: &mut World, run: u128, step: &str, attempt: u32) {
    let event = super::world::event_of(step, AttemptNo::new(attempt), StepMove::Start);
    world.apply(Some(run_id(run)), event).expect("it could start");
}

fn succeed(world: &mut World, run: u128, step: &str, attempt: u32) {
    let event = super::world::event_of(step, AttemptNo::new(attempt), StepMove::Succeed);
    world.apply(Some(run_id(run)), event).expect("it is running");
}

/// One run recovers after ten seconds, one fails and one succeeds at once.
fn three_runs() -> World {
    let mut world = World::empty();
    for run in 0..3 {
        world.apply(Some(run_id(run)), run_started(None, None)).expect("a new run");
        start(&mut world, run, "a", 1);
    }
    let retry = Verdict::Retry { delay: Duration::ZERO, due_at: world.now };
    fail(&mut world, 0, Class::Network, retry);
    let failed_at = world.now;
    fail(&mut world, 1, Class::NotFound, Verdict::NotRetryable);
    let ended = RunFailed { step: key("a") };
    world.apply(Some(run_id(1)), ended.into()).expect("active");
    start(&mut world, 0, "a", 2);
    succeed(&mut world, 0, "a", 2);
    succeed(&mut world, 2, "a", 1);
    for run in [2, 0] {
        for step in ["b", "c", "d"] {
            start(&mut world, run, step, 1);
            succeed(&mut world, run, step, 1);
        }
        if run == 0 {
            world.now = failed_at.after(Duration::from_millis(9_999));
        }
        world.apply(Some(run_id(run)), RunSucceeded {}.into()).expect("all steps are done");
    }
    world
}

#[test]
fn what_recovery_did_is_counted() {
    let world = three_runs();
    let counted = world.state.stats();
    assert_eq!((counted.total, counted.succeeded, counted.recovered, counted.failed), (3, 2, 1, 1));
    assert_eq!((counted.retry_attempts, counted.average_recovery_ms()), (1, Some(10_000)));
    assert!((counted.success_rate().expect("two of three") - 2.0 / 3.0).abs() < 1e-9);
    let network = counted.by_class.get(&Class::Network).expect("failed once");
    assert_eq!((network.failures, network.retried), (1, 1));
    let missing = counted.by_class.get(&Class::NotFound).expect("failed once");
    assert_eq!((missing.failures, missing.retried), (1, 0));
    let host = counted.by_resource.get(&host("a")).expect("it was needed");
    assert_eq!(host, &ResourceStats { alive: 0, failing: 2, trips: 0 });
}

#[test]
fn a_run_that_goes_on_has_not_failed_after_all() {
    let mut world = three_runs();
    let again: Event = retry_now(&["a"]).into();
    world.apply(Some(run_id(1)), again).expect("failed");
    assert_eq!(world.state.stats().failed, 0);
    start(&mut world, 1, "a", 2);
    let event = super::world::event_of("a", AttemptNo::new(2), StepMove::Fail);
    world.apply(Some(run_id(1)), event).expect("it is running");
    world.apply(Some(run_id(1)), exhausted().into()).expect("active");
    assert_eq!(world.state.stats().failed, 1);
    let skipped = StepSkipped {
        step: key("a"),
        output: Json::null(),
        actor: String::new(),
        reason: String::new(),
    };
    world.apply(Some(run_id(1)), skipped.into()).expect("its failed step is skipped");
    assert_eq!(world.state.stats().failed, 0);
}

#[test]
fn trips_are_counted_for_each_resource() {
    let mut world = World::empty();
    let opened = |epoch| BreakerOpened {
        key: host("a"),
        epoch: BreakerEpoch::new(epoch),
        cause: OpenCause::Rate,
        trip: 1,
        planned_ms: 1,
        until: Timestamp::default(),
        failures: 1,
        total: 1,
        sample: vec![],
    };
    world.engine(opened(1)).expect("the first epoch");
    world.engine(opened(2)).expect("the next epoch");
    assert_eq!(world.state.stats().breaker_trips, 2);
    let trips = world.state.stats().by_resource.get(&host("a")).map(|host| host.trips);
    assert_eq!(trips, Some(2));
}

#[test]
fn progress_gives_the_time_for_recovery_back() {
    let mut world = World::begun();
    world.steps(&[("a", StepMove::Start)]);
    let retry = Verdict::Retry { delay: Duration::ZERO, due_at: world.now };
    let refunded = |step: StepKey| AttemptFailed {
        is_refunded: true,
        ..failed(step, AttemptNo::new(1), retry)
    };
    world.pass(60);
    world.run(refunded(key("a"))).expect("running");
    assert_eq!(the_step(&world, "a").trying_since, Some(world.now));
}
