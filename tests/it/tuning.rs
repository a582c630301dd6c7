//! Settings that are changed while runs are under way.

use std::time::Duration;

use resurge::journal::event::{Event, SettingsChanged};
use resurge::journal::store::MemoryStore;
use resurge::{Class, Engine, Jitter, Json, RetryPolicy, RunError, SettingError};
use support::{Calls, Host, fail_first, patient, records, visit};

use crate::breakers::{all_done, start_many};

const SECOND: Duration = Duration::from_secs(1);

fn policy() -> RetryPolicy {
    RetryPolicy::fixed(SECOND * 10).jitter(Jitter::None).max_retries(1)
}

async fn changes(engine: &Engine) -> Vec<SettingsChanged> {
    let recorded = records(engine).await;
    let changed = recorded.into_iter().filter_map(|record| match record.event {
        Event::SettingsChanged(event) => Some(event),
        _ => None,
    });
    changed.collect()
}

#[tokio::test(start_paused = true)]
async fn retries_that_are_added_while_a_step_waits_are_made_and_the_record_says_who() {
    let calls = Calls::default();
    let flow = fail_first(u32::MAX, Class::Network, policy(), &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    engine.tune("max_retries", Some(4), "ann", "bad weather").await.unwrap();
    engine.tune("max_retries", Some(4), "bob", "the same again").await.unwrap();
    let step = run.view().await.unwrap().steps.first().unwrap().clone();
    assert_eq!((step.max_attempts, step.charged), (5, 1));
    let error = run.outcome().await.unwrap_err();
    assert!(matches!(error, RunError::Exhausted { attempts, .. } if attempts.get() == 5));
    engine.tune("max_retries", None::<u32>, "ann", "sun").await.unwrap();
    let expected = |old: &str, new: &str, reason: &str| SettingsChanged {
        name: "max_retries".to_owned(),
        old: serde_json::from_str(old).unwrap(),
        new: serde_json::from_str(new).unwrap(),
        actor: "ann".to_owned(),
        reason: reason.to_owned(),
    };
    let expected = [expected("null", "4", "bad weather"), expected("4", "null", "sun")];
    assert_eq!(changes(&engine).await, expected);
    let again = engine.start(&flow, ()).await.unwrap();
    again.outcome().await.unwrap_err();
    assert_eq!(calls.so_far(), 7, "the policy's own two attempts again");
}

#[tokio::test(start_paused = true)]
async fn retries_that_are_taken_away_end_a_step_with_its_next_failure() {
    let calls = Calls::default();
    let flow = fail_first(u32::MAX, Class::Network, policy().max_retries(9), &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND * 25).await;
    engine.tune("max_retries", Some(0), "ann", "enough").await.unwrap();
    run.outcome().await.unwrap_err();
    assert_eq!(calls.so_far(), 4, "the delay that was granted stands");
}

#[tokio::test(start_paused = true)]
async fn delays_change_from_the_next_failure_on() {
    let calls = Calls::default();
    let policy = RetryPolicy::exponential(SECOND * 10).jitter(Jitter::None).max_retries(5);
    let flow = fail_first(u32::MAX, Class::Network, policy, &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    for (name, value) in [("initial_delay_ms", 1_000.0), ("backoff_factor", 3.0)] {
        if name == "backoff_factor" {
            engine.tune(name, Some(value), "ann", "faster").await.unwrap();
        } else {
            engine.tune(name, Some(1_000), "ann", "faster").await.unwrap();
        }
    }
    engine.tune("max_delay_ms", Some(20_000), "ann", "faster").await.unwrap();
    run.outcome().await.unwrap_err();
    let recorded = records(&engine).await;
    let starts: Vec<_> = support::attempts(&recorded).iter().map(|(r, _)| r.at).collect();
    let gaps: Vec<u64> = starts
        .windows(2)
        .map(|pair| pair.last().unwrap().since(*pair.first().unwrap()).as_secs())
        .collect();
    assert_eq!(gaps, [10, 3, 9, 20, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_makes_no_sense_is_refused() {
    let engine = support::engine().start().await.unwrap();
    let before = engine.head();
    for (name, value) in [
        ("max_retries", Json::of(&-1).unwrap()),
        ("max_retries", Json::of(&"three").unwrap()),
        ("max_retries", Json::of(&1.5).unwrap()),
        ("backoff_factor", Json::of(&0.5).unwrap()),
        ("attempts_in_flight_max", Json::of(&0).unwrap()),
        ("colour", Json::of(&1).unwrap()),
        ("", Json::of(&1).unwrap()),
    ] {
        let refused = engine.tune(name, Some(&value), "ann", "typo").await;
        assert!(matches!(refused, Err(SettingError::Invalid { .. })), "{name}: {refused:?}");
    }
    assert_eq!(engine.head(), before);
}

#[tokio::test(start_paused = true)]
async fn settings_outlive_the_process() {
    let (disk, calls) = (MemoryStore::new(), Calls::default());
    let flow = fail_first(u32::MAX, Class::Network, policy(), &calls);
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    engine.tune("max_retries", Some(3), "ann", "bad weather").await.unwrap();
    let tuning = engine.tuning().await.unwrap();
    engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    assert_eq!(engine.tuning().await.unwrap(), tuning);
    assert_eq!(tuning.max_retries, Some(3));
    engine.start(&flow, ()).await.unwrap().outcome().await.unwrap_err();
    assert_eq!(calls.so_far(), 4);
}

#[tokio::test(start_paused = true)]
async fn more_or_fewer_attempts_at_the_same_time_take_effect_at_once() {
    let host = Host::new("a");
    host.takes(SECOND * 10);
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    engine.tune("attempts_in_flight_max", Some(2), "ann", "slow line").await.unwrap();
    let runs = start_many(&engine, &flow, 12).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!((host.visits(), host.most_at_once()), (2, 2));
    engine.tune("attempts_in_flight_max", Some(5), "ann", "better").await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!((host.visits(), host.most_at_once()), (5, 5));
    engine.tune("attempts_in_flight_max", Some(1), "ann", "worse").await.unwrap();
    tokio::time::sleep(SECOND * 20).await;
    let _ = host.most_at_once();
    tokio::time::sleep(SECOND * 20).await;
    assert_eq!(host.most_at_once(), 1, "those under way were left to end");
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_short_of_handles_does_less_for_a_minute() {
    let host = Host::new("a");
    host.takes(SECOND * 10);
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    host.answers(|n| {
        (n <= 16).then(|| resurge::StepError::from(std::io::Error::from_raw_os_error(24)))
    });
    let runs = start_many(&engine, &flow, 40).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(host.most_at_once(), 16);
    tokio::time::sleep(SECOND * 20).await;
    let _ = host.most_at_once();
    tokio::time::sleep(SECOND * 30).await;
    assert_eq!(host.most_at_once(), 8);
    all_done(&runs).await;
}
