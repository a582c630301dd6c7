//! Transfers under a limit on bandwidth, on virtual time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use proptest::prelude::*;
use resurge_journal::StepKey;
use resurge_steps::testing::TestRun;
use resurge_steps::{Pace, Reports, StepContext, StopHandle, StopReason};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, timeout};

const SECOND: Duration = Duration::from_secs(1);
/// Timers of the runtime go by milliseconds, and a transfer lines up 16 times a second.
const ROUNDING: Duration = Duration::from_millis(20);

fn run(limit: u64) -> TestRun {
    let run = TestRun::new(StepKey::new("fetch").unwrap(), "scratch");
    run.pace().set(limit);
    run
}

fn attempt(run: &mut TestRun) -> (StepContext, StopHandle, Reports) {
    let attempt = run.attempt();
    (attempt.cx, attempt.stop, attempt.reports)
}

/// Transfers in chunks and tells when it is through.
fn transfer(run: &mut TestRun, chunk: u64, chunks: u64) -> JoinHandle<Duration> {
    let (cx, _, _) = attempt(run);
    tokio::spawn(async move {
        let begun = Instant::now();
        for _ in 0..chunks {
            cx.transferred(chunk).await;
        }
        begun.elapsed()
    })
}

#[track_caller]
fn assert_near(took: Duration, expected: Duration) {
    assert!(took.abs_diff(expected) <= ROUNDING, "{took:?} instead of {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_transfer_is_as_fast_as_the_limit() {
    for (chunk, chunks) in [(1, 10_000), (100, 100), (10_000, 1), (7_777, 3)] {
        let took = transfer(&mut run(1_000), chunk, chunks).await.unwrap();
        assert_near(took, Duration::from_millis(chunk * chunks));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_nothing_waits() {
    let took = transfer(&mut run(0), u64::MAX / 4, 100).await.unwrap();
    assert_eq!(took, Duration::ZERO);
    let took = transfer(&mut run(u64::MAX), 1 << 20, 100).await.unwrap();
    assert_near(took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn transfers_share_the_limit_whatever_their_chunks() {
    let mut run = run(3_200);
    let small = transfer(&mut run, 200, 25);
    let large = transfer(&mut run, 5_000, 1);
    let third = transfer(&mut run, 1_000, 5);
    for transfer in [small, large, third] {
        let took = transfer.await.unwrap();
        // Each has 5,000 bytes, and all take turns to the end.
        assert!(took.abs_diff(SECOND * 15_000 / 3_200) <= Duration::from_millis(200), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_transfer_leaves_the_others_get() {
    let mut run = run(2_000);
    let short = transfer(&mut run, 100, 10);
    let long = transfer(&mut run, 100, 70);
    let took = short.await.unwrap();
    assert!(took.abs_diff(SECOND) <= Duration::from_millis(150), "{took:?}");
    assert_near(long.await.unwrap(), SECOND * 4);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_changes_holds_at_once_for_those_who_wait() {
    let mut run = run(1);
    let waiting = [transfer(&mut run, 6_000, 1), transfer(&mut run, 6_000, 1)];
    tokio::time::sleep(SECOND).await;
    run.pace().set(4_000);
    tokio::time::sleep(SECOND).await;
    run.pace().set(1_000);
    for transfer in waiting {
        let took = transfer.await.unwrap();
        // Whoever stands in front loses a part of the turn, here 250 bytes, when the limit changes.
        assert!(took.abs_diff(SECOND * 10) <= Duration::from_millis(300), "{took:?}");
    }
    let lifted = transfer(&mut run, 1 << 40, 1);
    tokio::time::sleep(SECOND).await;
    run.pace().set(0);
    assert_eq!(lifted.await.unwrap(), SECOND);
    let again = transfer(&mut run, 1 << 40, 1);
    assert_eq!(again.await.unwrap(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_used_is_kept_for_a_quarter_of_a_second_only() {
    let mut run = run(1_000);
    assert_near(transfer(&mut run, 1, 1).await.unwrap(), Duration::from_millis(1));
    advance(SECOND * 3_600).await;
    assert_near(transfer(&mut run, 250, 1).await.unwrap(), Duration::ZERO);
    advance(SECOND * 3_600).await;
    assert_near(transfer(&mut run, 1_000, 1).await.unwrap(), Duration::from_millis(750));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_asked_to_stop_stops_waiting() {
    let mut run = run(1);
    let (cx, stop, reports) = attempt(&mut run);
    let waiting = tokio::spawn(async move { cx.transferred(1 << 30).await });
    tokio::time::sleep(SECOND * 5).await;
    assert!(reports.take_held_back());
    let asked = Instant::now();
    stop.stop(StopReason::Paused);
    waiting.await.unwrap();
    assert_eq!(asked.elapsed(), Duration::ZERO);
    let _ = reports.take_held_back();
    assert!(!reports.take_held_back(), "nothing holds it back any more");
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_the_line_holds_nobody_up() {
    let mut run = run(1_000);
    let gone = [transfer(&mut run, 1 << 30, 1), transfer(&mut run, 1 << 30, 1)];
    tokio::time::sleep(SECOND).await;
    for transfer in gone {
        transfer.abort();
    }
    let took = transfer(&mut run, 1_000, 1).await.unwrap();
    assert!(took <= SECOND + Duration::from_millis(150), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_does_other_things_meanwhile_keeps_its_place() {
    let mut run = run(1_000);
    let (cx, _, _) = attempt(&mut run);
    let mut toll = cx.toll();
    toll.pay().await;
    toll.owe(5_000);
    let begun = Instant::now();
    let mut before = toll.owed();
    while toll.owed() > 0 {
        // Far less than the sixteenth of a second that it lines up for.
        let _ = timeout(Duration::from_millis(3), toll.pay()).await;
        assert!(before - toll.owed() <= 1_000 / 16);
        before = toll.owed();
    }
    assert_near(begun.elapsed(), SECOND * 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Never more than the limit, a burst and one chunk; never less while somebody waits.
    #[test]
    fn the_limit_is_kept_and_used_up(
        limits in prop::collection::vec(1_u64..2_000_000, 1..6),
        chunks in prop::collection::vec(1_u64..500_000, 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let pace = Pace::default();
            let mut tolls: Vec<_> = chunks.iter().map(|chunk| {
                let mut run = TestRun::new(StepKey::new("fetch").unwrap(), "scratch");
                // Every run has a pace of its own, and these shall share one.
                run.share_pace(&pace);
                (attempt(&mut run).0, *chunk)
            }).collect();
            for limit in limits {
                pace.set(limit);
                let begun = Instant::now();
                let through = transferred_within(&mut tolls, SECOND * 10).await;
                let allowed = limit * 10;
                let on_the_way = chunks.iter().sum::<u64>();
                prop_assert!(through <= allowed + limit / 4 + on_the_way, "{through} > {allowed}");
                prop_assert!(through + on_the_way + limit / 8 >= allowed, "{through} < {allowed}");
                prop_assert!(begun.elapsed() >= SECOND * 10);
            }
            Ok(())
        })?;
    }
}

/// Bytes of the chunks that all transfers together got through within a time.
async fn transferred_within(all: &mut [(StepContext, u64)], time: Duration) -> u64 {
    let until = Instant::now() + time;
    let tasks = all.iter().map(|(cx, chunk)| {
        let (cx, chunk) = (cx.clone(), *chunk);
        tokio::spawn(async move {
            let mut through = 0;
            while tokio::time::timeout_at(until, cx.transferred(chunk)).await.is_ok() {
                through += chunk;
            }
            through
        })
    });
    let tasks: Vec<JoinHandle<u64>> = tasks.collect();
    let mut through = 0;
    for task in tasks {
        through += task.await.unwrap();
    }
    through
}
