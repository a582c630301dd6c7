//! Policies from end to end: delays as the journal has them, limits, timeouts, budgets.

use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::event::{ExhaustReason, Verdict};
use resurge::{Class, Jitter, RetryPolicy, RunError, Settings, StepContext, StepError, Workflow};
use support::{Calls, Host, failures, patient, records, visit_behind};

use crate::breakers::{all_done, start_many};

const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1024 * 1024;

/// A step whose n-th attempt, from 1, fails in this way, if it does.
fn failing(
    policy: RetryPolicy,
    error: impl Fn(u32) -> Option<StepError> + Send + Sync + 'static,
) -> Workflow<(), u32> {
    let mut flow = Workflow::builder::<()>("failing");
    let calls = Calls::default();
    let step = flow
        .step_fn("work", (), move |_: StepContext, ()| {
            let call = calls.count();
            let error = error(call);
            async move { error.map_or(Ok(call), Err) }
        })
        .retry(policy)
        .add();
    flow.build(step).unwrap()
}

fn network() -> StepError {
    StepError::new(Class::Network, "refused", "down")
}

/// Runs to the end and gives how it ended, with the journal.
async fn run(flow: &Workflow<(), u32>) -> (Result<u32, RunError>, Vec<Record>) {
    let engine = support::engine().register(flow).start().await.unwrap();
    let outcome = engine.start(flow, ()).await.unwrap().outcome().await;
    (outcome, records(&engine).await)
}

fn delays(records: &[Record]) -> Vec<u64> {
    let delay = |(_, failed): (_, &resurge::journal::event::AttemptFailed)| match failed.verdict {
        Verdict::Retry { delay, .. } => u64::try_from(delay.as_millis()).ok(),
        _ => None,
    };
    failures(records).into_iter().filter_map(delay).collect()
}

fn exhausted_by(records: &[Record]) -> Option<ExhaustReason> {
    failures(records).last().and_then(|(_, failed)| failed.exhausted_by)
}

#[tokio::test(start_paused = true)]
async fn each_curve_waits_as_it_says() {
    let ms = Duration::from_millis;
    for (policy, expected) in [
        (RetryPolicy::fixed(SECOND), [1_000, 1_000, 1_000, 1_000, 1_000]),
        (RetryPolicy::linear(SECOND), [1_000, 2_000, 3_000, 4_000, 5_000]),
        (RetryPolicy::exponential(SECOND), [1_000, 2_000, 4_000, 8_000, 16_000]),
        (RetryPolicy::exponential(SECOND).factor(3.0), [1_000, 3_000, 9_000, 27_000, 60_000]),
        (RetryPolicy::fibonacci(SECOND), [1_000, 1_000, 2_000, 3_000, 5_000]),
        (RetryPolicy::list([ms(10), ms(20), SECOND]), [10, 20, 1_000, 1_000, 1_000]),
        (RetryPolicy::custom("tens", move |n| ms(10) * n.get()), [10, 20, 30, 40, 50]),
    ] {
        let flow = failing(policy.jitter(Jitter::None).max_retries(5), |_| Some(network()));
        let (outcome, records) = run(&flow).await;
        assert!(matches!(outcome, Err(RunError::Exhausted { .. })));
        assert_eq!(delays(&records), expected);
        assert_eq!(exhausted_by(&records), Some(ExhaustReason::Retries));
        let first = records.iter().find(|r| r.event.name() == "attempt_started").unwrap().at;
        let took = records.last().unwrap().at.since(first);
        let planned: u64 = expected.iter().sum();
        assert!(took >= ms(planned) && took < ms(planned) + ms(50), "{took:?}, not {planned} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn each_jitter_stays_within_its_bounds_and_comes_from_the_attempt_alone() {
    for (jitter, least, most) in [
        (Jitter::None, 10_000, 10_000),
        (Jitter::Full, 0, 10_000),
        (Jitter::Equal, 5_000, 10_000),
        (Jitter::Tenth, 9_000, 10_000),
    ] {
        let policy = RetryPolicy::fixed(SECOND * 10).jitter(jitter).max_retries(40);
        let (_, records) = run(&failing(policy, |_| Some(network()))).await;
        let delays = delays(&records);
        assert_eq!(delays.len(), 40);
        assert!(delays.iter().all(|d| (least..=most).contains(d)), "{jitter:?}: {delays:?}");
        let width = delays.iter().max().unwrap() - delays.iter().min().unwrap();
        assert!(width >= (most - least) / 2, "{jitter:?}: {delays:?}");
        for (_, failed) in failures(&records) {
            let Some(parts) = failed.parts else { continue };
            assert_eq!((parts.curve_ms, parts.cap_ms), (10_000, 60_000));
            let drawn = u64::from(parts.draw_millionths) / 100;
            let fits = jitter != Jitter::Full || parts.spread_ms.abs_diff(drawn) <= 1;
            assert!(fits, "{parts:?}");
        }
    }
    let percent = RetryPolicy::fixed(SECOND * 10).jitter_percent(50).max_retries(40);
    let (_, records) = run(&failing(percent, |_| Some(network()))).await;
    let delays = delays(&records);
    assert!(delays.iter().all(|delay| (5_000..=10_000).contains(delay)), "{delays:?}");
    assert!(delays.iter().any(|delay| *delay < 8_000), "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn a_decorrelated_delay_follows_the_one_before_it() {
    let policy = RetryPolicy::decorrelated(SECOND).max_delay(SECOND * 30).max_retries(40);
    let (_, records) = run(&failing(policy, |_| Some(network()))).await;
    let delays = delays(&records);
    assert_eq!(delays.first(), Some(&1_000));
    for pair in delays.windows(2) {
        let [before, delay] = pair else { unreachable!() };
        assert!((1_000..=(before * 3).min(30_000)).contains(delay), "{delays:?}");
    }
    assert!(delays.iter().any(|delay| *delay > 8_000), "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn a_class_has_its_own_retries_and_delays() {
    let policy = || patient().max_retries(9);
    let of = |class| move |_| Some(StepError::new(class, "scripted", "no"));
    for (flow, attempts, by) in [
        (failing(policy().never(Class::Network), of(Class::Network)), 1, None),
        (
            failing(policy().always(Class::Permission), of(Class::Permission)),
            10,
            Some(ExhaustReason::Retries),
        ),
        (
            failing(policy().max_retries_of(Class::Server, 2), of(Class::Server)),
            3,
            Some(ExhaustReason::ClassLimit),
        ),
        (
            failing(policy().max_retries_of(Class::Server, 20), of(Class::Server)),
            10,
            Some(ExhaustReason::Retries),
        ),
        (
            failing(policy().max_retries_of(Class::Network, 2), of(Class::Server)),
            10,
            Some(ExhaustReason::Retries),
        ),
    ] {
        let (outcome, records) = run(&flow).await;
        outcome.unwrap_err();
        assert_eq!((failures(&records).len(), exhausted_by(&records)), (attempts, by));
    }
    let stretched = policy().max_retries(3).stretch(Class::Server, 4);
    let (_, records) = run(&failing(stretched, of(Class::Server))).await;
    assert_eq!(delays(&records), [4_000; 3]);
}

#[tokio::test(start_paused = true)]
async fn the_smaller_of_two_limits_wins_and_the_journal_says_which() {
    for (of_error, of_class, retries, expected, by) in [
        (2, 5, 9, 3, ExhaustReason::ClassLimit),
        (5, 2, 9, 3, ExhaustReason::ClassLimit),
        (5, 9, 2, 3, ExhaustReason::Retries),
        (0, 5, 9, 1, ExhaustReason::ClassLimit),
    ] {
        let policy = patient().max_retries(retries).max_retries_of(Class::Network, of_class);
        let (outcome, records) =
            run(&failing(policy, move |_| Some(network().limit(of_error)))).await;
        let error = outcome.unwrap_err();
        assert_eq!((failures(&records).len(), exhausted_by(&records)), (expected, Some(by)));
        assert!(matches!(error, RunError::Exhausted { reason, .. } if reason == by), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_counts_failures_of_one_kind_in_a_row() {
    let policy = patient().max_retries(20);
    let flow = failing(policy, |n| match n {
        1 | 3 | 5 | 7 => Some(network().limit(1)),
        2 | 4 | 6 => Some(StepError::new(Class::Server, "error", "500").limit(1)),
        _ => None,
    });
    assert_eq!(run(&flow).await.0.unwrap(), 8);
}

#[tokio::test(start_paused = true)]
async fn what_the_author_says_beats_the_class() {
    let flow = failing(patient(), |_| Some(network().never()));
    assert_eq!(failures(&run(&flow).await.1).len(), 1);
    let flow = failing(patient(), |_| Some(network().class_as(Class::Permission)));
    assert_eq!(failures(&run(&flow).await.1).len(), 1);
    let flow = failing(patient(), |n| (n < 3).then(|| network().stretch(7)));
    assert_eq!(delays(&run(&flow).await.1), [7_000, 7_000]);
    let permission = || StepError::new(Class::Permission, "auth", "no");
    let flow = failing(patient(), move |n| (n < 2).then(|| permission().retry_after(SECOND * 20)));
    assert_eq!(delays(&run(&flow).await.1), [20_000]);
}

#[tokio::test(start_paused = true)]
async fn the_time_for_recovery_includes_attempts_and_waits() {
    let calls = Calls::default();
    let seen = calls.clone();
    let mut flow = Workflow::builder::<()>("slow");
    let step = flow
        .step_fn("slow", (), move |_: StepContext, ()| {
            seen.count();
            async move {
                tokio::time::sleep(SECOND * 7).await;
                Err::<u32, _>(network())
            }
        })
        .retry(
            RetryPolicy::fixed(SECOND * 3)
                .jitter(Jitter::None)
                .max_retries(99)
                .max_elapsed(SECOND * 60),
        )
        .add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let begun = tokio::time::Instant::now();
    let error = engine.start(&flow, ()).await.unwrap().outcome().await.unwrap_err();
    assert!(matches!(error, RunError::Exhausted { reason: ExhaustReason::Elapsed, .. }), "{error}");
    // Attempts begin every 10 s; the one at 50 s ends at 57 s, and the next would begin at 60 s.
    assert_eq!((begun.elapsed().as_secs(), calls.so_far()), (57, 6));
}

#[tokio::test(start_paused = true)]
async fn after_two_timeouts_in_a_row_attempts_may_take_longer() {
    let mut flow = Workflow::builder::<()>("slow");
    let calls = Calls::default();
    let step = flow
        .step_fn("slow", (), move |cx: StepContext, ()| {
            let call = calls.count();
            async move {
                if call == 7 {
                    return Err(network());
                }
                if call == 9 {
                    return Ok(call);
                }
                cx.stopped().await;
                Err(StepError::permanent("stopped"))
            }
        })
        .timeout(SECOND * 10)
        .retry(patient())
        .add();
    let flow = flow.build(step).unwrap();
    let (outcome, records) = run(&flow).await;
    assert_eq!(outcome.unwrap(), 9);
    let started = support::attempts(&records);
    let timeouts: Vec<_> =
        started.iter().map(|(_, started)| started.timeout_ms.unwrap() / 1_000).collect();
    assert_eq!(timeouts, [10, 10, 20, 40, 80, 80, 80, 10, 10]);
    let first = failures(&records).first().map(|(_, failed)| failed.failure.clone()).unwrap();
    assert_eq!((first.class, first.kind.as_str()), (Class::Timeout, "attempt"));
}

/// A step that reports `progress` every second, until it has done so `times` times.
fn reporting(times: u64, progress: fn(u64) -> u64) -> Workflow<(), u32> {
    let mut flow = Workflow::builder::<()>("reporting");
    let step = flow
        .step_fn("report", (), move |cx: StepContext, ()| async move {
            for second in 1..=times {
                tokio::time::sleep(SECOND).await;
                cx.progress(progress(second), Some(10_000 * MIB));
            }
            Ok(1)
        })
        .idle_timeout(SECOND * 5)
        .retry(patient().max_retries(1))
        .add();
    flow.build(step).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_step_that_gets_on_may_take_as_long_as_it_likes() {
    assert_eq!(run(&reporting(100, |second| second)).await.0.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_does_not_get_on_has_stalled_whatever_it_reports() {
    for (name, progress) in
        [("the same", (|_| 7) as fn(u64) -> u64), ("nothing", |_| 0), ("less", |n| 100 - n)]
    {
        let (outcome, records) = run(&reporting(60, progress)).await;
        let error = outcome.expect_err(name);
        let failure = error.failure().unwrap();
        assert_eq!((failure.class, failure.kind.as_str()), (Class::Timeout, "stalled"), "{name}");
        assert_eq!(failures(&records).len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_connection_that_moved_bytes_is_taken_up_at_once() {
    for (moves, expected) in [(true, [0, 2_000, 4_000]), (false, [1_000, 2_000, 4_000])] {
        let mut flow = Workflow::builder::<()>("drops");
        let calls = Calls::default();
        let step = flow
            .step_fn("fetch", (), move |cx: StepContext, ()| {
                let call = calls.count();
                async move {
                    if moves {
                        cx.progress(u64::from(call), Some(10_000 * MIB));
                    }
                    if call > 3 {
                        return Ok(call);
                    }
                    let dropped = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                    Err(StepError::from(dropped))
                }
            })
            .retry(RetryPolicy::exponential(SECOND).jitter(Jitter::None))
            .add();
        let flow = flow.build(step).unwrap();
        let (outcome, records) = run(&flow).await;
        outcome.unwrap();
        assert_eq!(delays(&records), expected, "moves: {moves}");
    }
}

#[tokio::test(start_paused = true)]
async fn waits_that_a_server_asks_for_cost_no_retry_but_an_hour_is_enough() {
    let busy =
        |after| move |_| Some(StepError::new(Class::Throttled, "busy", "429").retry_after(after));
    let (outcome, records) = run(&failing(patient().max_retries(1), busy(SECOND * 600))).await;
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, RunError::Exhausted { reason: ExhaustReason::ServerDelay, .. }),
        "{error}"
    );
    assert_eq!(delays(&records), [600_000; 6]);
    assert!(failures(&records).iter().all(|(_, failed)| failed.charged == 0));
    // More than a quarter of an hour is not granted.
    let (_, records) = run(&failing(patient().max_retries(1), busy(SECOND * 7_200))).await;
    assert_eq!(delays(&records), [900_000; 4]);
    // A throttle without a time is a failure like others.
    let plain = |_| Some(StepError::new(Class::Throttled, "busy", "429"));
    let (outcome, records) = run(&failing(patient().max_retries(2), plain)).await;
    outcome.unwrap_err();
    assert_eq!(failures(&records).len(), 3);
    assert_eq!(exhausted_by(&records), Some(ExhaustReason::Retries));
}

#[tokio::test(start_paused = true)]
async fn one_attempt_is_one_attempt_whatever_a_server_asks_for() {
    for error in [
        StepError::new(Class::Throttled, "busy", "429").retry_after(SECOND),
        network(),
        StepError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ] {
        let error = std::sync::Mutex::new(Some(error));
        let flow = failing(RetryPolicy::none(), move |_| error.lock().unwrap().take());
        let (outcome, records) = run(&flow).await;
        assert!(matches!(outcome, Err(RunError::Exhausted { .. })), "{outcome:?}");
        assert_eq!(failures(&records).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_gets_so_many_retries_a_minute_and_none_is_lost() {
    let mut settings = Settings::default();
    settings.retry_budget_per_minute = 6;
    settings.retry_budget_burst = 3;
    let host = Host::new("a");
    let key = host.key().clone();
    host.answers(move |n| (n <= 10).then(|| network().resource(key.clone())));
    let flow = visit_behind(&host, patient().max_retries(2), resurge::Breaker::none());
    let engine = support::engine().settings(settings).register(&flow).start().await.unwrap();
    let begun = tokio::time::Instant::now();
    let runs = start_many(&engine, &flow, 10).await;
    all_done(&runs).await;
    // Three at once after their second, and then one every ten seconds.
    let visits: Vec<u64> =
        host.visits_since(begun).iter().skip(10).map(Duration::as_secs).collect();
    assert_eq!(visits, [1, 1, 1, 10, 20, 30, 40, 50, 60, 70]);
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_repeated_is_repeated_only_if_it_was_not_sent() {
    for (sent, expected) in [(true, 1), (false, 3)] {
        let mut flow = Workflow::builder::<()>("pay");
        let calls = Calls::default();
        let seen = calls.clone();
        let step = flow
            .step_fn("pay", (), move |_: StepContext, ()| {
                seen.count();
                let error = if sent { network() } else { network().not_sent() };
                async move { Err::<u32, _>(error) }
            })
            .not_idempotent()
            .retry(patient().max_retries(2))
            .add();
        let flow = flow.build(step).unwrap();
        let (outcome, _) = run(&flow).await;
        assert_eq!(calls.so_far(), expected);
        assert_eq!(matches!(outcome, Err(RunError::Failed { .. })), sent, "{outcome:?}");
    }
}

#[test]
fn contradictions_are_refused_all_at_once() {
    let mut flow = Workflow::builder::<()>("contradictory");
    let work = |_: StepContext, ()| async move { Ok(1_u32) };
    flow.step_fn("a", (), work)
        .retry(RetryPolicy::fixed(SECOND * 9).factor(0.5).max_delay(SECOND).jitter_percent(120))
        .timeout(Duration::ZERO)
        .breaker(resurge::Breaker::per_host().threshold(0).failure_rate(0, 1, SECOND))
        .add();
    let never = RetryPolicy::list([]).never(Class::Network).max_retries_of(Class::Network, 2);
    let b = flow
        .step_fn("b", (), work)
        .retry(never.max_retries(3).max_elapsed(Duration::ZERO))
        .idle_timeout(SECOND * 9)
        .timeout(SECOND * 9)
        .breaker(
            resurge::Breaker::per_host().failure_rate(101, 1, SECOND).probe_lease(Duration::ZERO),
        )
        .add();
    let problems = flow.build(b).unwrap_err();
    let text = problems.to_string();
    for part in [
        "step `a`: the backoff factor",
        "step `a`: the longest delay of 1000 ms lies below the first delay of 9000 ms",
        "step `a`: jitter takes at most 100 percent",
        "step `a` has a timeout of zero",
        "step `a`: no rule would ever open the breaker",
        "step `b`: a list of delays has 1 to 32 entries",
        "step `b`: class `network` is never retried, and still has 2 retries",
        "step `b` has an idle timeout that its timeout never lets pass",
        "step `b`: a share of failures",
        "step `b`: a probe needs some time",
        "does not fit into the 0 ms",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert_eq!(problems.problems().len(), 11, "{text}");
}
